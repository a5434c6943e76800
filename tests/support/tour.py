"""A walk through all that the portal shows: each page in each of its states, and each dialog."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.envelope import Envelope
from playwright.async_api import FilePayload, Page, expect

from .catalog import Scene, archived
from .list_page import decided, secured
from .papers import photograph, printed
from .samples import Sample
from .told import admit, returned, taken

LONG = "Relevé_de_compte_bancaire_professionnel_du_premier_trimestre_2026_exploitation_agricole_du_Chêne.pdf"
REASON = "Page manquante – la page 2 n’a pas été numérisée"


@dataclass(frozen=True)
class Shown:
    """What is looked at of what lies in the office."""

    secure: Envelope
    returned: Envelope
    published: Envelope


async def furnish(scene: Scene) -> Shown:
    """Documents in every state, with bytes where they are looked at."""
    now = datetime.now(UTC)

    def one(name: str, hours: int, **facts: Any) -> Envelope:
        return scene.announced(name=name, deposited_at=now - timedelta(hours=hours), **facts)

    def whole(name: str, hours: int, sample: Sample, **facts: Any) -> Envelope:
        described = {"size": sample.size, "sha256": sample.sha256, "content_type": sample.content_type, **facts}
        made = one(name, hours, **described)
        scene.put("ged", f"{scene.office}/{scene.client}/{made.data.document}", sample.content)
        return made

    secure = await asyncio.to_thread(whole, LONG, 1, printed("facture", pages=3))
    back = await asyncio.to_thread(whole, "photo_ticket.jpg", 3, photograph("ticket"))
    charged, heic = one("facture_coop_012020.pdf", 2), one("export.heic", 6, content_type="image/heic")
    old = one("ancien.pdf", 5)
    new = one("nouveau.pdf", 4, replaces=old.data.document)
    bilan, gone = (one(name, 30, space="published", folder="Bilan") for name in ("Bilan 2025.pdf", "Bilan.pdf"))
    await secured(scene, [secure, charged, back, old, new, heic, bilan, gone])
    await decided(scene, charged, taken(charged), state="taken")
    await decided(scene, back, returned(back, REASON), state="returned")
    await decided(scene, old, returned(old, "Page manquante"), state="returned")
    more = [one(f"facture {number:02}.pdf", 40 + number) for number in range(50)]
    await scene.tell(*more, *map(archived, more))
    async with scene.browser("accountant") as http:
        await scene.shown(http, more[-1], "archived")
        reason = {"reason": "Envoyé au mauvais client"}
        (await http.request("DELETE", f"/api/documents/{gone.data.document}", json=reason)).raise_for_status()
    return Shown(secure, back, bilan)


async def tour_of_a_client(page: Page, scene: Scene, portal: str) -> AsyncIterator[str]:
    """Yields the name of each thing, while it is shown."""
    await admit(page.context, scene, "both", origin=portal)
    await page.goto(f"{portal}/documents")
    yield "liste vide"
    await page.goto(f"{portal}/documents?space=published")
    yield "publiés vides"
    made = await furnish(scene)
    await page.goto(f"{portal}/documents")
    yield "liste"
    await page.goto(f"{portal}/documents?show=200&folder=conseil&q=rien")
    yield "rien trouvé"
    await page.goto(f"{portal}/documents?space=published")
    yield "publiés"
    await page.goto(f"{portal}/documents?q=facture")
    await page.get_by_role("checkbox", name="Tout sélectionner").check()
    yield "sélection"
    await page.get_by_role("group", name="Sélection").get_by_role("button", name="Supprimer").click()
    yield "question"
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    async for each in _tour_of_dialogs(page, ("undeleted", "session", "everywhere")):
        yield each
    for document in (made.secure, made.returned):
        await page.goto(f"{portal}/documents")
        await page.get_by_role("link", name=document.data.name, exact=True).click()
        await expect(page.locator("#panel").get_by_role("heading", level=1)).to_be_visible()
        yield f"panneau {document.data.name[:5]}"
        await page.goto(f"{portal}/documents/{document.data.document}")
        yield f"document {document.data.name[:5]}"
        await page.get_by_role("main").get_by_role("link", name="Visualiser").click()
        await expect(page.locator(".viewer-stage").get_by_role("img").first).to_be_visible(timeout=30_000)
        yield f"visionneuse {document.data.name[:5]}"
    await page.goto(f"{portal}/documents")
    await page.get_by_role("link", name="Visualiser export.heic").click()
    await expect(page.locator("#viewer").get_by_role("alert")).to_be_visible()
    yield "sans aperçu"
    await page.go_back()
    async for each in _tour_of_transfer(page, scene, f"{portal}/documents", button="TRANSFÉRER DES DOCUMENTS"):
        yield each
    await page.goto(f"{portal}/documents/{scene.office}")
    yield "introuvable"
    await page.goto(f"{portal}/deconnexion-partout")
    yield "partout"


async def tour_of_the_office(page: Page, scene: Scene, portal: str) -> AsyncIterator[str]:
    """Yields the name of each thing, while it is shown."""
    await admit(page.context, scene, "accountant", origin=portal)
    for path in ("a-traiter", "historique", "publies"):
        await page.goto(f"{portal}/{path}")
        yield f"{path} vide"
    made = await furnish(scene)
    await page.goto(f"{portal}/a-traiter")
    yield "à traiter"
    await page.goto(f"{portal}/a-traiter?q=photo")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    yield "sélection de l’office"
    await page.keyboard.press("?")
    yield "raccourcis"
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.get_by_role("dialog").get_by_role("button", name="Demander au client").click()
    yield "motif"
    await page.keyboard.press("Escape")
    async for each in _tour_of_dialogs(page, ("undecided",)):
        yield each
    await page.goto(f"{portal}/a-traiter?q=rien")
    yield "à traiter, rien trouvé"
    await page.goto(f"{portal}/historique")
    yield "historique"
    await page.goto(f"{portal}/historique?q=rien")
    yield "historique, rien trouvé"
    await page.goto(f"{portal}/documents/{made.secure.data.document}")
    yield "document de l’office"
    await page.goto(f"{portal}/publies")
    yield "publies"
    await page.get_by_role("button", name=f"Retirer {made.published.data.name}").click()
    await page.get_by_role("radio", name="Autre motif").check()
    yield "retrait"
    await page.get_by_role("dialog").get_by_role("button", name="Retirer").click()
    yield "retrait sans motif"
    async for each in _tour_of_transfer(page, scene, f"{portal}/publies?label=Bilan", button="Publier"):
        yield each
    await admit(page.context, scene, "admin", origin=portal)
    await page.goto(portal)
    yield "administration"
    await scene.bury(made.secure, code="ged_holds_other_content")
    await page.goto(portal)
    yield "administration, messages en échec"


async def _tour_of_dialogs(page: Page, dialogs: tuple[str, ...]) -> AsyncIterator[str]:
    """Those that rare faults bring up, shown with words of their usual length."""
    fill = """([id, name]) => {
        const dialog = document.getElementById(id);
        for (const part of dialog.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== "other";
        for (const place of dialog.querySelectorAll("[data-other-name]")) place.textContent = "GAEC de la Vallée";
        const title = dialog.querySelector("[data-many]");
        if (title) title.textContent = title.dataset.many.replace(/#|{n}/, "2");
        const line = dialog.querySelector("template li, template")?.content?.firstElementChild;
        for (const row of line ? [line, line] : []) {
            const shown = document.importNode(row, true);
            shown.querySelector("b").textContent = name;
            shown.querySelector("span").textContent = "Ce document est déjà pris en charge par CAMILLE MARTIN.";
            dialog.querySelector("ul").append(shown);
        }
        dialog.showModal();
    }"""
    for name in dialogs:
        await page.evaluate(fill, [name, LONG])
        yield name
        await page.keyboard.press("Escape")


async def _tour_of_transfer(page: Page, scene: Scene, address: str, *, button: str) -> AsyncIterator[str]:
    await page.goto(address)
    await page.get_by_role("button", name=button).click()
    dialog = page.locator("#transfer")
    await expect(dialog).to_be_visible()
    yield f"{button} vide"
    sample = printed("facture", pages=2)
    files = [FilePayload(name=name, mimeType="application/pdf", buffer=sample.content) for name in (LONG, "double.pdf")]
    await page.locator("#transfer-files").set_input_files(
        [*files, FilePayload(name="rien.pdf", mimeType="", buffer=b"")]
    )
    await expect(dialog.get_by_text("Préparation…").filter(visible=True)).to_have_count(0)
    yield f"{button} choisis"
    await dialog.get_by_role("button", name="Fermer").click()
    yield f"{button} en attente"
    await page.locator("#transfer-bar").get_by_role("button", name="Afficher").click()
    await dialog.locator("#transfer-client").select_option(scene.client)
    await dialog.get_by_role("button", name="Retirer double.pdf").click()
    await dialog.get_by_role("button", name="TOUT TRANSFÉRER").click()
    for state in ("done", "refused"):
        await expect(dialog.locator(f"tr[data-state={state}]")).to_be_visible(timeout=60_000)
    yield f"{button} finis"
