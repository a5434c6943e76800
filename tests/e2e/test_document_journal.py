"""The journal in a document's panel: the office reads who did what, the client doesn't."""

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.usefixtures("js")
async def test_the_office_reads_who_did_what_and_the_client_does_not(
    stack: RunningStack, depositor: Person, http: httpx.AsyncClient, page: Page
) -> None:
    sample = invoice("journal")
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=20)
    await depositor.portal.content(document)
    office = await signed_in("jeanny-jerome", stack=stack, http=http)

    async def all_written() -> bool:
        return len(await office.portal.audit(document)) >= 3

    await eventually(all_written, within=30)
    address = f"{stack.endpoints['portal']}/documents/{document}"
    await sign_in(page, stack, "jeanny-jerome")
    await page.goto(address)
    journal = page.get_by_role("table", name="Journal")
    # The copy in the GED and what was read of it come in the order they were heard.
    await expect(journal.get_by_role("row")).to_have_count(3)
    for told in ("a téléchargé le document", "a déposé le document"):
        await expect(journal.get_by_role("row").filter(has_text=f"EARL du Chêne {told}")).to_have_count(1)
    await expect(journal.get_by_role("row").filter(has_text="Le document a rejoint la GED sécurisée")).to_have_count(1)
    assert await accessibility_faults(page) == []
    await screens(page, "journal")

    await page.context.clear_cookies()
    await sign_in(page, stack, "earl-du-chene")
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_have_text(sample.name)
    await expect(page.get_by_role("table", name="Journal")).to_have_count(0)
