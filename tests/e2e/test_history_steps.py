"""Back, Escape and ✕ where something covers the page: each closes it, and steps back exactly once."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.catalog import Scene
from tests.support.eventually import eventually
from tests.support.list_page import deposits, names, row, secured

pytestmark = pytest.mark.needs("chromium")
Opening = Callable[[Page], Awaitable[None]]
# Says in `stepping` whether the browser was asked to go back and hasn't yet.
_WATCH_STEPS = """
  window.stepping = false;
  const go = history.go.bind(history);
  history.go = (by) => { window.stepping = true; go(by); };
  addEventListener("popstate", () => { window.stepping = false; });
"""
# What was begun has asked for its steps by the next frame's end, and then they are taken.
_SETTLED = """async () => {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return !window.stepping;
}"""


@pytest.fixture
async def listing(client: Page, scene: Scene, portal: str) -> str:
    """The list's address; one came to it from another page of the portal."""
    await secured(scene, deposits(scene, "un.pdf", "deux.pdf"))
    await client.add_init_script(_WATCH_STEPS)
    await client.goto(f"{portal}/documents?space=published")
    await client.goto(f"{portal}/documents")
    return client.url


@pytest.fixture
def viewer(client: Page) -> Locator:
    return client.locator("#viewer")


@pytest.fixture
def panel(client: Page) -> Locator:
    return client.locator("#panel")


async def look(page: Page, name: str = "un.pdf") -> None:
    """Open the viewer from the list."""
    await row(page, name).get_by_role("link", name="Visualiser").click()
    await expect(page.locator("#viewer").get_by_role("heading", name=name)).to_be_visible()


async def unfold(page: Page, name: str = "un.pdf") -> None:
    """Open the panel from the list."""
    await page.get_by_role("link", name=name, exact=True).click()
    await expect(page.locator("#panel").get_by_role("heading", name=name)).to_be_visible()


async def stays(page: Page, address: str) -> None:
    """The page is at its list with nothing over it, also once whatever was under way has ended."""
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page).to_have_url(address)
    await eventually(lambda: page.evaluate(_SETTLED))
    assert page.url == address
    assert not await page.evaluate("history.state?.viewer ?? history.state?.panel")
    await expect(names(page)).to_have_count(2)


@pytest.mark.parametrize("opened", [look, unfold])
async def test_what_covers_the_list_goes_and_the_list_stays(client: Page, listing: str, opened: Opening) -> None:
    button = client.get_by_role("dialog").get_by_role("button", name="Fermer")
    for way in ("Back", "✕", "✕✕", "Escape", "EscapeEscape", "natively"):
        await opened(client)
        if way == "Back":
            await client.go_back()
        elif way == "natively":
            await client.evaluate("document.querySelector('dialog[open]').close()")
        elif way.startswith("✕"):
            await button.evaluate("(button, times) => { while (times--) button.click(); }", len(way))
        else:
            for _ in range(way.count("Escape")):
                await client.keyboard.press("Escape")
        await stays(client, listing)
    await client.go_back()
    await expect(client).to_have_url(f"{listing}?space=published")


async def test_the_second_click_of_a_double_click_presses_nothing_beneath(
    client: Page, listing: str, viewer: Locator
) -> None:
    await look(client)
    # Where the viewer's ✕ is, the page has "Se déconnecter".
    place = await viewer.get_by_role("button", name="Fermer").bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    await client.evaluate(
        "([x, y]) => { const under = document.createElement('button'); under.id = 'under';"
        " under.style.cssText = `position: fixed; width: 90px; height: 90px; left: ${x - 45}px; top: ${y - 45}px`;"
        " under.onclick = () => { under.dataset.pressed = ''; }; document.body.append(under); }",
        [x, y],
    )
    await client.mouse.dblclick(x, y, delay=40)
    await stays(client, listing)
    assert await client.locator("#under[data-pressed]").count() == 0

    async def pressed() -> int:
        await client.mouse.dblclick(x, y)
        return await client.locator("#under[data-pressed]").count()

    await eventually(pressed)


async def test_a_viewer_that_was_loaded_again_is_there_and_back_closes_it(
    client: Page, listing: str, viewer: Locator
) -> None:
    await look(client)
    await client.reload()
    await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
    await client.go_back()
    await stays(client, listing)
    await client.go_forward()
    await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
    await viewer.get_by_role("button", name="Document suivant").click()
    await expect(viewer.get_by_role("heading", name="deux.pdf")).to_be_visible()
    await client.reload()
    await expect(viewer.get_by_role("heading", name="deux.pdf")).to_be_visible()
    await viewer.get_by_role("button", name="Fermer").click()
    await stays(client, listing)


async def test_from_a_documents_own_page_the_viewer_comes_back_to_it(
    client: Page, listing: str, viewer: Locator
) -> None:
    address = await client.get_by_role("link", name="un.pdf", exact=True).get_attribute("href")
    await client.goto(f"{listing.removesuffix('/documents')}{address}")
    direct = client.url
    for reloaded in (False, True):
        await client.get_by_role("main").get_by_role("link", name="Visualiser").click()
        await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
        if reloaded:
            await client.reload()
            await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
        await client.keyboard.press("Escape")
        await expect(viewer).to_be_hidden()
        await expect(client).to_have_url(direct)
    await client.go_back()
    await stays(client, listing)


@pytest.mark.parametrize("reloaded", [False, True])
async def test_over_the_panel_back_closes_the_viewer_then_the_panel(
    client: Page, listing: str, viewer: Locator, panel: Locator, reloaded: bool
) -> None:
    await unfold(client)
    await client.get_by_role("dialog").get_by_role("link", name="Visualiser").click()
    await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
    if reloaded:
        await client.reload()
        await expect(viewer.get_by_role("heading", name="un.pdf")).to_be_visible()
    await client.go_back()
    await expect(viewer).to_be_hidden()
    # Loaded again, what was a panel is a page.
    await expect((client.get_by_role("main") if reloaded else panel).get_by_role("heading", level=1)).to_have_text(
        "un.pdf"
    )
    await client.go_back()
    await stays(client, listing)


async def test_the_next_document_is_opened_while_the_browser_still_goes_back(
    client: Page, listing: str, viewer: Locator, panel: Locator
) -> None:
    await look(client)
    link = await client.get_by_role("link", name="deux.pdf", exact=True).element_handle()
    await client.evaluate(
        "link => { const viewer = document.querySelector('#viewer');"
        " viewer.addEventListener('close', () => link.click(), { once: true }); viewer.close(); }",
        link,
    )
    await expect(panel.get_by_role("heading", name="deux.pdf")).to_be_visible()
    await expect(viewer).to_be_hidden()
    await client.go_back()
    await stays(client, listing)
