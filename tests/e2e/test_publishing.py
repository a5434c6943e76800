"""An office publishes to a client, sees whether it was opened, and withdraws it."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.tus import Deposit

chromium = pytest.mark.needs("chromium")
OWNER = "contact@earl-du-chene.example"
YEAR = datetime.now(UTC).year


@pytest.fixture
async def office(stack: RunningStack, http: httpx.AsyncClient) -> Person:
    """JEANNY JEROME, accountant of both clients of office 14."""
    return await signed_in("jeanny-jerome", stack=stack, http=http)


@pytest.fixture
async def second(page: Page) -> AsyncIterator[Page]:
    """Another person's window."""
    browser = page.context.browser
    assert browser
    context = await browser.new_context(locale="fr-FR", timezone_id="Europe/Paris", accept_downloads=True)
    window = await context.new_page()
    window.set_default_timeout(15_000)
    yield window
    await context.close()


def to_client(label: str = "Bilan", *, size: int = 1, client: str = "earl-du-chene") -> Deposit:
    return Deposit(size=size, folder=label, client=client, space="published")


async def published(office: Person, name: str, label: str = "Bilan") -> tuple[str, Sample]:
    """A document that its client can read, already in the GED."""
    sample = invoice(name)
    document = await office.tus.deposit(sample, to=to_client(label))
    await eventually(lambda: office.portal.archived(document), within=60)
    return document, sample


async def publications(page: Page, stack: RunningStack) -> None:
    """The client's tab DOCUMENTS."""
    await sign_in(page, stack, "earl-du-chene")
    await page.get_by_role("link", name="DOCUMENTS", exact=True).click()
    await expect(page.get_by_role("link", name="DOCUMENTS", exact=True)).to_have_attribute("aria-current", "page")


async def documents_published(page: Page, stack: RunningStack) -> None:
    """The office's list."""
    await sign_in(page, stack, "jeanny-jerome")
    await page.get_by_role("link", name="Documents publiés").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Documents publiés")


async def opened_before(office: Person, document: str) -> bool:
    """Whether the client had opened what was withdrawn, as the journal has it."""

    async def journaled() -> list[bool]:
        audit = await office.portal.audit(document)
        return [each["opened"] for each in audit if each["action"] == "withdrawn"]

    (opened,) = await eventually(journaled)
    return opened


def entry(page: Page, sample: Sample) -> Locator:
    """A document in the office's list."""
    return page.get_by_role("listitem").filter(has_text=sample.name)


def row(page: Page, sample: Sample) -> Locator:
    """A document in the client's list."""
    return page.get_by_role("row").filter(has_text=sample.name)


async def groups(page: Page) -> list[str]:
    """What the client's list says from the top: its groups' labels and its documents' names."""
    said = await page.locator("#rows > tr").all()
    return [
        await line.get_by_role("rowheader").inner_text()
        if await line.get_by_role("rowheader").count()
        else await line.locator(".filename").inner_text()
        for line in said
    ]


