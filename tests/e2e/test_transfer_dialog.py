"""*Transférer des documents* as the guide shows it, and all a person can do in it."""

import asyncio
import re
from email.utils import parseaddr
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.transferring import Transfer, slow_down
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")

ACCOUNTANT = "jeanny.jerome@cerfrance-14.example"
CONTACT = "paul@earl-du-chene.example"
RURAL = 200_000
PROGRAM = Sample("programme.exe", b"MZ" + bytes(200), "application/octet-stream")
# A drop, or a paste, of files on what is looked at: {name, content}, and what kind of event it is.
_BRING = """({ kind, files }) => {
  const carried = new DataTransfer();
  for (const { name, content } of files) carried.items.add(new File([Uint8Array.from(content)], name));
  const target = document.querySelector("dialog[open]") ?? document.body;
  const detail = kind === "paste" ? { clipboardData: carried } : { dataTransfer: carried };
  const event = kind === "paste" ? ClipboardEvent : DragEvent;
  target.dispatchEvent(new event(kind, { bubbles: true, cancelable: true, ...detail }));
}"""


@pytest.fixture
async def transfer(stack: RunningStack, page: Page, tmp_path: Path) -> Transfer:
    """EARL du Chêne at their documents."""
    page.set_default_timeout(30_000)
    await sign_in(page, stack, "earl-du-chene")
    return Transfer(page, files=tmp_path)


async def bring(page: Page, kind: str, *samples: Sample) -> None:
    """Drop or paste files."""
    files = [{"name": sample.name, "content": list(sample.content)} for sample in samples]
    await page.evaluate(_BRING, {"kind": kind, "files": files})


