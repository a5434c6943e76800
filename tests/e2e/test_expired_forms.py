"""Forms sent after the session's end, without scripts: they lead to the sign-in, or say what became of them."""

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.support.catalog import Scene
from tests.support.list_page import deposits, secured
from tests.support.told import admit

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def ended(page: Page, scene: Scene, portal: str) -> Page:
    """A client's list of one document, whose session has ended since it was shown."""
    await secured(scene, deposits(scene, "facture.pdf"))
    assert page.context.browser is not None
    context = await page.context.browser.new_context(java_script_enabled=False, locale="fr-FR")
    await admit(context, scene, "client", origin=portal)
    window = await context.new_page()
    await window.goto(f"{portal}/documents")
    await expect(window.get_by_role("link", name="facture.pdf", exact=True)).to_be_visible()
    await context.clear_cookies()
    return window


async def test_a_search_leads_to_the_sign_in_and_from_there_to_what_was_found(ended: Page, portal: str) -> None:
    await ended.get_by_role("searchbox").fill("facture")
    await ended.get_by_role("button", name="Rechercher").click()
    await ended.get_by_role("button", name="earl-du-chene", exact=True).click()
    await expect(ended.get_by_role("heading", level=1, name="Mes documents")).to_be_visible()
    address = httpx.URL(ended.url)
    assert (address.path, address.params["q"]) == ("/documents", "facture")


async def test_a_download_of_what_was_ticked_says_that_it_was_not_done_and_leads_to_the_sign_in(
    ended: Page,
) -> None:
    await ended.get_by_role("checkbox", name="Sélectionner facture.pdf").check()
    await ended.get_by_role("button", name="Télécharger la sélection").click()
    await expect(ended.get_by_role("heading", name="Votre session a expiré")).to_be_visible()
    await ended.get_by_role("link", name="Se connecter").click()
    await ended.get_by_role("button", name="earl-du-chene", exact=True).click()
    await expect(ended.get_by_role("heading", level=1, name="Mes documents")).to_be_visible()
