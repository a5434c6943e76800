"""A collaborator works through *À traiter* by keyboard, alone and beside a colleague."""

import pytest
from playwright.async_api import Page, expect

from tests.support.office import Colleague, Inbox, secured, word
from tests.support.people import Person

pytestmark = pytest.mark.needs("chromium")


async def test_the_whole_work_is_done_by_keyboard(depositor: Person, page: Page, inbox: Inbox) -> None:
    common = word()
    oldest, middle, newest = [(await secured(depositor, common))[1].name for _ in range(3)]
    await inbox.open(common)
    await page.keyboard.press("j")
    await expect(inbox.link(newest)).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(inbox.link(oldest)).to_be_focused()
    await page.keyboard.press("k")
    await expect(inbox.link(middle)).to_be_focused()

    await page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name=middle)
    await expect(viewer).to_be_visible()
    await page.keyboard.press("p")  # nothing is taken behind the viewer
    await page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await expect(inbox.link(middle)).to_be_focused()

    await page.keyboard.press("p")
    await inbox.said(f"« {middle} » est pris en charge.")
    await expect(inbox.link(oldest)).to_be_focused()

    await page.keyboard.press("r")
    await expect(inbox.reasons).to_be_visible()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await inbox.said(f"« {oldest} » est à revoir.")
    await expect(inbox.row(oldest)).to_contain_text("Illisible – demandé au client par JEANNY JEROME")
    await expect(inbox.link(newest)).to_be_focused()

    await page.keyboard.press("x")
    await expect(inbox.selection).to_contain_text("1 document sélectionné")
    await page.keyboard.press("x")
    await expect(inbox.selection).to_contain_text("Aucun document sélectionné")
    await page.keyboard.press("p")
    await expect(inbox.row(newest)).to_have_count(0)


async def test_when_the_last_document_is_taken_the_focus_stays_on_the_page(
    depositor: Person, page: Page, inbox: Inbox
) -> None:
    common = word()
    await secured(depositor, common)
    await inbox.open(common)
    await page.keyboard.press("j")
    await page.keyboard.press("p")
    await expect(page.get_by_text("Aucun document ne correspond.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_be_focused()


async def test_keys_do_nothing_while_one_types_and_can_be_switched_off_for_good(
    depositor: Person, page: Page, inbox: Inbox
) -> None:
    common = word()
    _, sample = await secured(depositor, common)
    await inbox.open(common)
    await page.keyboard.press("j")
    await page.get_by_role("searchbox").fill("")
    await page.get_by_role("searchbox").press_sequentially("japprx?")
    await expect(page.get_by_role("searchbox")).to_have_value("japprx?")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await inbox.link(sample.name).focus()
    await page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Raccourcis clavier")
    await help_.get_by_role("checkbox", name="Activer les raccourcis clavier").uncheck()
    await help_.get_by_role("button", name="Fermer").click()
    for _ in range(2):
        for key in "jkpxr?":
            await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(inbox.selection).to_contain_text("Aucun document sélectionné")
        await expect(inbox.row(sample.name)).to_contain_text("Sécurisé")
        await page.reload()

    await page.get_by_role("button", name="Raccourcis clavier").click()
    await help_.get_by_role("checkbox", name="Activer les raccourcis clavier").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(inbox.link(sample.name)).to_be_focused()


async def test_a_key_right_after_a_dialog_closed_keeps_its_row(depositor: Person, page: Page, inbox: Inbox) -> None:
    common = word()
    _, sample = await secured(depositor, common)
    await inbox.open(common)
    await page.get_by_role("button", name="Raccourcis clavier").click()
    # Before the browser finds the time to tell that the dialog has closed.
    await page.evaluate(
        "() => new Promise(resolve => { const help = document.getElementById('shortcuts');"
        " help.addEventListener('close', () => setTimeout(resolve)); help.close();"
        " document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true })); })"
    )
    await expect(inbox.link(sample.name)).to_be_focused()


async def test_a_key_never_takes_the_document_that_slid_under_the_cursor(
    depositor: Person, page: Page, inbox: Inbox, colleague: Colleague
) -> None:
    common = word()
    (_, older), (gone, newer) = [await secured(depositor, common) for _ in range(2)]
    await inbox.open(common)
    await page.keyboard.press("j")
    await expect(inbox.link(newer.name)).to_be_focused()
    await colleague.take(gone)
    await expect(inbox.row(newer.name)).to_have_count(0)
    await page.keyboard.press("p")
    await page.keyboard.press("j")
    await expect(inbox.link(older.name)).to_be_focused()
    await expect(inbox.row(older.name)).to_contain_text("Sécurisé")


async def test_a_selection_survives_what_happens_around_it(depositor: Person, page: Page, inbox: Inbox) -> None:
    common = word()
    _, sample = await secured(depositor, common)
    await inbox.open(common)
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    _, later = await secured(depositor, common)
    await expect(inbox.row(later.name)).to_be_visible()
    await expect(page.get_by_role("checkbox", name=f"Sélectionner {sample.name}")).to_be_checked()
    await expect(inbox.selection).to_contain_text("1 document sélectionné")
    await expect(inbox.link(sample.name)).to_be_focused()
