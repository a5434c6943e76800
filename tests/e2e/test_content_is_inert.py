"""What somebody deposits can never act as the portal: not even what intake refuses, had it come in another way."""

import asyncio
import io
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import nats
import pytest
from PIL import Image
from playwright.async_api import Error, Page, expect

from tests.suites.catalog_events import announced
from tests.support.browser import sign_in
from tests.support.eventually import eventually
from tests.support.papers import photograph, printed, written
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample
from tests.support.store import Store
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")
# It would leave a mark that stays, wherever in the portal's origin it ran.
SCRIPT = "localStorage.setItem('ran', '1'); document.title = 'ran'; fetch('/api/me')"
PAGE = (
    f'<!doctype html><html><body onload="{SCRIPT}"><script>{SCRIPT}</script>'
    f'<img src="x" onerror="{SCRIPT}">NOM</body></html>'
)
XHTML = (
    "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>NOM</title>"
    f'<script>{SCRIPT}</script></head><body onload="{SCRIPT}"/></html>'
)
SVG = (
    f"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload=\"{SCRIPT}\"><script>{SCRIPT}</script>"
    "<text>NOM</text></svg>"
)
STYLED = (
    "<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='#s'?><d><xsl:stylesheet id='s' version='1.0' "
    "xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'><html><script>"
    f"{SCRIPT}</script></html></xsl:template></xsl:stylesheet><n>NOM</n></d>"
)
DANGEROUS = {
    "html_as_txt": written("page", "txt", PAGE),
    "html_as_csv": written("page", "csv", PAGE),
    "xhtml": written("page", "xml", XHTML),
    "svg": written("dessin", "xml", SVG),
    "xslt": written("style", "xml", STYLED),
}
# Whatever an element of a page makes of an address.
EMBEDDED = """address => Promise.all(["iframe", "object", "embed", "script", "img"].map((tag) => new Promise((done) => {
    const element = document.createElement(tag);
    element.addEventListener("load", done);
    element.addEventListener("error", done);
    element[tag === "object" ? "data" : "src"] = address;
    document.body.append(element);
    setTimeout(done, 500);
})))"""


def _address(stack: RunningStack, document: str, disposition: str = "inline") -> str:
    return f"{stack.endpoints['portal']}/api/documents/{document}/content?disposition={disposition}"


async def _smuggled(stack: RunningStack, depositor: Person, store: Store, sample: Sample) -> str:
    """A document that intake never saw, moved into the GED like any other."""
    document = str(uuid.uuid4())
    bucket = await store.stage(document, sample.content)
    event = announced(
        1,
        document=document,
        deposit={"id": str(uuid.uuid4()), "size": 1},
        name=sample.name,
        size=sample.size,
        content_type=sample.content_type,
        sha256=sample.sha256,
        location={"bucket": bucket, "key": document},
        deposited_at=datetime.now(UTC),
    )
    where = stack.endpoints["nats"]
    bus = await nats.connect(where["url"], user=where["user"], password=where["password"])
    await bus.jetstream().publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})
    await bus.close()
    await eventually(lambda: depositor.portal.archived(document), within=20)
    return document


async def _deposited(depositor: Person, sample: Sample) -> str:
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=20)
    return document


async def _paper_shows(page: Page) -> bool:
    """Whether a good part of what is seen is white paper: Chromium's viewer is dark around it."""
    seen = Image.open(io.BytesIO(await page.screenshot())).convert("L").histogram()
    return seen[255] > sum(seen) / 5


async def _nothing_ran(page: Page, stack: RunningStack) -> None:
    await page.goto(stack.endpoints["portal"])
    await expect(page.get_by_role("heading", name="Mes documents")).to_be_visible()
    assert await page.evaluate("localStorage.getItem('ran')") is None


async def test_the_mark_that_the_tests_look_for_is_left_by_a_script_that_runs(stack: RunningStack, page: Page) -> None:
    await sign_in(page, stack, "earl-du-chene")
    await page.evaluate(SCRIPT.partition(";")[0])
    assert await page.evaluate("localStorage.getItem('ran')") == "1"


