"""A document is sent back, its client deposits it again, and the old one gives way to the new one."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.mailbox import Mail, Mailbox
from tests.support.office import Inbox, secured, window, word
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.transferring import Transfer

pytestmark = pytest.mark.needs("chromium")

OWNER = "contact@earl-du-chene.example"


@pytest.fixture
async def client(stack: RunningStack, page: Page) -> Page:
    """EARL du Chêne's window on Mes documents."""
    theirs = await window(page)
    await sign_in(theirs, stack, "earl-du-chene")
    return theirs


def line(client: Page, name: str) -> Locator:
    """A document in the client's list."""
    return client.get_by_role("row").filter(has_text=name)


async def deposited_again(client: Page, old: Sample, new: Sample, *, files: Path) -> None:
    """Press *Déposer à nouveau* beside the old document, and transfer the new one."""
    transfer = Transfer(client, files=files)
    await line(client, old.name).get_by_role("button", name="Déposer à nouveau").click()
    await expect(transfer.dialog).to_contain_text(f"Choisissez le fichier qui remplacera « {old.name} »")
    await transfer.choose(new)
    await transfer.start()
    await transfer.shows(new, "Déposé")
    await transfer.dialog.get_by_role("button", name="Fermer", exact=True).first.click()


async def test_a_document_sent_back_is_deposited_again_and_gives_way_to_the_new_one(
    depositor: Person, inbox: Inbox, client: Page, mailbox: Mailbox, tmp_path: Path
) -> None:
    common = word()
    document, old = await secured(depositor, f"{common}_flou")
    await inbox.open(common)
    await inbox.send_back(old.name, "Page manquante", "Il manque la page 2.")
    await inbox.said(f"« {old.name} » est à revoir. EARL du Chêne en est averti.")
    await expect(inbox.row(old.name)).to_contain_text("À revoir")

    theirs = line(client, old.name)
    await expect(theirs).to_contain_text("À revoir")
    await expect(theirs).to_contain_text("Motif : Page manquante – Il manque la page 2.")
    (mail,) = await eventually(lambda: _about(mailbox, old, "Motif : Page manquante – Il manque la page 2."), within=60)
    assert OWNER in mail.to
    assert "demande de revoir" in mail.text
    assert re.search(r"/documents\?client=earl-du-chene&folder=comptable", mail.text)

    new = invoice(f"{common}_net")
    await deposited_again(client, old, new, files=tmp_path)
    await expect(theirs).to_contain_text("Remplacé")
    await expect(theirs.get_by_role("button", name="Déposer à nouveau")).to_have_count(0)
    await expect(inbox.row(new.name)).to_contain_text("Remplace le document à revoir")
    await expect(inbox.row(old.name)).to_have_count(0)

    await theirs.get_by_role("link", name="Voir le document qui le remplace").click()
    await expect(client.get_by_role("dialog", name=new.name)).to_be_visible()
    shown = await depositor.portal.document(document)
    assert shown is not None
    [replacement] = await depositor.portal.with_content(new.sha256)
    assert shown["replaced_by"] == replacement["id"]


async def test_a_document_comes_back_to_the_inbox_when_its_replacement_is_withdrawn(
    depositor: Person, inbox: Inbox, client: Page, tmp_path: Path
) -> None:
    common = word()
    _, old = await secured(depositor, f"{common}_flou")
    await inbox.open(common)
    await inbox.send_back(old.name, "Illisible")
    await expect(line(client, old.name)).to_contain_text("Motif : Illisible")
    new = invoice(f"{common}_faux")
    await deposited_again(client, old, new, files=tmp_path)
    await expect(inbox.row(old.name)).to_have_count(0)

    await line(client, new.name).get_by_role("button", name="Supprimer").click()
    await client.get_by_role("dialog").get_by_role("button", name="Supprimer").click()
    await expect(inbox.row(old.name)).to_contain_text("À revoir")
    await expect(inbox.row(new.name)).to_have_count(0)
    await expect(line(client, old.name).get_by_role("button", name="Déposer à nouveau")).to_be_visible()


async def test_a_document_of_the_wrong_folder_is_deposited_again_in_the_other(
    depositor: Person, inbox: Inbox, client: Page, tmp_path: Path
) -> None:
    common = word()
    _, old = await secured(depositor, f"{common}_bail")
    await inbox.open(common)
    await inbox.send_back(old.name, "Mauvais dossier")
    await expect(line(client, old.name)).to_contain_text("Motif : Mauvais dossier")
    new = invoice(f"{common}_bail_conseil")
    await deposited_again(client, old, new, files=tmp_path)
    await expect(inbox.row(new.name)).to_contain_text("EARL du Chêne › Conseil")
    await expect(inbox.row(old.name)).to_have_count(0)


async def test_a_reason_must_be_given_and_one_of_ones_own_written(depositor: Person, page: Page, inbox: Inbox) -> None:
    common = word()
    _, sample = await secured(depositor, common)
    await inbox.open(common)
    await inbox.row(sample.name).get_by_role("button", name="À revoir").click()
    send = inbox.reasons.get_by_role("button", name="Demander au client")
    await send.click()
    await expect(inbox.reasons.get_by_role("alert")).to_have_text("Choisissez un motif.")
    await inbox.reasons.get_by_role("radio", name="Autre motif").check()
    await send.click()
    await expect(inbox.reasons.get_by_role("alert")).to_have_text("Écrivez le motif en quelques mots.")
    await expect(inbox.reasons.get_by_role("textbox", name="Motif pour le client")).to_be_focused()
    await page.keyboard.type("p comme TVA, au mauvais taux")
    await send.click()
    await expect(inbox.row(sample.name)).to_contain_text("p comme TVA, au mauvais taux – demandé au client")


async def test_a_document_sent_back_can_be_taken_after_all(depositor: Person, inbox: Inbox, client: Page) -> None:
    common = word()
    _, sample = await secured(depositor, common)
    await inbox.open(common)
    await inbox.send_back(sample.name, "Illisible")
    await expect(inbox.row(sample.name)).to_contain_text("À revoir")
    await expect(inbox.row(sample.name).get_by_role("button", name="À revoir")).to_have_count(0)
    await inbox.take(sample.name)
    await expect(inbox.row(sample.name)).to_have_count(0)
    await expect(line(client, sample.name)).to_contain_text("Pris en charge")


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_client_s_list_has_no_accessibility_fault_with_a_document_to_deposit_again(
    depositor: Person, inbox: Inbox, client: Page, tmp_path: Path, scheme: str
) -> None:
    await client.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    common = word()
    olds = [(await secured(depositor, f"{common}_facture"))[1] for _ in range(2)]
    await inbox.open(common)
    for old in olds:
        await inbox.send_back(old.name, "Illisible", "La photo est floue.")
        await expect(line(client, old.name)).to_contain_text("Motif : Illisible – La photo est floue.")
    await deposited_again(client, olds[0], invoice(f"{common}_facture_nette"), files=tmp_path)
    await expect(line(client, olds[0].name)).to_contain_text("Remplacé")
    await screens(client, f"returned-{scheme}")
    assert await accessibility_faults(client) == []


async def _about(mailbox: Mailbox, sample: Sample, text: str) -> list[Mail]:
    return [mail for mail in await mailbox.naming(sample.name) if text in mail.text]
