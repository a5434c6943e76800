"""Starts a stack, lives a small day of the demo people in it, and takes pictures of what they see."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image
from playwright.async_api import FilePayload, Page, ViewportSize, expect

from tests.support.browser import opened, sign_in
from tests.support.eventually import eventually
from tests.support.papers import photograph, printed
from tests.support.people import Person, signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.samples import Sample
from tests.support.tus import Deposit

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
COMPUTER, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
PUBLISHED = (("Bilan", "bilan_2025"), ("Bilan", "bilan_2024"), ("Paie", "bulletins_octobre"), ("Fiscal", "avis_tva"))
DEPOSITED = ("facture_coop_012020", "facture_edf_102026", "releve_bancaire_10", "bon_de_livraison_semences")


async def live_a_day(stack: RunningStack) -> None:
    """Documents in every state, made as people make them."""
    async with httpx.AsyncClient(timeout=30) as http:
        farm = await signed_in("earl-du-chene", stack=stack, http=http)
        accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
        portal, head = stack.endpoints["portal"], {"Authorization": f"Bearer {accountant.token}"}
        documents = [await _arrived(farm, named(printed(name, pages=2), name), Deposit()) for name in DEPOSITED]
        await _arrived(farm, named(photograph("Ticket de caisse"), "ticket_gazole"), Deposit())
        for label, name in PUBLISHED:
            to = Deposit(folder=label, client="earl-du-chene", space="published")
            await _arrived(accountant, named(printed(name), name), to)
        (await http.post(f"{portal}/api/documents/{documents[0]}/take", headers=head)).raise_for_status()
        reason = {"reason": "page manquante"}
        (await http.post(f"{portal}/api/documents/{documents[2]}/return", headers=head, json=reason)).raise_for_status()


def named(sample: Sample, name: str) -> Sample:
    """The same file under the plain name that a person gives it."""
    return Sample(f"{name}{Path(sample.name).suffix}", sample.content, sample.content_type)


async def _arrived(person: Person, sample: Sample, to: Deposit) -> str:
    document = await person.tus.deposit(sample, to=to)
    await eventually(lambda: person.portal.archived(document))
    return document


async def take(page: Page, name: str) -> None:
    """A picture of the window, in 256 colours so that it stays small."""
    await page.mouse.move(0, 0)
    await page.wait_for_timeout(400)  # the entry of a dialog
    picture = Image.open(io.BytesIO(await page.screenshot()))
    picture.convert("RGB").quantize(256).save(PICTURES / f"{name}.png", optimize=True)


async def picture_the_client(stack: RunningStack) -> None:
    """What EARL du Chêne sees."""
    async with opened() as page:
        await page.set_viewport_size(COMPUTER)
        await sign_in(page, stack, "earl-du-chene")
        await take(page, "mes-documents")
        await page.get_by_role("link", name="facture_coop_012020.pdf").first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await take(page, "panneau")
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="Visualiser facture_coop_012020.pdf").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await expect(page.locator(".viewer-stage canvas").first).to_be_visible()
        await take(page, "visionneuse")
        await page.keyboard.press("Escape")
        await _transfer(page)
        await page.get_by_role("link", name="Se déconnecter partout").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await take(page, "partout")
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="DOCUMENTS", exact=True).click()
        await take(page, "documents")
        await page.set_viewport_size(PHONE)
        await page.get_by_role("link", name="FICHIERS EN COURS").click()
        await take(page, "mes-documents-telephone")


async def _transfer(page: Page) -> None:
    await page.get_by_role("button", name="TRANSFÉRER DES DOCUMENTS").click()
    dialog = page.get_by_role("dialog", name="Transférer des documents")
    await expect(dialog).to_be_visible()
    files = [named(printed(name, pages=20), name) for name in ("facture_coop_022020", "facture_veterinaire_11")]
    await page.locator("#transfer-files").set_input_files(
        [FilePayload(name=file.name, mimeType=file.content_type, buffer=file.content) for file in files]
    )
    await expect(dialog.get_by_text("Nombre de documents restants")).to_contain_text("2")
    await dialog.get_by_label("JEANNY JEROME").check()
    await take(page, "transferer")
    await page.set_viewport_size(PHONE)
    await take(page, "transferer-telephone")
    await page.set_viewport_size(COMPUTER)
    await dialog.get_by_role("button", name="TOUT TRANSFÉRER").click()
    await expect(dialog.get_by_text("2 documents déposés", exact=True)).to_be_visible(timeout=30_000)
    await take(page, "transfere")
    await dialog.get_by_role("button", name="Fermer").last.click()


async def picture_the_office(stack: RunningStack) -> None:
    """What JEANNY JEROME sees."""
    async with opened() as page:
        await page.set_viewport_size(COMPUTER)
        await page.emulate_media(color_scheme="dark")
        await sign_in(page, stack, "jeanny-jerome")
        await take(page, "a-traiter-sombre")
        await page.emulate_media(color_scheme="light")
        await page.get_by_role("link", name="Documents publiés").click()
        await take(page, "publies")
        await page.get_by_role("link", name="Historique").click()
        await take(page, "historique")


async def picture_everybody(stack: RunningStack) -> None:
    """The whole day, then its pictures."""
    await live_a_day(stack)
    await picture_the_client(stack)
    await picture_the_office(stack)


def main() -> int:
    """Take all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = RunningStack(Path(folder), only=EVERYTHING)
        stack.start()
        try:
            asyncio.run(picture_everybody(stack))
        finally:
            stack.stop()
    return 0


sys.exit(main())
