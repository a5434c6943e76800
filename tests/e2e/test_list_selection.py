"""What a client does with the documents ticked in *Mes documents*: a zip, a deletion, by mouse and by keyboard."""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.support.catalog import Scene
from tests.support.list_page import decided, deposits, names, row, secured, zipped
from tests.support.told import taken

pytestmark = pytest.mark.needs("chromium")


async def test_the_box_in_the_head_ticks_the_page_and_a_zip_takes_hundreds(
    client: Page, scene: Scene, portal: str
) -> None:
    made = deposits(scene, *(f"facture {number:03}.pdf" for number in range(210)))
    for each in made:
        await asyncio.to_thread(scene.put, "ged", f"{scene.office}/{scene.client}/{each.data.document}", b"%PDF" * 10)
    await secured(scene, made)
    await client.goto(f"{portal}/documents")
    await client.get_by_role("navigation", name="Pages").get_by_role("link", name="200").click()
    await expect(names(client)).to_have_count(200)
    head = client.get_by_role("checkbox", name="Tout sélectionner sur cette page")
    await client.get_by_role("checkbox", name="Sélectionner facture 007.pdf").check()
    assert await head.evaluate("box => box.indeterminate")
    await expect(client.get_by_text("1 document sélectionné")).to_be_visible()
    await head.check()
    await expect(client.get_by_text("200 documents sélectionnés")).to_be_visible()
    async with client.expect_download() as downloading:
        await client.get_by_role("group", name="Sélection").get_by_role("button", name="Télécharger").click()
    download = await downloading.value
    assert re.fullmatch(r"documents \d{4}-\d\d-\d\d\.zip", download.suggested_filename)
    assert await zipped(await download.path()) == [f"facture {number:03}.pdf" for number in range(200)]
    await client.get_by_role("button", name="Tout désélectionner").click()
    await expect(head).not_to_be_checked()
    await expect(head).to_be_focused()
    await expect(client.get_by_role("searchbox")).to_be_visible()


async def test_a_document_is_deleted_after_a_question_that_names_it(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "reste.pdf", "part.pdf", "suit.pdf"))
    await client.goto(f"{portal}/documents")
    button = client.get_by_role("button", name="Supprimer part.pdf")
    await button.click()
    dialog = client.get_by_role("dialog", name="Supprimer ce document ?")
    await expect(dialog).to_contain_text("« part.pdf » sera effacé définitivement, ici et chez votre CERFRANCE.")
    await expect(dialog.get_by_role("button", name="Annuler")).to_be_focused()
    await client.keyboard.press("Escape")
    await expect(names(client)).to_have_count(3)
    await expect(button).to_be_focused()
    await button.click()
    await dialog.get_by_role("button", name="Supprimer").click()
    await expect(names(client)).to_have_text(["reste.pdf", "suit.pdf"])
    await expect(client.get_by_role("status").filter(has_text="Le document est supprimé.")).to_be_visible()
    await expect(client.get_by_role("link", name="suit.pdf", exact=True)).to_be_focused()


async def test_what_of_a_selection_could_not_be_deleted_is_told_by_name(
    client: Page, scene: Scene, portal: str
) -> None:
    made = deposits(scene, "un.pdf", "deux.pdf", "trois.pdf", "quatre.pdf")
    await secured(scene, made)
    await decided(scene, made[3], taken(made[3]), state="taken")
    # No live hints: the page doesn't know yet what the accountant did.
    await client.route("**/api/live", lambda route: route.abort())
    await client.goto(f"{portal}/documents")
    async with scene.browser("accountant") as http:
        assert (await http.post(f"/api/documents/{made[1].data.document}/take")).status_code == 200
    await client.get_by_role("checkbox", name="Tout sélectionner sur cette page").check()
    await client.get_by_role("group", name="Sélection").get_by_role("button", name="Supprimer").click()
    question = client.get_by_role("dialog", name="Supprimer 3 documents ?")
    await expect(question).to_contain_text("« un.pdf », « deux.pdf » et « trois.pdf » seront effacés définitivement")
    await expect(question).to_contain_text("1 document pris en charge est conservé.")
    await question.get_by_role("button", name="Supprimer 3 documents").click()
    told = client.get_by_role("dialog", name="1 document n’a pas pu être supprimé")
    await expect(told.get_by_role("listitem")).to_have_text(
        re.compile("^deux.pdf ?Ce document est déjà pris en charge")
    )
    await expect(names(client)).to_have_text(["deux.pdf", "quatre.pdf"])
    await told.get_by_role("button", name="J’ai compris").click()
    await expect(row(client, "deux.pdf").locator(".pill")).to_have_text("Pris en charge")


