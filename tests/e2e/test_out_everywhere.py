"""Signing out of all devices: from the page's head, by hand or by keyboard, with scripts and without."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.support.browser import Questions, accessibility_faults, screens
from tests.support.catalog import Scene
from tests.support.list_page import deposits, names, secured
from tests.support.samples import Sample, invoice
from tests.support.told import admit
from tests.support.transferring import Traffic, Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")
EVERYWHERE = "Se déconnecter partout"
# A part of it is at the intake when half of it was sent.
LARGE, RURAL = 20_000_000, 1_500_000


@pytest.fixture
async def phone(page: Page, scene: Scene, portal: str) -> AsyncIterator[Page]:
    """Another browser in which the client is signed in too, at their list of one document, connected."""
    await secured(scene, deposits(scene, "mienne.pdf"))
    context = await another_browser(page, scene, portal)
    yield await watching(await context.new_page(), portal)
    await context.close()


async def another_browser(page: Page, scene: Scene, portal: str, *, scripts: bool = True) -> BrowserContext:
    assert page.context.browser is not None
    context = await page.context.browser.new_context(locale="fr-FR", java_script_enabled=scripts)
    await admit(context, scene, "client", origin=portal)
    return context


async def watching(page: Page, portal: str) -> Page:
    # What follows the stream's `ready` is the first refresh.
    async with page.expect_request(lambda request: request.resource_type == "fetch" and "/documents" in request.url):
        await page.goto(f"{portal}/documents")
    return page


def link(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("link", name=EVERYWHERE)


def question(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Se déconnecter partout ?")


async def confirm(page: Page) -> None:
    await link(page).click()
    await question(page).get_by_role("button", name=EVERYWHERE).click()
    await is_out_everywhere(page)


async def is_out_everywhere(page: Page) -> None:
    await expect(page.get_by_role("heading", name="À bientôt")).to_be_visible()
    await expect(page.get_by_text("Vous êtes déconnecté de tous vos appareils.")).to_be_visible()
    await expect(page.get_by_text("mienne.pdf")).to_have_count(0)


async def is_at_the_sign_in(page: Page) -> None:
    await expect(page.get_by_role("button", name="earl-du-chene", exact=True)).to_be_visible()


@pytest.mark.usefixtures("js")
async def test_whoever_lost_a_phone_is_signed_out_of_it_from_another_browser(
    client: Page, phone: Page, scene: Scene, portal: str
) -> None:
    ended: list[str] = []
    phone.on("requestfinished", lambda each: ended.append(each.url) if each.resource_type == "eventsource" else None)
    await client.goto(f"{portal}/documents")
    await screens(client, "out-everywhere-head")
    await link(client).click()
    for said in (
        "tous vos appareils, y compris de celui que vous utilisez",
        "Les transferts en cours s’arrêtent",
        "les reprendre",
    ):
        await expect(question(client)).to_contain_text(said)
    await screens(client, "out-everywhere-question")
    assert await accessibility_faults(client) == []
    assert ended == []
    await question(client).get_by_role("button", name=EVERYWHERE).click()
    await is_out_everywhere(client)
    await screens(client, "out-everywhere-done")
    assert await accessibility_faults(client) == []

    await secured(scene, deposits(scene, "entretemps.pdf"))
    await expect(phone.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()
    await expect(names(phone)).to_have_text(["mienne.pdf"])
    assert ended[0] == f"{portal}/api/live"
    for browser in (phone, client):
        await browser.goto(f"{portal}/documents")
        await is_at_the_sign_in(browser)


async def test_by_keyboard_the_question_is_put_away_and_answered(client: Page, portal: str) -> None:
    await client.goto(f"{portal}/documents")
    await link(client).press("Enter")
    await expect(question(client).get_by_role("button", name="Annuler")).to_be_focused()
    for put_away in ("Escape", "Enter"):
        await client.keyboard.press(put_away)
        await expect(question(client)).to_be_hidden()
        await expect(link(client)).to_be_focused()
        await client.keyboard.press("Enter")
    await client.keyboard.press("Tab")
    await client.keyboard.press("Enter")
    await is_out_everywhere(client)


async def test_without_scripts_a_page_asks_and_tells_what_was_done(
    page: Page, phone: Page, scene: Scene, portal: str
) -> None:
    context = await another_browser(page, scene, portal, scripts=False)
    plain = await context.new_page()
    await plain.goto(f"{portal}/documents")
    asked = plain.get_by_role("main")
    await link(plain).click()
    await expect(asked.get_by_role("heading", level=1, name="Se déconnecter partout ?")).to_be_visible()
    await expect(asked).to_contain_text("tous vos appareils, y compris de celui que vous utilisez")
    await screens(plain, "out-everywhere-plain")
    await asked.get_by_role("link", name="Annuler").click()
    await expect(plain.get_by_role("heading", level=1, name="Mes documents")).to_be_visible()
    await link(plain).click()
    await asked.get_by_role("button", name=EVERYWHERE).click()
    await is_out_everywhere(plain)
    await phone.reload()
    await is_at_the_sign_in(phone)


@dataclass(frozen=True)
class HalfSent:
    """A large file on its way from one window, whose dialog is closed."""

    scene: Scene
    sample: Sample
    page: Page
    transfer: Transfer
    traffic: Traffic

    @classmethod
    async def by(cls, scene: Scene, page: Page, *, files: Path) -> Self:
        """`page` shows the client's list; `files` is the folder of their files."""
        sample = invoice("en_cours", size=LARGE)
        transfer, traffic = Transfer(page, files=files), Traffic(page)
        await slow_down(page, bytes_per_second=RURAL)
        await transfer.send(sample)
        await transfer.is_past(sample, 50)
        await transfer.dialog.get_by_role("button", name="Fermer").first.click()
        return cls(scene, sample, page, transfer, traffic)

    async def goes_on_once_its_person_is_back(self, portal: str) -> None:
        """It wasn't deposited; then it is, with what was sent before."""
        assert await self._deposited() == []
        await admit(self.page.context, self.scene, "client", origin=portal)
        await self.page.goto(f"{portal}/documents")
        await self.page.get_by_role("button", name="Afficher").click()
        await self.transfer.shows(self.sample, "Déposé")
        assert await self._deposited() == [self.sample.name]
        assert len(self.traffic.created) == 1
        assert self.traffic.offsets[-1] > 0

    async def _deposited(self) -> list[str]:
        async with self.scene.browser("client") as http:
            answer = await http.get("/api/documents", params={"sha256": self.sample.sha256})
        return [document["name"] for document in answer.json()["documents"]]


@pytest.mark.parametrize("asked_in", ["its own window", "another window"])
async def test_a_transfer_of_this_browser_stops_unasked_and_goes_on_once_its_person_is_back(
    client: Page, scene: Scene, portal: str, tmp_path: Path, asked_in: str
) -> None:
    await client.goto(f"{portal}/documents")
    sent, questions = await HalfSent.by(scene, client, files=tmp_path), Questions(client)
    asking = client
    if asked_in == "another window":
        asking = await client.context.new_page()
        await asking.goto(f"{portal}/documents")
    await confirm(asking)
    await expect(client.get_by_role("heading", name="À bientôt")).to_be_visible()
    assert questions.asked == 0
    await sent.goes_on_once_its_person_is_back(portal)


async def test_a_transfer_of_another_device_stops_and_goes_on_once_its_person_is_back(
    client: Page, phone: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    sent = await HalfSent.by(scene, phone, files=tmp_path)
    await client.goto(f"{portal}/documents")
    await confirm(client)
    await expect(phone.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()
    await sent.goes_on_once_its_person_is_back(portal)
