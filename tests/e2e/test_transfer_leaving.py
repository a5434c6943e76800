"""A page whose transfers are running is left only after a question, and a download doesn't leave it."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import Questions, sign_in
from tests.support.catalog import Scene
from tests.support.list_page import deposits, secured
from tests.support.office import Inbox, word
from tests.support.office import secured as secured_deposit
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.told import admit
from tests.support.transferring import Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")

RURAL = 200_000


async def test_a_download_of_one_or_several_documents_is_no_leaving(
    page: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    [made] = deposits(scene, "facture.pdf")
    await asyncio.to_thread(scene.put, "ged", f"{scene.office}/{scene.client}/{made.data.document}", b"%PDF" * 100)
    await secured(scene, [made])
    await admit(page.context, scene, "client", origin=portal)
    await page.goto(f"{portal}/documents")
    transfer, sample, questions = Transfer(page, files=tmp_path), invoice("en_route", size=12_000_000), Questions(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.shows(sample, "Transfert en cours")
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()

    async with page.expect_download():
        await page.get_by_role("link", name="Télécharger facture.pdf").click()
    await page.get_by_role("checkbox", name="Sélectionner facture.pdf").check()
    selection = page.get_by_role("group", name="Sélection")
    for _ in range(2):
        async with page.context.expect_page() as opening:
            await selection.get_by_role("button", name="Télécharger").click()
        window = await opening.value
        if not window.is_closed():
            await window.wait_for_event("close")

    # What says why there is no file takes no place of the page that sends.
    await page.context.clear_cookies()
    async with page.context.expect_page() as opening:
        await selection.get_by_role("button", name="Télécharger").click()
    refusal = await opening.value
    await expect(refusal.get_by_role("heading", name="Votre session a expiré")).to_be_visible()
    await refusal.close()
    await admit(page.context, scene, "client", origin=portal)
    await expect(page.get_by_role("complementary", name="Transfert de documents")).to_contain_text("Transfert en cours")
    assert questions.asked == 0

    await page.evaluate("setTimeout(() => location.reload())")
    await expect(page.get_by_role("complementary", name="Transfert de documents")).to_be_visible()
    assert questions.asked == 1


async def test_a_collaborator_downloads_while_they_publish(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    common = word()
    _, deposited = await secured_deposit(depositor, common)
    await sign_in(page, stack, "jeanny-jerome")
    await page.goto(f"{stack.endpoints['portal']}/publies")
    await page.get_by_role("button", name="Publier des documents").click()
    transfer, sample, questions = Transfer(page, files=tmp_path), invoice("bilan", size=12_000_000), Questions(page)
    transfer.dialog = page.get_by_role("dialog", name="Publier des documents")
    await transfer.choose(sample)
    await transfer.dialog.get_by_role("combobox", name="CLIENT*").select_option("EARL du Chêne")
    await transfer.dialog.get_by_role("combobox", name="DOSSIER*").select_option("Bilan")
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.start()
    await transfer.shows(sample, "Transfert en cours")
    questions.stay = False
    inbox = Inbox(page, stack)
    await inbox.open(common)
    await expect(page.get_by_role("complementary", name="Transfert de documents")).to_contain_text("Transfert en cours")
    before = questions.asked
    async with page.expect_download():
        await inbox.row(deposited.name).get_by_role("link", name="Télécharger").click()
    assert questions.asked == before
