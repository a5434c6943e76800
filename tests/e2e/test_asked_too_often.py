"""A page whose requests are refused as too many waits as long as it is told, and goes on by itself."""

import json
from collections import Counter

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.catalog import Scene
from tests.support.list_page import decided, deposits

pytestmark = pytest.mark.needs("chromium")

REFUSAL = {"code": "too_many_requests", "status": 429, "detail": "Vous avez fait trop de demandes en peu de temps."}


class Refusing:
    """Refuses the first request of each method for an address."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def __call__(self, route: Route) -> None:
        method = route.request.method
        self.asked[method] += 1
        if self.asked[method] > 1:
            await route.fallback()
            return
        headers = {"Content-Type": "application/problem+json", "Retry-After": "1"}
        await route.fulfill(status=429, headers=headers, body=json.dumps(REFUSAL))


async def test_what_is_done_is_done_after_the_wait_and_the_page_follows(
    client: Page, scene: Scene, portal: str
) -> None:
    [made] = deposits(scene, "facture.pdf")
    await decided(scene, made, made, state="deposited")
    address = f"{portal}/documents/{made.data.document}"
    await client.goto(address)
    page, call = Refusing(), Refusing()
    await client.route(address, page)
    await client.route(f"**/api/documents/{made.data.document}", call)
    await client.get_by_role("main").get_by_role("button", name="Supprimer facture.pdf").click()
    await client.locator("#confirmation").get_by_role("button", name="Supprimer").click()
    await expect(client.get_by_role("status").filter(has_text="Le document est supprimé.")).to_be_visible()
    await expect(client.locator(".detail-state")).to_have_text("Supprimé")
    assert call.asked["DELETE"] == 2
    assert page.asked["GET"] >= 2
