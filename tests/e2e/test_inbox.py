"""A collaborator works through *À traiter*: by mouse, alone and beside a colleague."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.office import Colleague, Inbox, secured, window, word
from tests.support.people import Person
from tests.support.running import RunningStack

pytestmark = pytest.mark.needs("chromium")


async def waiting(page: Page) -> int:
    """The count beside *À traiter* in the menu."""
    entry = page.get_by_role("navigation", name="Menu principal").get_by_role("link", name="À traiter")
    await expect(entry).to_have_text(re.compile(r"\d+ document"))
    (count,) = re.findall(r"\d+", await entry.inner_text())
    return int(count)


async def test_what_is_taken_in_charge_leaves_the_inbox_and_the_client_sees_it_at_once(
    stack: RunningStack, depositor: Person, page: Page, inbox: Inbox
) -> None:
    _, sample = await secured(depositor, "prise")
    client = await window(page)
    await sign_in(client, stack, "earl-du-chene")
    theirs = client.get_by_role("row").filter(has_text=sample.name)
    await expect(theirs).to_contain_text("Sécurisé")

    await inbox.open()
    await expect(inbox.row(sample.name)).to_contain_text("EARL du Chêne › Comptable")
    before = await waiting(page)
    await inbox.take(sample.name)
    await inbox.said(f"« {sample.name} » est pris en charge.")
    await expect(inbox.row(sample.name)).to_have_count(0)
    assert await waiting(page) == before - 1
    await expect(theirs).to_contain_text("Pris en charge")

    await page.get_by_role("link", name="Historique").click()
    taken = page.get_by_role("listitem").filter(has_text=sample.name)
    await expect(taken).to_contain_text("JEANNY JEROME")
    await expect(taken).to_contain_text(re.compile(r"le \d\d/\d\d/\d{4} à \d\d:\d\d"))


async def test_a_new_deposit_appears_by_itself_and_the_menu_counts_it_on_any_page(
    depositor: Person, page: Page, inbox: Inbox
) -> None:
    elsewhere = await page.context.new_page()
    await elsewhere.goto(page.url.replace("/a-traiter", "/historique"))
    before = await waiting(elsewhere)
    await inbox.open()
    _, sample = await secured(depositor, "arrivee")
    await expect(inbox.row(sample.name)).to_be_visible()
    await elsewhere.bring_to_front()
    after = f"{before + 1} documents" if before else "1 document"
    await expect(elsewhere.locator("#inbox-count")).to_have_text(after)


async def test_a_selection_is_taken_after_a_question_and_each_refusal_is_told_for_its_document(
    depositor: Person, page: Page, inbox: Inbox, colleague: Colleague
) -> None:
    common = word()
    made = [await secured(depositor, common) for _ in range(3)]
    # Nothing tells this page that a colleague is faster.
    await page.route("**/api/live", lambda route: route.abort())
    await inbox.open(common)
    document, sample = made[1]
    await colleague.take(document)

    await page.get_by_role("checkbox", name="Tout sélectionner").check()
    await expect(inbox.selection).to_contain_text("3 documents sélectionnés")
    await inbox.selection.get_by_role("button", name="Prendre en charge").click()
    question = page.get_by_role("dialog", name="Prendre en charge 3 documents ?")
    await question.get_by_role("button", name="Annuler").click()
    await expect(inbox.page.get_by_role("listitem").filter(has_text=common)).to_have_count(3)
    await inbox.selection.get_by_role("button", name="Prendre en charge").click()
    await question.get_by_role("button", name="Prendre en charge").click()

    await expect(inbox.refused).to_contain_text("Un document n’a pas été traité")
    refusal = inbox.refused.get_by_role("listitem")
    await expect(refusal).to_have_text(
        re.compile(
            rf"^{re.escape(sample.name)}Ce document est déjà pris en charge par CAMILLE MARTIN, le \d\d/\d\d/\d{{4}} à"
        )
    )
    await inbox.refused.get_by_role("button", name="J’ai compris").click()
    await inbox.said("2 documents sont pris en charge.")
    await expect(page.get_by_text("Aucun document ne correspond.")).to_be_visible()


async def test_whoever_comes_second_is_told_who_took_the_document_and_when(
    depositor: Person, page: Page, inbox: Inbox, colleague: Colleague
) -> None:
    document, sample = await secured(depositor, "second")
    await page.route("**/api/live", lambda route: route.abort())
    await inbox.open()
    await colleague.take(document)
    await inbox.take(sample.name)
    told = page.get_by_role("alert").filter(has_text=sample.name)
    await expect(told).to_contain_text(
        re.compile(r"déjà pris en charge par CAMILLE MARTIN, le \d\d/\d\d/\d{4} à \d\d:\d\d")
    )
    await expect(inbox.row(sample.name)).to_have_count(0)


async def test_filters_work_without_scripts_and_stand_in_the_address(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    common = word()
    _, first = await secured(depositor, common)
    _, second = await secured(depositor, common, folder="conseil")
    assert page.context.browser is not None
    context = await page.context.browser.new_context(java_script_enabled=False, locale="fr-FR")
    plain = await context.new_page()
    await sign_in(plain, stack, "jeanny-jerome")
    await plain.get_by_role("searchbox").fill(common)
    await plain.get_by_label("Dossier", exact=True).select_option("Conseil")
    await plain.get_by_role("button", name="Filtrer").click()
    await expect(plain.get_by_role("link", name=second.name, exact=True)).to_be_visible()
    await expect(plain.get_by_role("link", name=first.name, exact=True)).to_have_count(0)
    assert f"q={common}" in plain.url
    assert "folder=conseil" in plain.url
    await plain.get_by_role("navigation", name="Par client").get_by_role("link", name="EARL du Chêne").click()
    await expect(plain.get_by_role("link", name=first.name, exact=True)).to_be_visible()
    await plain.get_by_role("navigation", name="États").get_by_role("link", name="Sécurisé").click()
    await expect(plain.get_by_role("link", name=second.name, exact=True)).to_be_visible()
    assert "state=archived" in plain.url
    await context.close()


async def test_a_collaborator_of_another_office_has_none_of_it(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, sample = await secured(depositor, "ailleurs")
    await sign_in(page, stack, "collaborator-53")
    inbox = Inbox(page, stack)
    await inbox.open()
    await expect(inbox.row(sample.name)).to_have_count(0)
    for path in ("/a-traiter?client=earl-du-chene", "/historique?client=earl-du-chene", f"/documents/{document}"):
        answer = await page.goto(f"{stack.endpoints['portal']}{path}")
        assert answer is not None
        assert answer.status == 404
    take = f"fetch('/api/documents/{document}/take', {{ method: 'POST' }}).then((answer) => answer.status)"
    assert await page.evaluate(take) == 404


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_inbox_has_no_accessibility_fault_in_any_state(
    depositor: Person, page: Page, inbox: Inbox, colleague: Colleague, scheme: str
) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    common = word()
    made = [await secured(depositor, f"{common}_facture_coop", folder=folder) for folder in ("comptable", "conseil")]
    await page.route("**/api/live", lambda route: route.abort())

    async def shown(state: str) -> None:
        await screens(page, f"inbox-{state}-{scheme}")
        assert await accessibility_faults(page) == [], state

    await inbox.open()
    await shown("list")
    await inbox.send_back(made[0][1].name, "Page manquante", "La page 2 n’a pas été numérisée.")
    await inbox.said("est à revoir")
    await inbox.open(common)
    await page.get_by_role("checkbox", name="Tout sélectionner").check()
    await shown("selection")
    await page.keyboard.press("r")
    await shown("reasons")
    await inbox.reasons.get_by_role("button", name="Demander au client").click()
    await shown("reasons-missing")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await shown("shortcuts")
    await page.keyboard.press("Escape")
    await page.keyboard.press("p")
    await shown("question")
    await colleague.take(made[1][0])
    await page.get_by_role("dialog").get_by_role("button", name="Prendre en charge").click()
    await expect(inbox.refused).to_be_visible()
    await shown("refused")
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Aucun document ne correspond.")).to_be_visible()
    await shown("nothing")
    await page.get_by_role("link", name="Historique").click()
    await expect(page.get_by_role("heading", level=1, name="Historique")).to_be_visible()
    await shown("history")
