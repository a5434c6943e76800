"""Windows of one browser whose session ends or becomes another person's: each shows its own person's, or nothing."""

import pytest
from playwright.async_api import Locator, Page, Response, expect

from tests.support.catalog import Scene, archived
from tests.support.eventually import eventually
from tests.support.told import admit

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def client(page: Page, scene: Scene, portal: str) -> Page:
    """The client at their list of one document, connected, with a mark that a reload would wipe away."""
    await tell(scene, "mienne.pdf")
    await admit(page.context, scene, "client", origin=portal)
    await watch(page, portal)
    await page.evaluate("window.mark = true")
    return page


async def tell(scene: Scene, name: str, *, of: str | None = None) -> str:
    """A document that the catalog knows; its id."""
    made = scene.announced(name=name, client=of)
    await scene.tell(made, archived(made))
    async with scene.browser("both") as http:
        await eventually(lambda: scene.shown(http, made, "archived"))
    return str(made.data.document)


async def watch(page: Page, portal: str) -> None:
    async with page.expect_request(lambda request: request.resource_type == "fetch" and "/documents" in request.url):
        await page.goto(f"{portal}/documents")
    await expect(names(page)).to_have_text(["mienne.pdf"])


def names(page: Page) -> Locator:
    return page.locator("#rows .filename")


def told(page: Page, title: str) -> Locator:
    return page.get_by_role("dialog", name=title)


async def test_signing_out_leaves_the_list_in_no_window(client: Page, portal: str) -> None:
    second = await client.context.new_page()
    await watch(second, portal)
    await client.get_by_role("button", name="Se déconnecter").click()
    for window in (client, second):
        await expect(window.get_by_role("heading", name="À bientôt")).to_be_visible()
        await expect(window.get_by_text("mienne.pdf")).to_have_count(0)
    await second.go_back()
    await expect(second.get_by_text("mienne.pdf")).to_have_count(0)


async def test_a_list_that_finds_its_session_ended_has_its_person_sign_in_in_place(
    client: Page, scene: Scene, portal: str
) -> None:
    await client.context.clear_cookies()
    await tell(scene, "entretemps.pdf")
    ended = told(client, "Votre session a expiré")
    await expect(ended).to_be_visible()
    await admit(client.context, scene, "client", origin=portal)
    await client.evaluate("dispatchEvent(new Event('focus'))")
    await expect(ended).to_be_hidden()
    await expect(names(client)).to_have_count(2)
    assert await client.evaluate("window.mark")


async def test_whoever_puts_signing_in_off_is_not_asked_again_with_every_hint(client: Page, scene: Scene) -> None:
    # The page reads no more of a 401 than that it is one, so the request need not finish.
    def says_who(answer: Response) -> bool:
        return answer.url.endswith("/api/me")

    await client.context.clear_cookies()
    await tell(scene, "entretemps.pdf")
    ended = told(client, "Votre session a expiré")
    await ended.get_by_role("button", name="Plus tard").click()
    async with client.expect_response(says_who):
        await tell(scene, "encore.pdf")
    # Before the next refresh asks who is signed in, the one before has shown what it shows.
    async with client.expect_response(says_who):
        await tell(scene, "toujours.pdf")
    await expect(ended).to_be_hidden()
    await client.get_by_role("searchbox").fill("mienne")
    await expect(ended).to_be_visible()
    await expect(client.get_by_text("La recherche n’aboutit pas")).to_have_count(0)


async def test_a_list_takes_nothing_from_the_page_of_somebody_else(client: Page, scene: Scene, portal: str) -> None:
    await tell(scene, "autrui.pdf", of=scene.other)
    await admit(client.context, scene, "other", origin=portal)
    await tell(scene, "nouvelle.pdf")
    await expect(told(client, "Une autre personne est connectée")).to_contain_text("OTHER")
    await expect(names(client)).to_have_text(["mienne.pdf"])


async def test_a_panel_shows_nothing_of_the_page_of_somebody_else(client: Page, scene: Scene, portal: str) -> None:
    await admit(client.context, scene, "both", origin=portal)
    await client.get_by_role("link", name="mienne.pdf", exact=True).click()
    await expect(told(client, "Une autre personne est connectée")).to_contain_text("BOTH")
    await expect(client.locator("#panel")).to_be_hidden()
    await expect(client.locator("#panel .detail")).to_have_count(0)
    await expect(client).to_have_url(f"{portal}/documents")
    assert await client.evaluate("window.mark")
