"""A document's page, and the panel over a list: what happened to it, and what can be done."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from contracts.envelope import envelop
from playwright.async_api import Page, expect
from pypdf import PdfReader

from contracts import events as e
from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")
CLIENT = "earl-du-chene"


async def deposited(depositor: Person, label: str) -> tuple[str, Sample]:
    """A document that lies in the GED."""
    sample = invoice(label)
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=20)
    return document, sample


@asynccontextmanager
async def without_mover(stack: RunningStack) -> AsyncIterator[None]:
    """Nothing is moved into the GED meanwhile."""
    await stack.down("ged-mover-1")
    try:
        yield
    finally:
        await stack.up("ged-mover-1")


async def tell_trouble(stack: RunningStack, document: str, *, code: str, retrying: bool) -> None:
    """What the mover says five minutes into a failing move."""
    facts = {"document": document, "office": "14", "client": CLIENT, "code": code, "retrying": retrying, "attempt": 1}
    event = envelop(e.TransferFailed.model_validate({**facts, "since": datetime.now(UTC)}))
    where = stack.endpoints["nats"]
    bus = await nats.connect(where["url"], user=where["user"], password=where["password"])
    await bus.jetstream().publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})
    await bus.close()


def address(stack: RunningStack, document: str) -> str:
    return f"{stack.endpoints['portal']}/documents/{document}"


async def test_a_click_on_a_name_opens_the_document_over_the_list_with_its_address(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, sample = await deposited(depositor, "panneau")
    await sign_in(page, stack, CLIENT)
    listing = page.url
    await page.get_by_role("link", name=sample.name, exact=True).click()

    panel = page.get_by_role("dialog", name=sample.name)
    await expect(panel).to_be_visible()
    assert page.url == address(stack, document)
    await expect(page).to_have_title(f"{sample.name} – CERFRANCE CONNECT")
    await expect(panel.get_by_role("heading", name=sample.name)).to_be_focused()
    await expect(panel.get_by_role("listitem").first).to_contain_text("Déposé par EARL du Chêne")

    await page.go_back()
    await expect(panel).to_be_hidden()
    assert page.url == listing
    await expect(page.get_by_role("link", name=sample.name, exact=True)).to_be_focused()
    await page.go_forward()
    await expect(panel).to_be_visible()
    assert page.url == address(stack, document)


@pytest.mark.parametrize("way", ["Escape", "button", "beside"])
async def test_the_panel_closes_and_the_list_has_its_address_again(
    stack: RunningStack, depositor: Person, page: Page, way: str
) -> None:
    _, sample = await deposited(depositor, "fermer")
    await sign_in(page, stack, CLIENT)
    listing, title = page.url, await page.title()
    await page.get_by_role("link", name=sample.name, exact=True).click()
    panel = page.get_by_role("dialog", name=sample.name)
    await expect(panel).to_be_visible()
    if way == "Escape":
        await page.keyboard.press("Escape")
    elif way == "button":
        await panel.get_by_role("button", name="Fermer le panneau").click()
    else:
        await page.mouse.click(40, 400)
    await expect(panel).to_be_hidden()
    await expect(page).to_have_url(listing)
    await expect(page).to_have_title(title)


async def test_a_panel_loaded_again_is_a_page_and_back_from_it_is_the_list(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, sample = await deposited(depositor, "recharger")
    await sign_in(page, stack, CLIENT)
    listing = page.url
    await page.get_by_role("link", name=sample.name, exact=True).click()
    await expect(page.get_by_role("dialog", name=sample.name)).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("main").get_by_role("heading", name=sample.name)).to_be_visible()
    assert page.url == address(stack, document)
    await page.go_back()
    await expect(page.get_by_role("heading", name="Mes documents")).to_be_visible()
    assert page.url == listing


@pytest.mark.parametrize(("sub", "back"), [(CLIENT, "Mes documents"), ("jeanny-jerome", "À traiter")])
async def test_the_page_works_without_scripts_for_client_and_collaborator(
    stack: RunningStack, depositor: Person, page: Page, sub: str, back: str
) -> None:
    document, sample = await deposited(depositor, "sans_script")
    await sign_in(page, stack, sub)
    browser = page.context.browser
    assert browser
    plain = await browser.new_context(
        java_script_enabled=False, storage_state=await page.context.storage_state(), locale="fr-FR"
    )
    bare = await plain.new_page()
    await bare.goto(address(stack, document))
    told = bare.get_by_role("main")
    await expect(told.get_by_role("heading", name=sample.name)).to_be_visible()
    for fact in ("Comptable", "EARL du Chêne", "0,01 MB", "Sécurisé avec son empreinte SHA-256", sample.sha256):
        await expect(told).to_contain_text(fact)
    await expect(told.get_by_role("button")).to_have_count(0)
    async with bare.expect_download() as downloading:
        await told.get_by_role("link", name=f"Télécharger {sample.name}").click()
    assert await asyncio.to_thread(Path.read_bytes, await (await downloading.value).path()) == sample.content
    await told.get_by_role("link", name=back).click()
    await expect(bare.get_by_role("heading", level=1)).to_have_text(back)
    await plain.close()


async def test_a_document_that_isnt_theirs_is_not_found(stack: RunningStack, depositor: Person, page: Page) -> None:
    document, sample = await deposited(depositor, "autrui")
    await sign_in(page, stack, "second-client")
    answer = await page.goto(address(stack, document))
    assert answer
    assert answer.status == 404
    await expect(page.get_by_role("heading", name="Introuvable")).to_be_visible()
    await expect(page.get_by_text("Cette page n’existe pas, ou elle n’est pas dans votre espace.")).to_be_visible()
    await expect(page.get_by_text(sample.name)).to_have_count(0)


async def test_whom_a_mail_leads_here_signs_in_and_sees_the_document(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, sample = await deposited(depositor, "lien")
    await page.goto(address(stack, document))
    await page.get_by_role("button", name="jeanny-jerome", exact=True).click()
    await expect(page.get_by_role("main").get_by_role("heading", name=sample.name)).to_be_visible()


async def test_a_document_waits_calmly_and_is_seen_to_become_secured(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    await sign_in(page, stack, CLIENT)
    async with without_mover(stack):
        sample = invoice("attente")
        document = await depositor.tus.deposit(sample, to=Deposit())
        await page.get_by_role("link", name=sample.name, exact=True).click()
        panel = page.get_by_role("dialog", name=sample.name)
        await expect(panel).to_contain_text("En cours de sécurisation. Le document est bien reçu")
        await expect(panel.get_by_role("button", name="Réessayer")).to_have_count(0)
        assert await accessibility_faults(page) == []
        await screens(page, "panel-waiting")
    step = panel.get_by_role("listitem").filter(has_text="Sécurisé avec son empreinte SHA-256")
    await expect(step).to_contain_text(sample.sha256)
    await expect(step).to_contain_text(re.compile(r"\d\d/\d\d/\d{4} à \d\d:\d\d"))
    await expect(
        panel.get_by_role("listitem").filter(has_text="Alerte envoyée à JEANNY JEROME (Comptable)")
    ).to_have_count(1)
    await expect(panel.get_by_text("En cours de sécurisation")).to_have_count(0)
    assert (await depositor.portal.archived(document) or {})["state"] == "archived"


@pytest.mark.usefixtures("js")
async def test_a_move_in_trouble_is_told_plainly_and_can_be_tried_again_once_a_minute(
    stack: RunningStack, depositor: Person, page: Page, http: httpx.AsyncClient
) -> None:
    await sign_in(page, stack, CLIENT)
    async with without_mover(stack):
        sample = invoice("incident")
        document = await depositor.tus.deposit(sample, to=Deposit())
        await page.get_by_role("link", name=sample.name, exact=True).click()
        panel = page.get_by_role("dialog", name=sample.name)
        await expect(panel).to_contain_text("En cours de sécurisation")
        await tell_trouble(stack, document, code="store_unavailable", retrying=True)

        trouble = panel.get_by_role("region", name="La sécurisation est retardée")
        await expect(trouble).to_contain_text("L’espace de GED sécurisée ne répond pas.")
        await expect(trouble).to_contain_text("Votre document est bien reçu et conservé.")
        await screens(page, "panel-trouble")
        assert await accessibility_faults(page) == []
        await trouble.get_by_role("button", name="Réessayer").click()
        await expect(page.get_by_role("status").filter(has_text="Un nouvel essai est demandé.")).to_be_visible()
        await expect(trouble).to_contain_text(re.compile(r"Nouvel essai possible dans \d+ s"))
        await expect(trouble.get_by_role("button", name="Réessayer")).to_be_disabled()
        await page.reload()
        await expect(page.get_by_role("button", name="Réessayer")).to_be_disabled()
        await expect(page.get_by_role("main")).to_contain_text(re.compile(r"Nouvel essai possible dans [1-6]?\d s"))

        again = await http.post(
            f"{stack.endpoints['portal']}/api/documents/{document}/retry",
            headers={"Authorization": f"Bearer {depositor.token}"},
        )
        assert (again.status_code, again.json()["code"]) == (429, "retry_too_soon")
        assert 0 < int(again.headers["Retry-After"]) <= 60
    # The wake-up waited for the mover.
    await expect(page.get_by_role("main").get_by_text("Sécurisé avec son empreinte SHA-256")).to_be_visible(
        timeout=30_000
    )
    await expect(page.get_by_role("button", name="Réessayer")).to_have_count(0)
    await expect(page.get_by_role("listitem").filter(has_text="Sécurisation retardée")).to_have_count(1)


async def test_a_client_deletes_a_document_after_a_question_and_it_leaves_the_list(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, sample = await deposited(depositor, "supprimer")
    await sign_in(page, stack, CLIENT)
    await page.get_by_role("link", name=sample.name, exact=True).click()
    panel = page.get_by_role("dialog", name=sample.name)
    await panel.get_by_role("button", name=f"Supprimer {sample.name}").click()
    question = page.get_by_role("dialog", name="Supprimer ce document ?")
    await expect(question).to_contain_text(
        f"« {sample.name} » sera effacé définitivement, ici et chez votre CERFRANCE."
    )
    await expect(question).not_to_contain_text("Cette action")
    await question.get_by_role("button", name="Annuler").click()
    await expect(panel).to_be_visible()
    await expect(panel.get_by_role("button", name=f"Supprimer {sample.name}")).to_be_focused()

    await panel.get_by_role("button", name=f"Supprimer {sample.name}").click()
    await question.get_by_role("button", name="Supprimer").click()
    await expect(panel).to_be_hidden()
    await expect(page.get_by_role("status").filter(has_text="Le document est supprimé.")).to_be_visible()
    await expect(page.get_by_role("link", name=sample.name, exact=True)).to_have_count(0)

    await page.goto(address(stack, document))
    told = page.get_by_role("main")
    await expect(told).to_contain_text("Supprimé par EARL du Chêne")
    await expect(told.get_by_role("link", name="Télécharger")).to_have_count(0)
    await expect(told.get_by_text("Effacé définitivement")).to_be_visible(timeout=20_000)


async def test_what_was_taken_in_charge_can_no_longer_be_deleted_and_says_until_when_it_is_kept(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document, _ = await deposited(depositor, "prise_en_charge")
    await sign_in(page, stack, "jeanny-jerome")
    await page.goto(address(stack, document))
    await page.get_by_role("button", name="Prendre en charge").click()
    await expect(page.get_by_role("listitem").filter(has_text="Pris en charge par JEANNY JEROME")).to_be_visible()
    until = datetime.now(UTC).year + 11
    await expect(page.get_by_text(f"Conservé jusqu’au 31/12/{until}")).to_be_visible(timeout=20_000)
    await expect(page.get_by_role("button", name="Prendre en charge")).to_have_count(0)

    await page.context.clear_cookies()
    await sign_in(page, stack, CLIENT)
    await page.goto(address(stack, document))
    await expect(page.get_by_role("main")).to_contain_text("Pris en charge par JEANNY JEROME")
    await expect(page.get_by_role("button", name="Supprimer")).to_have_count(0)


@pytest.mark.usefixtures("js")
async def test_what_is_to_be_seen_again_tells_why_live_and_leads_to_what_replaces_it(
    stack: RunningStack, depositor: Person, page: Page, http: httpx.AsyncClient
) -> None:
    document, sample = await deposited(depositor, "a_revoir")
    await sign_in(page, stack, CLIENT)
    await page.goto(address(stack, document))
    accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
    answer = await http.post(
        f"{stack.endpoints['portal']}/api/documents/{document}/return",
        headers={"Authorization": f"Bearer {accountant.token}"},
        json={"reason": "Page manquante"},
    )
    answer.raise_for_status()
    told = page.get_by_role("main")
    await expect(told.get_by_role("region", name="À revoir")).to_contain_text("À revoir : Page manquante")
    again = told.get_by_role("button", name="Déposer à nouveau")
    await expect(again).to_have_attribute("data-replaces", document)
    await expect(again).to_have_attribute("data-folder", "comptable")
    assert await accessibility_faults(page) == []
    await screens(page, "document-returned")

    better = invoice("a_revoir_complet")
    path = await depositor.tus.create(better, {**Deposit().metadata(better), "replaces": document})
    replacement = await depositor.tus.finish(path, better)
    await expect(told.get_by_text(f"Remplacé par {better.name}").first).to_be_visible(timeout=20_000)
    await expect(again).to_have_count(0)
    await told.get_by_role("link", name=better.name).first.click()
    await expect(page).to_have_url(address(stack, replacement))
    await expect(told).to_contain_text(f"Remplace {sample.name}.")


async def test_the_fingerprint_is_copied(stack: RunningStack, depositor: Person, page: Page) -> None:
    _, sample = await deposited(depositor, "empreinte")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, stack, CLIENT)
    await page.get_by_role("link", name=sample.name, exact=True).click()
    await page.get_by_role("button", name="Copier l’empreinte SHA-256").click()
    await expect(page.get_by_role("status").filter(has_text="L’empreinte est copiée.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == sample.sha256


async def test_the_receipt_is_a_pdf_with_the_name_as_it_was_given(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    sample = invoice("Relevé d’août – 12 000 € à l’œuvre")
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.document(document))
    await sign_in(page, stack, CLIENT)
    await page.goto(address(stack, document))
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Accusé de dépôt").click()
    download = await downloading.value
    assert download.suggested_filename == f"Accusé de dépôt {sample.name}.pdf"
    text = _words(await asyncio.to_thread(Path.read_bytes, await download.path()))
    assert sample.name in text
    assert sample.sha256 in text
    assert "EARL du Chêne" in text


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_and_panel_have_no_accessibility_fault(
    stack: RunningStack, depositor: Person, page: Page, scheme: Any
) -> None:
    document, sample = await deposited(depositor, "facture_coop_012020")
    await page.emulate_media(color_scheme=scheme)
    await sign_in(page, stack, CLIENT)
    await page.get_by_role("link", name=sample.name, exact=True).click()
    panel = page.get_by_role("dialog", name=sample.name)
    await expect(panel).to_contain_text("Alerte envoyée", timeout=20_000)
    assert await accessibility_faults(page) == []
    await screens(page, f"panel-{scheme}")
    await page.goto(address(stack, document))
    assert await accessibility_faults(page) == []
    await screens(page, f"document-{scheme}")
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


def _words(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