async def faultless(page: Page) -> None:
    """Nothing stands in the way of people who can't see or can't use a mouse, in either colour scheme."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await accessibility_faults(page) == [], scheme
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")


async def documents(person: Person, sample: Sample) -> list[dict[str, object]]:
    """What was deposited with this content."""
    return await person.portal.with_content(sample.sha256)


def remaining(dialog: Locator, count: int) -> Locator:
    return dialog.get_by_text(f"Nombre de documents restants : {count}", exact=True)


@pytest.mark.usefixtures("js")
async def test_the_dialog_says_what_the_guide_says(page: Page, transfer: Transfer) -> None:
    await transfer.open()
    dialog = transfer.dialog
    await expect(dialog.get_by_role("heading", name="Transférer des documents")).to_be_visible()
    folder = dialog.get_by_role("combobox", name="DOSSIER DE DESTINATION*")
    await expect(folder.get_by_role("option")).to_have_text(["Comptable", "Conseil"])
    for said in (
        "Sélect. fichiers",
        "Aucun fichier choisi",
        "Fichiers en attente de transfert",
        "Alerter vos contacts :",
    ):
        await expect(dialog.get_by_text(said, exact=True)).to_be_visible()
    await expect(remaining(dialog, 0)).to_be_visible()
    await expect(dialog.get_by_role("columnheader")).to_have_text(["Nom", "Taille", "Progression", "Statut", "Actions"])
    await expect(dialog.get_by_role("progressbar", name="Progression du transfert :")).to_be_visible()
    for name in ("Parcourir", "TOUT SUPPRIMER", "TOUT TRANSFÉRER", "Fermer"):
        await expect(dialog.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(dialog.get_by_role("checkbox", name="JEANNY JEROME (Comptable)")).to_be_visible()
    await expect(dialog.get_by_text("averti de façon systématique par mail")).to_be_visible()
    await dialog.get_by_text("Conseils pour numériser").click()
    await expect(dialog.get_by_text("Qualité de scan : 200 dpi minimum, 300 dpi recommandés.")).to_be_visible()
    await faultless(page)
    await dialog.get_by_text("Conseils pour numériser").click()
    await screens(page, "transfer-empty")


async def test_the_folder_is_the_one_that_is_looked_at(page: Page, transfer: Transfer) -> None:
    await page.get_by_role("link", name=re.compile("^Conseil")).click()
    await expect(page.get_by_role("link", name=re.compile("^Conseil"))).to_have_attribute("aria-current", "true")
    await transfer.open()
    await expect(transfer.dialog.get_by_role("combobox", name="DOSSIER DE DESTINATION*")).to_have_value("conseil")


@pytest.mark.usefixtures("js")
async def test_files_arrive_and_the_ticked_contact_is_told(
    depositor: Person, mailbox: Mailbox, page: Page, transfer: Transfer
) -> None:
    first, second = invoice("facture_coop_022020", size=40_000), invoice("facture_coop_012020", size=90_000)
    await transfer.open()
    await transfer.choose(first, second)
    dialog = transfer.dialog
    await expect(remaining(dialog, 2)).to_be_visible()
    await expect(dialog.get_by_text("2 fichiers choisis")).to_be_visible()
    await expect(transfer.row(first).get_by_role("cell").nth(1)).to_have_text("0,04 MB")
    await expect(transfer.row(second).get_by_role("cell").nth(1)).to_have_text("0,09 MB")
    await dialog.get_by_role("checkbox", name="PAUL DUCHÊNE").check()
    await faultless(page)
    await screens(page, "transfer-filled")

    await transfer.start()
    await expect(dialog.get_by_text("2 documents déposés", exact=True)).to_be_visible()
    await expect(dialog.get_by_role("button", name="Transférer d’autres documents")).to_be_visible()
    [document] = await eventually(lambda: documents(depositor, first))
    assert await depositor.portal.content(str(document["id"])) == first.content
    link = dialog.get_by_role("link", name=f"Voir le document et son accusé de dépôt {first.name}")
    await expect(link).to_have_attribute("href", f"/documents/{document['id']}")
    await faultless(page)
    await screens(page, "transfer-finished")

    await dialog.get_by_role("button", name="Fermer").last.click()
    await expect(page.get_by_role("row").filter(has_text=first.name)).to_be_visible()

    async def told() -> bool:
        return {parseaddr(mail.to)[1] for mail in await mailbox.naming(first.name)} == {ACCOUNTANT, CONTACT}

    await eventually(told, within=30)
    assert [mail.to for mail in await mailbox.naming(second.name)] == [
        mail.to for mail in await mailbox.naming(first.name)
    ]


async def test_one_file_can_be_cancelled_and_then_all(depositor: Person, page: Page, transfer: Transfer) -> None:
    kept, cancelled = invoice("garde"), invoice("annule")
    await transfer.open()
    await transfer.choose(cancelled, kept)
    await transfer.dialog.get_by_role("button", name=f"Annuler {cancelled.name}").click()
    await expect(transfer.row(cancelled)).to_have_count(0)
    await expect(transfer.dialog.get_by_role("button", name=f"Annuler {kept.name}")).to_be_focused()
    await expect(remaining(transfer.dialog, 1)).to_be_visible()

    await transfer.dialog.get_by_role("button", name="TOUT SUPPRIMER").click()
    await expect(transfer.row(kept)).to_have_count(0)
    await expect(transfer.dialog.get_by_text("Aucun fichier choisi")).to_be_visible()
    await transfer.start()
    await expect(transfer.dialog.get_by_role("alert").filter(has_text="Choisissez d’abord")).to_be_visible()
    assert await documents(depositor, kept) == []


@pytest.mark.usefixtures("js")
async def test_running_transfers_go_on_behind_the_page_and_are_cancelled_after_a_question(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    sample = invoice("releve", size=12_000_000)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.shows(sample, "Transfert en cours")
    await faultless(page)
    await screens(page, "transfer-running")

    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    bar = page.get_by_role("complementary", name="Transfert de documents")
    await expect(bar.get_by_text("Transfert en cours – 1 document restant")).to_be_visible()
    await faultless(page)
    await screens(page, "transfer-bar")
    await bar.get_by_role("button", name="Afficher").click()
    await expect(transfer.row(sample)).to_be_visible()
    await expect(bar).to_be_hidden()

    await transfer.dialog.get_by_role("button", name="TOUT SUPPRIMER").click()
    question = page.get_by_role("dialog", name="Annuler tous les transferts ?")
    await question.get_by_role("button", name="TOUT SUPPRIMER").click()
    await expect(transfer.row(sample)).to_have_count(0)
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    await expect(bar).to_be_hidden()
    assert await documents(depositor, sample) == []


async def test_leaving_with_transfers_running_warns_and_else_does_not(page: Page, transfer: Transfer) -> None:
    sample = invoice("quitter", size=12_000_000)
    warned: list[str] = []

    async def stay(dialog: object) -> None:
        warned.append(dialog.type)  # type: ignore[attr-defined]
        await dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    await transfer.open()
    await transfer.choose(sample)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.start()
    await transfer.shows(sample, "Transfert en cours")
    await page.evaluate("setTimeout(() => location.reload())")
    await eventually(lambda: warned == ["beforeunload"])
    await expect(transfer.row(sample)).to_be_visible()

    await transfer.dialog.get_by_role("button", name=f"Annuler {sample.name}").click()
    await expect(transfer.row(sample)).to_have_count(0)
    await page.reload()
    assert warned == ["beforeunload"]


async def test_files_dropped_on_the_page_open_the_dialog_and_more_can_be_dropped_on_it(
    page: Page, transfer: Transfer
) -> None:
    first, second = invoice("depose_page"), invoice("depose_dialogue")
    await bring(page, "drop", first)
    await expect(transfer.row(first)).to_be_visible()
    await bring(page, "drop", second)
    await expect(transfer.row(second)).to_be_visible()
    await expect(remaining(transfer.dialog, 2)).to_be_visible()


async def test_a_pasted_picture_gets_a_name_of_its_own(page: Page, transfer: Transfer) -> None:
    picture = Sample("image.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    await bring(page, "paste", picture)
    await expect(
        transfer.dialog.get_by_role("cell", name=re.compile(r"^photo_[\d-]{10}_[\d-]{8}\.png$"))
    ).to_be_visible()


async def test_what_was_deposited_before_is_said_before_it_goes_and_can_be_sent_anyway(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    before = invoice("deja")
    await depositor.tus.deposit(before, to=Deposit())
    await eventually(lambda: documents(depositor, before))
    again = Sample(f"copie_{before.name}", before.content)
    await transfer.open()
    await transfer.choose(again)
    await transfer.shows(again, "Déjà déposé")
    await expect(transfer.row(again)).to_contain_text(f"sous le nom {before.name}")
    await faultless(page)
    await screens(page, "transfer-duplicate")
    await transfer.dialog.get_by_role("button", name=f"Retirer {again.name}").click()
    await expect(transfer.row(again)).to_have_count(0)

    await transfer.choose(again)
    await transfer.dialog.get_by_role("button", name=f"Envoyer quand même {again.name}").click()
    await transfer.start()
    await transfer.shows(again, "Déposé")
    assert len(await documents(depositor, before)) == 2


@pytest.mark.usefixtures("js")
async def test_each_refused_file_says_why_and_what_to_do(page: Page, transfer: Transfer) -> None:
    good, empty = invoice("bon"), Sample("vide.pdf", b"")
    macro = Sample("macros.docm", b"PK\x03\x04" + bytes(100))
    feigned = Sample("faux.pdf", b"Ceci n'est pas un PDF.")
    await transfer.send(good, PROGRAM, empty, macro, feigned)
    for sample, why, what in (
        (PROGRAM, "Ce type de fichier n’est pas accepté.", "Enregistrez le document en PDF"),
        (macro, "Ce type de fichier n’est pas accepté.", "Enregistrez le document en PDF"),
        (empty, "Le fichier est vide.", "Vérifiez le fichier"),
        (feigned, "ne correspond pas à son extension", "enregistrez-le en PDF"),
    ):
        await transfer.shows(sample, "Refusé")
        await expect(transfer.row(sample)).to_contain_text(why)
        await expect(transfer.row(sample)).to_contain_text(what)
    await expect(transfer.dialog.get_by_text("1 document déposé, 4 fichiers refusés", exact=True)).to_be_visible()
    await faultless(page)
    await screens(page, "transfer-refused")


async def test_a_refusal_behind_the_page_waits_to_be_seen(page: Page, transfer: Transfer) -> None:
    closed = asyncio.Event()

    async def hold(route: Route) -> None:
        await closed.wait()
        await route.continue_()

    await page.route("**/uploads", hold)
    await transfer.send(PROGRAM)
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    closed.set()
    bar = page.get_by_role("complementary", name="Transfert de documents")
    await expect(bar.get_by_text("Un fichier demande votre attention")).to_be_visible()
    await bar.get_by_role("button", name="Afficher").click()
    await transfer.shows(PROGRAM, "Refusé")
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    await expect(bar).to_be_hidden()


async def test_a_lost_line_is_said_and_the_transfer_ends_by_itself(page: Page, transfer: Transfer) -> None:
    sample = invoice("ligne", size=2_000_000)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.shows(sample, "Transfert en cours")
    await page.context.set_offline(True)
    await transfer.shows(sample, "Connexion perdue")
    await expect(transfer.dialog.get_by_text("dès qu’elle sera rétablie")).to_be_visible()
    await screens(page, "transfer-lost")
    await page.context.set_offline(False)
    await transfer.shows(sample, "Déposé")


async def test_a_server_that_is_down_is_tried_again_after_a_countdown(page: Page, transfer: Transfer) -> None:
    sample = invoice("panne")
    await page.route("**/uploads", lambda route: route.fulfill(status=503))
    await transfer.send(sample)
    await expect(transfer.row(sample)).to_contain_text(re.compile(r"Nouvel essai dans \d+\ss"))
    await page.unroute("**/uploads")
    await transfer.shows(sample, "Déposé", within=60)


async def test_all_can_be_done_by_keyboard(depositor: Person, page: Page, transfer: Transfer) -> None:
    sample = invoice("clavier")
    opener = page.get_by_role("button", name="TRANSFÉRER DES DOCUMENTS")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(transfer.dialog).to_be_visible()
    await transfer.choose(sample)
    await press_on(page, transfer.dialog.get_by_role("checkbox", name="CAMILLE MARTIN (Conseil)"), "Space")
    await expect(transfer.dialog.get_by_role("checkbox", name="CAMILLE MARTIN (Conseil)")).to_be_checked()
    await press_on(page, transfer.dialog.get_by_role("button", name="TOUT TRANSFÉRER"), "Enter")
    await expect(transfer.dialog.get_by_text("1 document déposé", exact=True)).to_be_visible()
    await expect(page.locator("#transfer-finished")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(transfer.dialog).to_be_hidden()
    await expect(opener).to_be_focused()
    assert len(await documents(depositor, sample)) == 1


async def press_on(page: Page, control: Locator, key: str) -> None:
    """Go to a control by Tab alone, and press a key on it."""
    for _ in range(40):
        if await control.evaluate("element => element === document.activeElement"):
            await page.keyboard.press(key)
            return
        await page.keyboard.press("Tab")
    raise AssertionError("not reached by Tab")


async def test_few_words_are_read_out(page: Page, transfer: Transfer) -> None:
    sample = invoice("annonce")
    await transfer.open()
    await page.evaluate("""() => {
      window.said = [];
      const region = document.getElementById("transfer-said");
      new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true });
    }""")
    await transfer.choose(sample)
    await transfer.start()
    await transfer.shows(sample, "Déposé")
    said = await page.evaluate("window.said")
    assert said[0] == "Transfert de 1 document commencé."
    assert said[-1] == f"{sample.name} déposé. 1 document déposé."
    assert len(said) == 2


async def test_a_returned_document_is_replaced_by_exactly_one_file(
    stack: RunningStack, http: httpx.AsyncClient, depositor: Person, page: Page, transfer: Transfer
) -> None:
    old, new = invoice("illisible"), invoice("lisible")
    document = await depositor.tus.deposit(old, to=Deposit(folder="conseil"))
    await eventually(lambda: depositor.portal.archived(document), within=30)
    accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
    await http.post(
        f"{stack.endpoints['portal']}/api/documents/{document}/return",
        headers={"Authorization": f"Bearer {accountant.token}"},
        json={"reason": "Illisible"},
    )
    await page.goto(f"{stack.endpoints['portal']}/documents/{document}")
    await page.get_by_role("button", name="Déposer à nouveau").click()
    dialog = transfer.dialog
    await expect(dialog.get_by_text(f"Choisissez le fichier qui remplacera « {old.name} ».")).to_be_visible()
    await expect(dialog.get_by_role("combobox", name="DOSSIER DE DESTINATION*")).to_be_disabled()
    await expect(dialog.get_by_role("combobox", name="DOSSIER DE DESTINATION*")).to_have_value("conseil")
    await bring(page, "drop", new, invoice("de_trop"))
    await expect(dialog.get_by_role("alert").filter(has_text="Choisissez un seul fichier")).to_be_visible()
    await transfer.choose(new)
    await screens(page, "transfer-replace")
    await transfer.start()
    await transfer.shows(new, "Déposé")

    async def replaced() -> bool:
        found = await depositor.portal.document(document)
        [newer] = await documents(depositor, new)
        return found is not None and found["replaced_by"] == newer["id"]

    await eventually(replaced)


@pytest.mark.usefixtures("js")
async def test_a_collaborator_publishes_to_a_client_under_a_label(
    stack: RunningStack, depositor: Person, mailbox: Mailbox, page: Page, tmp_path: Path
) -> None:
    await sign_in(page, stack, "jeanny-jerome")
    await page.goto(f"{stack.endpoints['portal']}/publies")
    await page.get_by_role("button", name="Publier des documents").click()
    transfer, sample = Transfer(page, files=tmp_path), invoice("attestation")
    transfer.dialog = dialog = page.get_by_role("dialog", name="Publier des documents")
    await expect(dialog.get_by_text("Votre client est toujours averti par mail")).to_be_visible()
    await expect(dialog.get_by_text("Alerter vos contacts :")).to_be_hidden()
    await transfer.choose(sample)
    await transfer.start()
    await expect(dialog.get_by_role("alert").filter(has_text="Complétez les champs")).to_be_visible()
    await expect(dialog.get_by_role("combobox", name="CLIENT*")).to_be_focused()

    await dialog.get_by_role("combobox", name="CLIENT*").select_option("EARL du Chêne")
    labels = dialog.get_by_role("combobox", name="DOSSIER*")
    await expect(labels.get_by_role("option")).to_have_text(
        ["Choisissez un dossier", "Bilan", "Paie", "Fiscal", "Social", "Autre…"]
    )
    await labels.select_option("Autre…")
    await dialog.get_by_role("textbox", name="AUTRE DOSSIER*").fill("Juridique")
    await faultless(page)
    await screens(page, "transfer-publish")
    await transfer.start()
    await expect(dialog.get_by_text("1 document publié", exact=True)).to_be_visible()
    [document] = await eventually(lambda: documents(depositor, sample))
    assert (document["space"], document["folder"]) == ("published", "Juridique")
    await eventually(lambda: mailbox.naming(sample.name), within=30)
    assert [parseaddr(mail.to)[1] for mail in await mailbox.naming(sample.name)] == ["contact@earl-du-chene.example"]
