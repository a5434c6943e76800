"""Looking at documents without leaving the page."""

import asyncio
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.papers import STANDARD, lettered, photograph, printed, scanned, written
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")
CLIENT = "earl-du-chene"
# The first PDF is drawn once what draws it was loaded, in milliseconds, where the machine has nothing else to do.
DRAWN = 30_000
# A phone photograph's first bytes; no browser but one shows the rest.
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


async def deposited(depositor: Person, sample: Sample) -> Sample:
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=20)
    return sample


async def looked_at(page: Page, sample: Sample) -> Locator:
    """The viewer, opened from the list."""
    await page.get_by_role("link", name=f"Visualiser {sample.name}").click()
    viewer = page.get_by_role("dialog", name=sample.name)
    await expect(viewer).to_be_visible()
    return viewer


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_pdf_is_drawn_page_by_page_with_its_words(
    stack: RunningStack, depositor: Person, page: Page, scheme: Any
) -> None:
    sample = await deposited(depositor, printed("facture_coop_012020", pages=3))
    await page.emulate_media(color_scheme=scheme)
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    first = viewer.get_by_role("img", name="Page 1 sur 3")
    await expect(first).to_be_visible(timeout=DRAWN)
    await expect(viewer.get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    assert await inked(first)
    await expect(viewer.get_by_text("Page 1 sur 3")).to_be_visible()
    # Of what isn't in sight, nothing was drawn yet.
    await expect(viewer.get_by_text("Feuillet 3")).to_have_count(0)
    await viewer.get_by_role("img", name="Page 3 sur 3").scroll_into_view_if_needed()
    await expect(viewer.get_by_text("Feuillet 3")).to_be_attached()
    await expect(viewer.get_by_text("Page 3 sur 3")).to_be_visible()
    assert await inked(viewer.get_by_role("img", name="Page 3 sur 3"))
    await page.keyboard.press("Home")
    await expect(viewer.get_by_text("Feuillet 1")).to_be_in_viewport()
    assert await accessibility_faults(page) == []
    await screens(page, f"viewer-pdf-{scheme}")


async def test_a_pdf_is_shown_on_a_phone_and_back_closes_it(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = await deposited(depositor, printed("telephone"))
    await page.set_viewport_size({"width": 360, "height": 740})
    await sign_in(page, stack, CLIENT)
    listing = page.url
    viewer = await looked_at(page, sample)
    await expect(viewer.get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    assert await inked(viewer.get_by_role("img", name="Page 1 sur 1"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    for control in await viewer.get_by_role("button").all():
        box = await control.bounding_box()
        assert box is None or min(box["width"], box["height"]) >= 44
    await page.go_back()
    await expect(viewer).to_be_hidden()
    assert page.url == listing


@pytest.mark.parametrize("coding", ["JPEG 2000", "fax"])
async def test_a_scan_is_drawn_as_scanners_pack_it(
    stack: RunningStack, depositor: Person, page: Page, coding: Literal["JPEG 2000", "fax"]
) -> None:
    sample = await deposited(depositor, scanned("scan", coding=coding))
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    await expect(viewer.locator("[data-drawn]")).to_be_visible(timeout=DRAWN)
    assert await inked(viewer.get_by_role("img", name="Page 1 sur 1"))


@pytest.mark.parametrize("words", ["", "請求書"])
async def test_a_pdf_without_its_fonts_is_drawn_with_those_of_the_portal(
    stack: RunningStack, depositor: Person, page: Page, words: str
) -> None:
    sample = await deposited(depositor, lettered(words))
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    await expect(viewer.locator("[data-drawn]")).to_be_visible(timeout=DRAWN)
    await expect(viewer.locator(".textLayer span").first).to_have_text(words or "abc")
    canvas = viewer.get_by_role("img", name="Page 1 sur 1")
    for line in range(1 if words else len(STANDARD)):
        assert await inked(canvas, rows=((20 + 120 * line) / 842, (120 + 120 * line) / 842)), STANDARD[line]
    assert failed == []


@pytest.mark.parametrize("lacking", ["modules", "workers", "drawing"])
async def test_a_browser_too_old_to_show_a_pdf_still_downloads_it(
    stack: RunningStack, depositor: Person, page: Page, lacking: str
) -> None:
    sample = await deposited(depositor, printed("ancien_navigateur"))
    if lacking == "drawing":
        await page.add_init_script("CanvasRenderingContext2D.prototype.save = undefined")
    else:
        pieces = {"modules": "**/pdf-*.js", "workers": "**/pdf-worker.js"}
        await page.route(pieces[lacking], lambda route: route.fulfill(content_type="text/javascript", body="new ?"))
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    refusal = viewer.get_by_role("alert")
    await expect(refusal).to_contain_text("Ce document ne peut pas être affiché ici.", timeout=DRAWN)
    await expect(viewer.get_by_role("img")).to_have_count(0)
    async with page.expect_download() as downloading:
        await refusal.get_by_role("link", name="Télécharger").click()
    assert (await downloading.value).suggested_filename == sample.name


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_an_image_is_shown_in_whole_and_can_be_made_larger(
    stack: RunningStack, depositor: Person, page: Page, kind: str
) -> None:
    sample = await deposited(depositor, photograph("ticket", kind=kind))
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    image = viewer.get_by_role("img", name=sample.name)
    await expect(image).to_be_visible()
    assert await image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [1200, 900]
    window, before = page.viewport_size, await image.bounding_box()
    assert window
    assert before
    assert before["height"] <= window["height"]
    await viewer.get_by_role("button", name="Agrandir").click()
    larger = await image.bounding_box()
    assert larger
    assert larger["width"] > before["width"]
    await page.keyboard.press("-")
    assert await image.bounding_box() == before
    assert await accessibility_faults(page) == []
    await screens(page, f"viewer-{kind.lower()}")


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize(
    ("extension", "content"),
    [
        ("txt", "Bonjour,\nNOM : le relevé d’août\n"),
        ("csv", "date;montant\n26/03/2020;12,50\nNOM;1\n"),
        ("xml", "<?xml version='1.0'?><facture>NOM</facture>"),
    ],
)
async def test_text_is_shown_as_it_is_written(
    stack: RunningStack, depositor: Person, page: Page, extension: str, content: str
) -> None:
    sample = await deposited(depositor, written("texte", extension, content))
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    await expect(viewer.locator("pre")).to_have_text(content.replace("NOM", sample.name))
    assert await accessibility_faults(page) == []


@pytest.mark.usefixtures("js")
async def test_what_no_browser_shows_is_said_to_be_so_with_the_download(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    sample = await deposited(depositor, Sample(f"photo_{id(page):x}.heic", HEIC, "image/heic"))
    await sign_in(page, stack, CLIENT)
    viewer = await looked_at(page, sample)
    refusal = viewer.get_by_role("alert")
    await expect(refusal).to_contain_text("Il n’y a pas d’aperçu pour ce type de fichier.")
    await screens(page, "viewer-none")
    assert await accessibility_faults(page) == []
    async with page.expect_download() as downloading:
        await refusal.get_by_role("link", name="Télécharger").click()
    download = await downloading.value
    assert download.suggested_filename == sample.name
    assert await asyncio.to_thread(Path.read_bytes, await download.path()) == sample.content


async def test_one_goes_through_the_list_by_button_and_arrow_and_escape_closes(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    older = await deposited(depositor, printed("premier"))
    newer = await deposited(depositor, photograph("second"))
    await sign_in(page, stack, CLIENT)
    listing = page.url
    viewer = await looked_at(page, newer)
    await expect(viewer.get_by_role("button", name="Document précédent")).to_be_disabled()
    await viewer.get_by_role("button", name="Document suivant").click()
    await expect(page.get_by_role("dialog", name=older.name).get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("dialog", name=newer.name).get_by_role("img", name=newer.name)).to_be_visible()
    async with page.expect_download() as downloading:
        await page.get_by_role("dialog").get_by_role("link", name=f"Télécharger {newer.name}").click()
    assert (await downloading.value).suggested_filename == newer.name
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url == listing
    await expect(page.get_by_role("link", name=f"Visualiser {newer.name}")).to_be_focused()


async def test_over_the_panel_the_viewer_closes_alone(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = await deposited(depositor, printed("par_dessus"))
    await sign_in(page, stack, CLIENT)
    await page.get_by_role("link", name=sample.name, exact=True).click()
    panel = page.locator("#panel")
    await panel.get_by_role("link", name=f"Visualiser {sample.name}").click()
    viewer = page.locator("#viewer")
    await expect(viewer.get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(panel.get_by_role("heading", name=sample.name)).to_be_visible()
    await expect(page).to_have_url(re.compile("/documents/[0-9a-f-]{36}$"))
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(page).to_have_url(re.compile("/documents$"))


async def test_no_page_but_those_that_show_a_pdf_loads_what_draws_it(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    sample = await deposited(depositor, printed("a_la_demande"))
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    await sign_in(page, stack, CLIENT)
    await expect(page.get_by_role("link", name=sample.name, exact=True)).to_be_visible()
    assert not [url for url in loaded if "pdf" in url]
    await looked_at(page, sample)
    await expect(page.get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    assert [url for url in loaded if url.endswith("/pdf-worker.js")]


async def inked(canvas: Locator, *, rows: tuple[float, float] = (0, 1)) -> bool:
    """Whether anything but white is drawn, between these parts of its height."""
    drawn = """(canvas, [first, last]) => {
        const top = Math.floor(canvas.height * first), height = Math.ceil(canvas.height * (last - first));
        const { data } = canvas.getContext("2d").getImageData(0, top, canvas.width, height);
        return data.some((value, at) => at % 4 !== 3 && value < 128);
    }"""
    return bool(await canvas.evaluate(drawn, rows))