@pytest.mark.parametrize("kind", DANGEROUS)
async def test_a_deposited_page_runs_no_script_wherever_it_is_opened(
    stack: RunningStack, depositor: Person, store: Store, page: Page, kind: str
) -> None:
    sample = DANGEROUS[kind]
    document = await _smuggled(stack, depositor, store, sample)
    await sign_in(page, stack, "earl-du-chene")

    # As the browser opens it by itself.
    if sample.content_type == "text/plain":
        await page.goto(_address(stack, document))
        await expect(page.locator("body")).to_contain_text("onload=")
        assert await page.title() != "ran"
        assert await page.locator("script, img, svg").count() == 0
    else:
        with pytest.raises(Error, match="Download is starting"):
            await page.goto(_address(stack, document))
    await _nothing_ran(page, stack)

    # In the viewer, and as a part of a page of the portal.
    await page.get_by_role("link", name=f"Visualiser {sample.name}").click()
    await expect(page.get_by_role("dialog").get_by_text("localStorage.setItem").first).to_be_visible()
    await page.evaluate(EMBEDDED, _address(stack, document))
    assert await page.title() != "ran"
    await _nothing_ran(page, stack)


async def test_an_xml_is_only_ever_saved(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = written("facture", "xml", "<?xml version='1.0'?><facture>NOM</facture>")
    document = await _deposited(depositor, sample)
    await sign_in(page, stack, "earl-du-chene")
    async with page.expect_download() as downloading:
        with pytest.raises(Error, match="Download is starting"):
            await page.goto(_address(stack, document))
    download = await downloading.value
    assert download.suggested_filename == sample.name
    assert await asyncio.to_thread(Path.read_bytes, await download.path()) == sample.content


@pytest.mark.parametrize("disposition", ["inline", "attachment"])
async def test_every_content_answer_keeps_to_itself(
    stack: RunningStack, depositor: Person, store: Store, http: httpx.AsyncClient, disposition: str
) -> None:
    for sample in (printed("a"), photograph("b"), *DANGEROUS.values()):
        document = await _smuggled(stack, depositor, store, sample)
        bearer = {"Authorization": f"Bearer {depositor.token}"}
        for asked in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=999999999-"}):
            answer = await http.get(_address(stack, document, disposition), headers={**bearer, **asked})
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "sandbox" in policy
            assert "allow-same-origin" not in policy
            assert "script-src" not in policy
            kind = answer.headers["Content-Type"].partition(";")[0]
            if answer.status_code == 416:
                assert kind == "application/problem+json"
            else:
                assert kind in {"application/pdf", "image/jpeg", "text/plain", "application/octet-stream"}
            if kind == "application/octet-stream" or disposition == "attachment":
                assert answer.headers["Content-Disposition"].startswith("attachment;")


async def test_every_refusal_of_content_keeps_to_itself(
    stack: RunningStack, depositor: Person, http: httpx.AsyncClient
) -> None:
    for token, status in ((depositor.token, 404), ("none", 401)):
        answer = await http.get(_address(stack, str(uuid.uuid4())), headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_pdf_opens_by_itself_where_there_are_no_scripts(
    stack: RunningStack, depositor: Person, page: Page
) -> None:
    document = await _deposited(depositor, printed("natif"))
    await sign_in(page, stack, "earl-du-chene")
    answer = await page.goto(_address(stack, document))
    assert answer
    assert answer.status == 200
    await eventually(lambda: _paper_shows(page), within=20)


async def test_a_name_cannot_lead_out_of_its_header(
    stack: RunningStack, depositor: Person, store: Store, page: Page
) -> None:
    sample = photograph('fac"ture; filename=x.html\u202egpj', kind="PNG")
    document = await _smuggled(stack, depositor, store, sample)
    await sign_in(page, stack, "earl-du-chene")
    async with page.expect_download() as downloading:
        with pytest.raises(Error, match="Download is starting"):
            await page.goto(_address(stack, document, "attachment"))
    name = (await downloading.value).suggested_filename
    assert name.endswith(".png")
    assert "\u202e" not in name
