"""Every page and dialog on a phone, zoomed, with large letters, in high contrast and without motion."""

from collections.abc import AsyncIterator, Callable

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.support.catalog import Scene
from tests.support.layout import cut_off, too_small_to_touch
from tests.support.list_page import deposits, names, secured
from tests.support.told import admit
from tests.support.tour import tour_of_a_client, tour_of_the_office

pytestmark = pytest.mark.needs("chromium")
Tour = Callable[[Page, Scene, str], AsyncIterator[str]]
COMPUTER = ViewportSize(width=1280, height=800)
# A window of 1280 × 800 at 200 % and at 400 %; a phone.
ZOOMED = (ViewportSize(width=640, height=400), ViewportSize(width=320, height=320), ViewportSize(width=360, height=740))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("tour", [tour_of_a_client, tour_of_the_office])
async def test_everything_can_be_read_and_touched_at_any_size(
    page: Page, scene: Scene, portal: str, tour: Tour
) -> None:
    faults: list[str] = []
    await page.set_viewport_size(COMPUTER)
    async for name in tour(page, scene, portal):
        faults += [f"{name}, 1280: {fault}" for fault in await cut_off(page)]
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        faults += [f"{name}, large letters: {fault}" for fault in await cut_off(page)]
        await page.evaluate("document.documentElement.style.fontSize = ''")
        for size in ZOOMED:
            await page.set_viewport_size(size)
            faults += [f"{name}, {size['width']}: {fault}" for fault in await cut_off(page)]
        faults += [f"{name}, 360: {fault}" for fault in await too_small_to_touch(page)]
        await page.set_viewport_size(COMPUTER)
    assert faults == []


_LINES = """(menu) => new Set([...menu.querySelectorAll("a")].map((entry) => entry.offsetTop)).size"""


async def test_the_office_s_menu_is_one_line_on_a_phone_however_much_waits(
    page: Page, scene: Scene, portal: str
) -> None:
    await admit(page.context, scene, "accountant", origin=portal)
    await page.goto(f"{portal}/historique")
    menu = page.get_by_role("navigation", name="Menu principal")
    await expect(menu.locator("#inbox-count")).to_have_text("0 document")
    await menu.locator("#inbox-count").evaluate("count => { count.firstChild.data = '1\u202f234'; }")
    for width in (320, 360, 412, 768, 1280):
        await page.set_viewport_size({"width": width, "height": 740})
        assert (width, await menu.evaluate(_LINES)) == (width, 1)
        assert await cut_off(page) == []
        # What is heard is whole.
        await expect(menu.get_by_role("link", name="Documents publiés", exact=True)).to_be_visible()
    await page.set_viewport_size({"width": 360, "height": 740})
    await menu.get_by_role("link", name="Documents publiés").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Documents publiés")


_CUT_CHOICES = """() => [...document.querySelectorAll("main select")].filter((select) => {
    if (!select.checkVisibility()) return false;
    const alone = select.cloneNode();
    alone.append(select.selectedOptions[0].cloneNode(true));
    alone.style.cssText = "position: absolute; width: max-content";
    select.after(alone);
    const cut = alone.offsetWidth > select.offsetWidth;
    alone.remove();
    return cut;
}).map((select) => `${select.name}: ${select.selectedOptions[0].text}`)"""


async def test_what_a_field_says_is_whole_on_a_phone(page: Page, scene: Scene, portal: str) -> None:
    await admit(page.context, scene, "accountant", origin=portal)
    await page.set_viewport_size({"width": 360, "height": 740})
    for path in ("a-traiter", "historique", "publies", "a-traiter?folder=comptable"):
        await page.goto(f"{portal}/{path}")
        await expect(page.locator("main select").first).to_be_visible()
        assert (path, await page.evaluate(_CUT_CHOICES)) == (path, [])


async def test_letters_are_as_large_as_the_browser_is_told(client: Page, portal: str) -> None:
    session = await client.context.new_cdp_session(client)
    await session.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    await client.goto(f"{portal}/documents")
    assert await client.evaluate("getComputedStyle(document.body).fontSize") == "32px"


async def test_in_high_contrast_focus_and_states_are_seen(page: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "un.pdf", "deux.pdf"))
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    await admit(page.context, scene, "client", origin=portal)
    await page.goto(f"{portal}/documents")
    tabs = page.get_by_role("navigation", name="Espaces").get_by_role("link")
    assert await edge(tabs.first) != await edge(tabs.last)
    folders = page.get_by_role("navigation", name="Mes dossiers").get_by_role("link")
    assert await edge(folders.first) != await edge(folders.last)
    box = page.get_by_role("checkbox", name="Sélectionner un.pdf")
    unticked = await box.screenshot()
    await box.check()
    assert await box.screenshot() != unticked
    await page.get_by_role("button", name="Tout désélectionner").click()
    for pressed in (page.get_by_role("link", name="un.pdf", exact=True), box, tabs.last, folders.first):
        before = await around(page, pressed)
        await pressed.focus()
        # A script's focus is shown once a key was used.
        await page.keyboard.press("Shift")
        assert await around(page, pressed) != before
        await pressed.blur()
    await page.get_by_role("button", name="TRANSFÉRER").click()
    bar = page.locator("#transfer progress").last
    empty = await bar.screenshot()
    await bar.evaluate("bar => { bar.value = 50; }")
    assert await bar.screenshot() != empty

    await admit(page.context, scene, "accountant", origin=portal)
    await page.goto(f"{portal}/a-traiter")
    await page.keyboard.press("j")
    rows = page.get_by_role("region", name="Documents à traiter").get_by_role("listitem")
    await expect(rows.first).to_have_class("current")
    assert await edge(rows.first) != await edge(rows.last)


async def test_whoever_wants_no_motion_sees_none(client: Page, scene: Scene, portal: str) -> None:
    await client.emulate_media(reduced_motion="reduce")
    await secured(scene, deposits(scene, "un.pdf"))
    await client.goto(f"{portal}/documents")
    await client.evaluate(
        "window.moved = []; new MutationObserver(() => window.moved.push(...document.getAnimations()"
        ".map(each => each.effect.getComputedTiming().endTime))).observe(document, { subtree: true,"
        " attributes: true, childList: true })"
    )
    await client.get_by_role("link", name="un.pdf", exact=True).click()
    await client.get_by_role("dialog").get_by_role("link", name="Visualiser").click()
    await expect(client.locator("#viewer")).to_be_visible()
    await client.keyboard.press("Escape")
    await client.keyboard.press("Escape")
    # A new row glows otherwise.
    await secured(scene, [scene.announced(name="nouveau.pdf")])
    await expect(names(client)).to_have_count(2)
    longest = await client.evaluate("[window.moved.length, Math.max(0, ...window.moved)]")
    assert longest[0] > 0, "nothing was looked at"
    assert longest[1] <= 1


async def edge(element: Locator) -> list[str]:
    """How an element's border and outline are drawn."""
    sides = "['borderLeft', 'borderBottom', 'outline'].map((side) => getComputedStyle(element)[side])"
    drawn: list[str] = await element.evaluate(f"(element) => {sides}")
    return drawn


async def around(page: Page, element: Locator) -> bytes:
    """An element as it is seen, with what is drawn around it."""
    box = await element.bounding_box()
    assert box
    clip = {"x": box["x"] - 6, "y": box["y"] - 6, "width": box["width"] + 12, "height": box["height"] + 12}
    return await page.screenshot(clip={side: max(0, length) for side, length in clip.items()})  # type: ignore[arg-type]
