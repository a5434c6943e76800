"""A person in a browser."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import accessibility_faults, sign_in
from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")


async def test_a_client_signs_in_by_click_and_downloads_what_they_deposited(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    sample = invoice("facture_coop_022020", size=40_000)
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document))

    await sign_in(page, stack, "earl-du-chene")
    row = page.get_by_role("row").filter(has_text=sample.name)
    await expect(row).to_be_visible()
    async with page.expect_download() as downloading:
        await row.get_by_role("link", name="Télécharger").click()
    download = await downloading.value
    assert download.suggested_filename == sample.name
    assert await asyncio.to_thread(Path.read_bytes, await download.path()) == sample.content


@pytest.mark.usefixtures("js")
async def test_mes_documents_has_no_accessibility_fault(stack: RunningStack, page: Page) -> None:
    await sign_in(page, stack, "earl-du-chene")
    assert await accessibility_faults(page) == []


async def test_a_client_does_not_see_another_clients_documents(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    sample = invoice("confidentiel")
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document))

    await sign_in(page, stack, "second-client")
    await expect(page.get_by_text(sample.name)).to_have_count(0)
    answer = await page.goto(f"{stack.endpoints['portal']}/api/documents/{document}")
    assert answer is not None
    assert answer.status == 404
