"""The list is up to date by itself: in every window, also after the line, the gateway or the session was lost."""

import time
from datetime import UTC, datetime
from itertools import pairwise

import httpx
import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from tests.support.catalog import Scene, archived
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.told import admit, returned, taken
from tests.support.tus import Deposit, TusClient

pytestmark = pytest.mark.needs("chromium")
# Seconds until a page has connected again by itself.
AGAIN = 45_000


@pytest.fixture
async def client(page: Page, scene: Scene, stack: RunningStack) -> Page:
    """The client's list, connected, with a mark that a reload would wipe away."""
    await admit(page.context, scene, "client", origin=stack.endpoints["portal"])
    return await watching(page, stack)


async def watching(page: Page, stack: RunningStack) -> Page:
    # What follows the stream's `ready` is the first refresh.
    async with page.expect_request(is_refresh):
        await page.goto(f"{stack.endpoints['portal']}/documents")
    await page.evaluate("window.mark = true")
    return page


def is_refresh(request: Request) -> bool:
    return request.resource_type == "fetch" and "/documents" in request.url and "/api/" not in request.url


def names(page: Page) -> Locator:
    return page.locator("#rows .filename")


def pill(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True)).locator(".pill")


async def test_a_deposit_appears_and_changes_its_state_in_two_windows(
    client: Page, scene: Scene, stack: RunningStack, http: httpx.AsyncClient
) -> None:
    second = await watching(await client.context.new_page(), stack)
    sample = invoice("facture")
    tus = TusClient(http, base=stack.endpoints["portal"], token=scene.token("client"))
    document = await tus.deposit(sample, to=Deposit())
    for window in (client, second):
        await expect(pill(window, sample.name)).to_have_text("Sécurisé", timeout=20_000)
        await expect(window.get_by_role("navigation", name="Mes dossiers")).to_contain_text("Comptable 1")
    await expect(client.get_by_role("status").filter(has_text="1 nouveau document")).to_be_visible()
    async with scene.browser("accountant") as accountant:
        assert (await accountant.post(f"/api/documents/{document}/take")).status_code == 200
    for window in (client, second):
        await expect(pill(window, sample.name)).to_have_text("Pris en charge")
        assert await window.evaluate("window.mark")


async def test_one_refresh_is_enough_for_many_hints(client: Page, scene: Scene) -> None:
    asked: list[str] = []
    client.on("request", lambda request: asked.append(request.url) if is_refresh(request) else None)
    await scene.tell(*(scene.announced(name=f"facture {number:02}.pdf") for number in range(40)))
    await expect(names(client)).to_have_count(40)
    assert len(asked) <= 10


async def test_selection_focus_and_scroll_position_survive(client: Page, scene: Scene) -> None:
    made = [scene.announced(name=f"facture {number:02}.pdf") for number in range(40)]
    await scene.tell(*made, *map(archived, made))
    await expect(names(client)).to_have_count(40)
    box = client.get_by_role("checkbox", name="Sélectionner facture 20.pdf")
    await box.check()
    link = client.get_by_role("link", name="facture 21.pdf", exact=True)
    await link.focus()
    await link.scroll_into_view_if_needed()
    before = await link.bounding_box()
    await scene.tell(scene.announced(name="nouvelle.pdf", deposited_at=datetime.now(UTC)), taken(made[21]))
    await expect(pill(client, "facture 21.pdf")).to_have_text("Pris en charge")
    await expect(names(client)).to_have_count(41)
    await expect(box).to_be_checked()
    await expect(client.get_by_text("1 document sélectionné")).to_be_visible()
    await expect(link).to_be_focused()
    after = await link.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_what_is_new_glows_unless_motion_is_unwanted(client: Page, scene: Scene, motion: str) -> None:
    await client.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    await client.evaluate(
        "() => { window.glowed = 0; const animate = Element.prototype.animate;"
        " Element.prototype.animate = function (...all) { window.glowed++; return animate.apply(this, all); }; }"
    )
    await scene.tell(scene.announced(name="neuf.pdf"))
    await expect(client.get_by_role("status").filter(has_text="1 nouveau document")).to_be_visible()
    assert await client.evaluate("window.glowed") == (0 if motion == "reduce" else 1)


async def test_a_search_stays_what_it_is_while_documents_arrive(client: Page, scene: Scene) -> None:
    await scene.tell(scene.announced(name="edf.pdf"))
    await expect(names(client)).to_have_count(1)
    await client.get_by_role("searchbox").fill("edf")
    await expect(client.locator("#found")).to_have_text("1 document pour « edf »")
    await scene.tell(scene.announced(name="orange.pdf"), scene.announced(name="edf 2.pdf"))
    await expect(client.locator("#found")).to_have_text("2 documents pour « edf »")
    await expect(client.get_by_role("searchbox")).to_have_value("edf")