async def test_the_list_is_used_by_keyboard_alone(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "un.pdf", "deux.pdf"))
    await client.goto(f"{portal}/documents")
    await client.get_by_role("checkbox", name="Tout sélectionner").focus()
    for _ in range(4):
        await client.keyboard.press("Tab")
    await expect(client.get_by_role("checkbox", name="Sélectionner un.pdf")).to_be_focused()
    await client.keyboard.press("Space")
    await expect(client.get_by_text("1 document sélectionné")).to_be_visible()
    for label in ("un.pdf", "Visualiser un.pdf", "Télécharger un.pdf", "Supprimer un.pdf"):
        await client.keyboard.press("Tab")
        focused = client.locator(":focus")
        assert (await focused.get_attribute("aria-label") or await focused.inner_text()) == label
    await client.keyboard.press("Escape")
    await expect(client.get_by_text("1 document sélectionné")).to_be_hidden()


async def test_what_was_made_available_cannot_be_deleted(client: Page, scene: Scene, portal: str) -> None:
    made = scene.announced(name="Bilan 2025.pdf", space="published", folder="Bilan")
    await secured(scene, [made])
    await client.goto(f"{portal}/documents")
    await client.get_by_role("link", name="DOCUMENTS", exact=True).click()
    await expect(row(client, "Bilan 2025.pdf").locator(".pill")).to_have_text("Mis à disposition")
    await client.get_by_role("checkbox", name="Sélectionner Bilan 2025.pdf").check()
    await expect(client.get_by_text("1 document sélectionné")).to_be_visible()
    assert await client.get_by_role("button", name="Supprimer").count() == 0


async def test_the_focus_goes_on_when_its_row_is_withdrawn_in_another_window(
    client: Page, scene: Scene, portal: str
) -> None:
    made = deposits(scene, "un.pdf", "deux.pdf", "trois.pdf")
    await secured(scene, made)
    await client.goto(f"{portal}/documents")
    await client.get_by_role("link", name="Télécharger deux.pdf").focus()
    async with scene.browser("client") as elsewhere:
        await elsewhere.delete(f"/api/documents/{made[1].data.document}")
        await expect(client.get_by_role("link", name="trois.pdf", exact=True)).to_be_focused()
        await elsewhere.delete(f"/api/documents/{made[2].data.document}")
        await expect(client.get_by_role("heading", name="Mes documents")).to_be_focused()
        # Whoever is elsewhere stays there.
        await client.get_by_role("link", name="FICHIERS EN COURS").focus()
        await elsewhere.delete(f"/api/documents/{made[0].data.document}")
    await expect(client.get_by_text("Aucun fichier en cours.")).to_be_visible()
    await expect(client.get_by_role("link", name="FICHIERS EN COURS")).to_be_focused()


async def test_the_focus_goes_on_when_what_was_selected_is_deleted(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "un.pdf", "deux.pdf", "trois.pdf"))
    await client.goto(f"{portal}/documents")
    for name in ("un.pdf", "deux.pdf"):
        await client.get_by_role("checkbox", name=f"Sélectionner {name}").check()
    bar = client.get_by_role("group", name="Sélection")
    for follower in (
        client.get_by_role("link", name="trois.pdf", exact=True),
        client.get_by_role("heading", name="Mes documents"),
    ):
        await bar.get_by_role("button", name="Supprimer").click()
        await client.get_by_role("dialog").get_by_role("button", name="Supprimer").click()
        await expect(follower).to_be_focused()
        if await client.get_by_role("checkbox", name="Tout sélectionner").count():
            await client.get_by_role("checkbox", name="Tout sélectionner").check()


async def test_the_focus_goes_on_when_a_row_went_behind_its_panel(client: Page, scene: Scene, portal: str) -> None:
    made = deposits(scene, "un.pdf", "deux.pdf")
    await secured(scene, made)
    await client.goto(f"{portal}/documents")
    await client.get_by_role("link", name="un.pdf", exact=True).click()
    panel = client.locator("#panel")
    await panel.get_by_role("link", name="Télécharger").focus()
    async with scene.browser("client") as elsewhere:
        await elsewhere.delete(f"/api/documents/{made[0].data.document}")
    await expect(panel.get_by_role("heading", level=1)).to_be_focused()
    await expect(client.locator("#rows tr")).to_have_count(1)
    await client.keyboard.press("Escape")
    await expect(client.get_by_role("link", name="deux.pdf", exact=True)).to_be_focused()
