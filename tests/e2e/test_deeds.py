"""What is done on a document's page or in its panel: done once, and the focus goes on where its button has gone."""

import asyncio

import pytest
from contracts.envelope import Envelope
from playwright.async_api import Page, Route, expect

from tests.support.catalog import Scene, archived
from tests.support.list_page import decided, deposits, secured
from tests.support.told import admit

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def made(scene: Scene) -> Envelope:
    """A deposit that lies in the GED."""
    [deposit] = deposits(scene, "facture.pdf")
    await secured(scene, [deposit])
    return deposit


@pytest.fixture
async def office(page: Page, scene: Scene, portal: str) -> Page:
    """A browser in which the accountant is signed in."""
    await admit(page.context, scene, "accountant", origin=portal)
    return page


async def test_on_a_document_s_page_the_focus_goes_on_to_its_name(office: Page, made: Envelope, portal: str) -> None:
    await office.goto(f"{portal}/documents/{made.data.document}")
    button = office.get_by_role("main").get_by_role("button", name="Prendre en charge")
    await button.focus()
    await office.keyboard.press("Enter")
    await expect(button).to_have_count(0)
    await expect(office.get_by_role("heading", level=1, name="facture.pdf")).to_be_focused()


async def test_in_a_panel_over_the_inbox_the_focus_goes_on_to_the_document_s_name(
    office: Page, made: Envelope, portal: str
) -> None:
    await office.goto(f"{portal}/a-traiter")
    await office.get_by_role("link", name="Suivi de facture.pdf").click()
    panel = office.locator("#panel")
    button = panel.get_by_role("button", name="Prendre en charge")
    await button.focus()
    await office.keyboard.press("Enter")
    await expect(button).to_have_count(0)
    await expect(panel.get_by_role("heading", level=1)).to_be_focused()


async def test_a_document_is_deleted_once_however_often_one_presses(client: Page, scene: Scene, portal: str) -> None:
    [made] = deposits(scene, "facture.pdf")
    await decided(scene, made, made, state="deposited")
    deleted: list[Route] = []

    async def hold(route: Route) -> None:
        if route.request.method != "DELETE":
            await route.fallback()
            return
        deleted.append(route)

    await client.route("**/api/documents/*", hold)
    await client.goto(f"{portal}/documents/{made.data.document}")
    button = client.get_by_role("main").get_by_role("button", name="Supprimer facture.pdf")
    question = client.locator("#confirmation")
    await button.click()
    await question.get_by_role("button", name="Supprimer").click()
    await expect(button).to_be_disabled()
    # What comes to pass meanwhile makes the page anew, with its button.
    await decided(scene, made, archived(made), state="archived")
    await expect(client.locator(".detail-state")).to_have_text("Sécurisé")
    await expect(button).to_be_disabled()
    await button.dispatch_event("click")
    await expect(question).to_be_hidden()
    await asyncio.gather(*(route.continue_() for route in deleted))
    await expect(client.get_by_role("status").filter(has_text="Le document est supprimé.")).to_be_visible()
    assert len(deleted) == 1
    await expect(client.get_by_role("heading", level=1)).to_be_focused()