async def test_a_catalog_that_was_away_is_caught_up_with(client: Page, scene: Scene, stack: RunningStack) -> None:
    made = scene.announced(name="pendant.pdf")
    await scene.tell(made, archived(made))
    await expect(pill(client, "pendant.pdf")).to_have_text("Sécurisé")
    await stack.down("catalog-1")
    try:
        await scene.tell(returned(made, "Page manquante"))
    finally:
        await stack.up("catalog-1")
    await expect(pill(client, "pendant.pdf")).to_have_text("À revoir", timeout=AGAIN)
    await scene.tell(scene.announced(name="après.pdf"))
    await expect(names(client)).to_have_count(2)
    assert await client.evaluate("window.mark")


async def test_a_gateway_that_was_away_is_caught_up_with(client: Page, scene: Scene, stack: RunningStack) -> None:
    await stack.down("caddy")
    try:
        await scene.tell(scene.announced(name="pendant.pdf"))
    finally:
        await stack.up("caddy")
    await expect(names(client)).to_have_text(["pendant.pdf"], timeout=AGAIN)
    assert await client.evaluate("window.mark")


async def test_a_page_whose_stream_was_one_too_many_asks_again_and_is_brought_up_to_date(
    page: Page, scene: Scene, stack: RunningStack
) -> None:
    asked = 0

    async def one_too_many(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            await route.fallback()
            return
        await route.fulfill(status=429, headers={"Retry-After": "2"}, json={"code": "too_many_streams", "status": 429})

    await admit(page.context, scene, "client", origin=stack.endpoints["portal"])
    await page.route("**/api/live", one_too_many)
    await page.goto(f"{stack.endpoints['portal']}/documents")
    await expect(page.get_by_text("Aucun fichier en cours.")).to_be_visible()
    await scene.tell(scene.announced(name="pendant.pdf"))
    await expect(names(page)).to_have_text(["pendant.pdf"], timeout=AGAIN)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert asked == 3


@pytest.mark.parametrize(("chance", "third"), [(0, 3.0), (1, 5.0)])
async def test_a_page_that_is_not_answered_is_asked_for_ever_less_often_and_not_in_step_with_others(
    client: Page, scene: Scene, chance: int, third: float
) -> None:
    asked: list[float] = []

    async def refuse(route: Route) -> None:
        asked.append(time.monotonic())
        await route.fulfill(status=503)

    await client.evaluate("chance => { Math.random = () => chance; }", chance)
    await client.route("**/documents", refuse)
    await scene.tell(scene.announced(name="facture.pdf"))
    await eventually(lambda: len(asked) == 4, within=20)
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert pauses[0] < 2.5 < third - 0.1 <= pauses[2]
    await client.unroute("**/documents")
    await expect(names(client)).to_have_text(["facture.pdf"], timeout=AGAIN)


async def test_a_page_that_is_looked_at_again_is_brought_up_to_date(client: Page, scene: Scene) -> None:
    async def seen(state: str) -> None:
        await client.evaluate(
            "state => { Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            state,
        )

    asked: list[str] = []
    client.on("request", lambda request: asked.append(request.url) if is_refresh(request) else None)
    await seen("hidden")
    made = scene.announced(name="entretemps.pdf")
    await scene.tell(made)
    async with scene.browser("client") as http:
        await scene.shown(http, made)
    assert asked == []
    await seen("visible")
    await expect(names(client)).to_have_text(["entretemps.pdf"])


async def test_after_the_sessions_end_the_list_goes_on_once_signed_in_again(
    client: Page, scene: Scene, stack: RunningStack
) -> None:
    portal = stack.endpoints["portal"]
    await client.context.clear_cookies()
    await stack.restart("catalog-1")
    dialog = client.locator("dialog#session")
    await expect(dialog).to_be_visible(timeout=AGAIN)
    made = scene.announced(name="entretemps.pdf")
    await scene.tell(made)
    async with scene.browser("client") as http:
        await eventually(lambda: scene.shown(http, made), within=20)
    assert await names(client).count() == 0
    await admit(client.context, scene, "client", origin=portal)
    await client.evaluate("dispatchEvent(new Event('focus'))")
    await expect(dialog).to_be_hidden()
    await expect(names(client)).to_have_text(["entretemps.pdf"])
    assert await client.evaluate("window.mark")