@chromium
async def test_a_collaborator_publishes_and_both_see_it_live_and_the_client_is_told_by_mail(
    stack: RunningStack, page: Page, second: Page, mailbox: Mailbox, tmp_path: Path
) -> None:
    await publications(second, stack)
    await documents_published(page, stack)
    sample = invoice("bilan_publie")
    file = tmp_path / sample.name
    await asyncio.to_thread(file.write_bytes, sample.content)

    await page.get_by_role("button", name="Publier des documents").click()
    dialog = page.get_by_role("dialog", name="Publier des documents")
    await dialog.get_by_label("CLIENT*").select_option(label="EARL du Chêne")
    await dialog.get_by_label("DOSSIER*", exact=True).select_option(label="Autre…")
    await dialog.get_by_label("AUTRE DOSSIER*").fill("Contrats")
    await page.set_input_files("#transfer-files", file)
    await dialog.get_by_role("button", name="TOUT TRANSFÉRER").click()
    await expect(dialog.get_by_text("Votre client est averti par mail.")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Publier d’autres documents")).to_be_visible()
    await dialog.get_by_role("button", name="Fermer", exact=True).last.click()

    await expect(entry(page, sample)).to_contain_text("EARL du Chêne")
    await expect(entry(page, sample)).to_contain_text("Mis à disposition")
    await expect(entry(page, sample)).to_contain_text("par JEANNY JEROME")
    await expect(entry(page, sample)).to_contain_text("Pas encore consulté")

    await expect(row(second, sample)).to_contain_text("Mis à disposition")
    said = await groups(second)
    assert said[said.index(sample.name) - 1] == f"Contrats {YEAR}"

    (mail,) = await eventually(lambda: mailbox.naming(sample.name), within=60)
    assert OWNER in mail.to
    assert mail.subject == "EARL du Chêne : 1 document mis à votre disposition (Contrats)"
    link = re.search(r"https?://\S+", mail.text)
    assert link
    await second.goto(link[0])
    await expect(row(second, sample)).to_be_visible()
    assert (await groups(second))[0] == f"Contrats {YEAR}"


@chromium
async def test_the_client_finds_publications_by_label_and_year_the_newest_first(
    stack: RunningStack, office: Person, page: Page
) -> None:
    _, older = await published(office, "paie_septembre", "Paie")
    _, bilan = await published(office, "bilan_annuel", "Bilan")
    _, newer = await published(office, "paie_octobre", "Paie")
    await publications(page, stack)
    said = await groups(page)
    assert said[:3] == [f"Paie {YEAR}", newer.name, older.name]
    assert said.index(f"Bilan {YEAR}") < said.index(bilan.name)
    assert said[said.index(newer.name) : said.index(bilan.name)].count(f"Bilan {YEAR}") == 1

    await page.get_by_role("navigation", name="Mes dossiers").get_by_role("link", name=re.compile("^Bilan")).click()
    await expect(row(page, bilan)).to_be_visible()
    await expect(row(page, newer)).to_have_count(0)
    assert (await groups(page))[0] == f"Bilan {YEAR}"


@chromium
async def test_the_client_reads_a_publication_and_the_office_sees_live_that_it_was_opened(
    stack: RunningStack, office: Person, page: Page, second: Page
) -> None:
    _, sample = await published(office, "a_consulter")
    await documents_published(page, stack)
    await expect(entry(page, sample)).to_contain_text("Pas encore consulté")
    await publications(second, stack)
    async with second.expect_download() as downloading:
        await row(second, sample).get_by_role("link", name=f"Télécharger {sample.name}").click()
    download = await downloading.value
    assert await asyncio.to_thread(Path.read_bytes, await download.path()) == sample.content
    await expect(entry(page, sample)).to_contain_text(re.compile(r"Consulté\s+le \d\d/\d\d/\d{4} à \d\d:\d\d"))


@chromium
async def test_the_client_can_neither_delete_a_publication_nor_have_it_taken(
    stack: RunningStack, depositor: Person, office: Person, page: Page
) -> None:
    document, sample = await published(office, "a_garder")
    await publications(page, stack)
    await row(page, sample).get_by_role("checkbox").check()
    await expect(page.get_by_role("button", name="Télécharger", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("Supprimer"))).to_have_count(0)
    assert await depositor.portal.decide("withdraw", document, reason="motif") == 403
    assert await depositor.portal.decide("take", document) == 403
    assert await office.portal.decide("take", document) == 409
    assert await depositor.portal.content(document) == sample.content


@chromium
async def test_the_office_withdraws_with_a_reason_and_the_client_sees_it_go(
    stack: RunningStack, office: Person, page: Page, second: Page
) -> None:
    document, sample = await published(office, "mauvais_client", "Social")
    await publications(second, stack)
    await expect(row(second, sample)).to_be_visible()
    await documents_published(page, stack)
    await entry(page, sample).get_by_role("button", name=f"Retirer {sample.name}").click()
    dialog = page.get_by_role("dialog", name="Retirer ce document ?")
    await expect(dialog).to_contain_text("Votre client ne l’a pas encore consulté.")
    await dialog.get_by_role("button", name="Retirer", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_have_text("Choisissez un motif.")
    await dialog.get_by_label("Envoyé au mauvais client").check()
    await dialog.get_by_role("button", name="Retirer", exact=True).click()
    await expect(dialog).to_be_hidden()

    await expect(page.get_by_role("status").get_by_text("Le document est retiré.")).to_be_visible()
    gone = page.locator(f"#document-{document}")
    await expect(gone).to_contain_text("par JEANNY JEROME. Motif : Envoyé au mauvais client")
    await expect(gone).to_contain_text("Jamais consulté")
    await expect(row(second, sample)).to_have_count(0)
    assert await opened_before(office, document) is False


@chromium
async def test_before_and_after_a_withdrawal_the_office_sees_that_it_had_been_opened(
    stack: RunningStack, depositor: Person, office: Person, page: Page
) -> None:
    document, sample = await published(office, "deja_consulte")
    await depositor.portal.content(document)
    await documents_published(page, stack)
    await entry(page, sample).get_by_role("button", name=f"Retirer {sample.name}").click()
    dialog = page.get_by_role("dialog", name="Retirer ce document ?")
    await expect(dialog).to_contain_text(re.compile(r"Votre client l’a consulté le \d\d/\d\d/\d{4}"))
    await dialog.get_by_label("Autre motif").check()
    await dialog.get_by_label("Précisez le motif").fill("Chiffres à corriger")
    await dialog.get_by_role("button", name="Retirer", exact=True).click()
    gone = page.locator(f"#document-{document}")
    await expect(gone).to_contain_text("Motif : Chiffres à corriger")
    await expect(gone).to_contain_text(re.compile(r"Consulté\s+le"))
    assert await opened_before(office, document) is True


@chromium
async def test_a_withdrawal_is_done_and_given_up_by_keyboard_alone(
    stack: RunningStack, office: Person, page: Page
) -> None:
    document, sample = await published(office, "au_clavier")
    await documents_published(page, stack)
    button = entry(page, sample).get_by_role("button", name=f"Retirer {sample.name}")
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Retirer ce document ?")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()

    await page.keyboard.press("Enter")
    await dialog.get_by_label("Envoyé au mauvais client").focus()
    await page.keyboard.press("ArrowDown")
    await expect(dialog.get_by_label("Document erroné")).to_be_checked()
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_role("button", name="Annuler")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()

    # Enter in a field does what the dialog is for, and not what gives it up.
    await page.keyboard.press("Enter")
    await dialog.get_by_label("Envoyé au mauvais client").focus()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("Choisissez un motif.")
    await expect(dialog.get_by_role("group", name="Motif")).to_have_accessible_description("Choisissez un motif.")
    await page.keyboard.press("ArrowDown")
    await expect(dialog.locator("#withdrawal-problem")).to_be_empty()
    await dialog.get_by_label("Autre motif").check()
    await dialog.get_by_role("button", name="Retirer", exact=True).click()
    await expect(dialog.get_by_label("Précisez le motif")).to_be_focused()
    await expect(dialog.get_by_label("Précisez le motif")).to_have_accessible_description(
        "Écrivez le motif en quelques mots."
    )
    await dialog.get_by_label("Document erroné").check()
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#document-{document}")).to_contain_text("Motif : Document erroné")
    await expect(page.locator(f"#document-{document}").get_by_role("link")).to_be_focused()


@chromium
async def test_a_publication_is_withdrawn_from_its_panel_too(
    stack: RunningStack, depositor: Person, office: Person, page: Page
) -> None:
    document, sample = await published(office, "depuis_le_panneau")
    await depositor.portal.content(document)
    await documents_published(page, stack)
    await entry(page, sample).get_by_role("link", name=sample.name, exact=True).click()
    panel = page.locator("#panel")
    await expect(panel).to_contain_text("Consulté par EARL du Chêne")
    await panel.get_by_role("button", name=f"Retirer {sample.name}").click()
    dialog = page.get_by_role("dialog", name="Retirer ce document ?")
    await expect(dialog).to_contain_text("Votre client l’a consulté le")
    await dialog.get_by_label("Document erroné").check()
    await dialog.get_by_role("button", name="Retirer", exact=True).click()
    await expect(panel).to_contain_text("Motif : Document erroné")
    await expect(panel.get_by_role("heading", level=1)).to_be_focused()
    await page.goto(f"{stack.endpoints['portal']}/documents/{document}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Document retiré")


async def test_what_is_withdrawn_before_its_mail_went_is_not_named_in_it(office: Person, mailbox: Mailbox) -> None:
    both = to_client(size=2)
    wrong, right = invoice("erreur"), invoice("correct")
    document = await office.tus.deposit(wrong, to=both)
    await eventually(lambda: office.portal.document(document))
    assert await office.portal.decide("withdraw", document, reason="Document erroné") == 200
    await eventually(lambda: _erased(office, document), within=60)
    await office.tus.deposit(right, to=both)
    (mail,) = await eventually(lambda: mailbox.naming(right.name), within=60)
    assert wrong.name not in mail.text + mail.html
    assert "1 document mis à votre disposition" in mail.subject


async def test_only_a_collaborator_of_the_client_can_publish_to_them(
    stack: RunningStack, http: httpx.AsyncClient, depositor: Person, office: Person
) -> None:
    adviser = await signed_in("conseil-14", stack=stack, http=http)
    outsider = await signed_in("collaborator-53", stack=stack, http=http)
    admin = await signed_in("admin-14", stack=stack, http=http)
    for who, client, status in (
        (depositor, "earl-du-chene", 403),
        (adviser, "garage-du-pont", 404),
        (outsider, "earl-du-chene", 404),
        (office, "ferme-des-tilleuls", 404),
        (admin, "earl-du-chene", 403),
    ):
        sample = invoice("refus")
        with pytest.raises(httpx.HTTPStatusError) as refused:
            await who.tus.create(sample, to_client(client=client).metadata(sample))
        assert refused.value.response.status_code == status
    sample = invoice("accord")
    await adviser.tus.deposit(sample, to=to_client(client="earl-du-chene"))


async def test_another_offices_collaborator_finds_no_publication(
    stack: RunningStack, http: httpx.AsyncClient, office: Person
) -> None:
    document, _ = await published(office, "confidentiel")
    outsider = await signed_in("collaborator-53", stack=stack, http=http)
    assert await outsider.portal.document(document) is None
    assert await outsider.portal.decide("withdraw", document, reason="motif") == 404


@chromium
async def test_without_scripts_the_list_is_filtered_read_and_left_by_links(
    stack: RunningStack, office: Person, page: Page
) -> None:
    _, sample = await published(office, "sans_script", "Fiscal")
    browser = page.context.browser
    assert browser
    context = await browser.new_context(java_script_enabled=False, locale="fr-FR")
    plain = await context.new_page()
    await documents_published(plain, stack)
    await plain.get_by_label("Dossier", exact=True).select_option(label="Fiscal")
    await plain.get_by_label("Rechercher").fill("sans_script")
    await plain.get_by_role("button", name="Filtrer").click()
    await expect(entry(plain, sample)).to_be_visible()
    assert "label=Fiscal" in plain.url
    await expect(plain.get_by_role("button", name=re.compile("Retirer|Publier"))).to_have_count(0)
    async with plain.expect_download() as downloading:
        await entry(plain, sample).get_by_role("link", name=f"Télécharger {sample.name}").click()
    assert (await downloading.value).suggested_filename == sample.name
    await plain.get_by_label("État").select_option(label="Retirés")
    await plain.get_by_role("button", name="Filtrer").click()
    await expect(plain.get_by_text("Aucun document ne correspond.")).to_be_visible()
    await plain.get_by_role("link", name="Tout afficher").click()
    await expect(entry(plain, sample)).to_be_visible()
    await context.close()


@chromium
@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_state_of_publishing_has_an_accessibility_fault(
    stack: RunningStack, depositor: Person, office: Person, page: Page, scheme: str
) -> None:
    gone, _ = await published(office, "retire", "Social")
    await office.portal.decide("withdraw", gone, reason="Envoyé au mauvais client")
    document, sample = await published(office, "Annexe comptable et tableau des immobilisations au 31-12-2025", "Paie")
    await depositor.portal.content(document)
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    await documents_published(page, stack)
    await _faultless(page, f"publies-{scheme}")
    await entry(page, sample).get_by_role("button", name=f"Retirer {sample.name}").click()
    await page.get_by_label("Autre motif").check()
    await page.get_by_role("dialog").get_by_role("button", name="Retirer", exact=True).click()
    await expect(page.get_by_role("alert").get_by_text("Écrivez le motif en quelques mots.")).to_be_visible()
    await _faultless(page, f"publies-retirer-{scheme}")
    await page.goto(f"{stack.endpoints['portal']}/publies?q=introuvable")
    await _faultless(page, f"publies-vide-{scheme}")

    await page.context.clear_cookies()
    await publications(page, stack)
    await _faultless(page, f"documents-publies-{scheme}")
    await page.context.clear_cookies()
    await sign_in(page, stack, "client-53")
    await page.goto(f"{stack.endpoints['portal']}/documents?space=published")
    await expect(page.get_by_text("Aucun document pour l’instant.")).to_be_visible()
    await _faultless(page, f"documents-aucun-{scheme}")


async def _faultless(page: Page, name: str) -> None:
    """No fault by axe, and nothing wider than the narrowest screen."""
    assert await accessibility_faults(page) == []
    await screens(page, name)
    before = page.viewport_size
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    if before:
        await page.set_viewport_size(before)


async def _erased(office: Person, document: str) -> bool:
    found = await office.portal.document(document)
    return found is not None and found["state"] == "erased"
