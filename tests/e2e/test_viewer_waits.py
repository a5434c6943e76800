"""A document that the catalog does not give right away: the viewer says that it waits, goes on by itself, and comes to
an end."""

import json
import re
from collections import Counter

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.papers import photograph, printed, written
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")
CLIENT = "earl-du-chene"
CONTENT = re.compile(r"/api/documents/[^/]+/content\?disposition=inline$")
# The first PDF is drawn once what draws it was loaded, in milliseconds, where the machine has nothing else to do.
DRAWN = 30_000
REFUSALS = {
    429: ("too_many_requests", "Vous avez fait trop de demandes en peu de temps. Réessayez dans quelques instants."),
    503: ("store_unavailable", "Le service est momentanément indisponible. Réessayez dans quelques instants."),
}
TOLD = {
    429: re.compile(r"^Beaucoup de demandes en ce moment\. Nouvel essai dans \d+\u00a0s\.$"),
    503: re.compile(r"^Le service est momentanément indisponible\. Nouvel essai dans \d+\u00a0s\.$"),
}


class Refusing:
    """Refuses so many requests for a document's bytes, of pieces alone or all."""

    def __init__(self, status: int, *, times: int, after: int = 2, pieces: bool = False) -> None:
        self.status, self.times, self.after, self.pieces = status, times, after, pieces
        self.asked: Counter[str] = Counter()

    async def __call__(self, route: Route) -> None:
        part = route.request.headers.get("range", "")
        if self.pieces and not part:
            await route.continue_()
            return
        self.asked[part] += 1
        if self.asked.total() > self.times:
            await route.continue_()
            return
        code, detail = REFUSALS[self.status]
        headers = {"Content-Type": "application/problem+json", "Retry-After": str(self.after)}
        body = json.dumps({"status": self.status, "code": code, "detail": detail})
        await route.fulfill(status=self.status, headers=headers, body=body)


async def deposited(depositor: Person, sample: Sample) -> Sample:
    document = await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=20)
    return sample


async def looked_at(page: Page, sample: Sample) -> Locator:
    """The viewer, opened from the list."""
    await page.get_by_role("link", name=f"Visualiser {sample.name}").click()
    return page.get_by_role("dialog", name=sample.name)


def content_of(viewer: Locator, kind: str) -> Locator:
    """What is seen of it once it is shown."""
    return {
        "pdf": viewer.get_by_text("Feuillet 1"),
        "jpeg": viewer.locator("img"),
        "txt": viewer.locator("pre"),
    }[kind]


def made(kind: str) -> Sample:
    if kind == "txt":
        return written("attente", "txt", "Bonjour, NOM")
    return photograph("attente") if kind == "jpeg" else printed("attente")


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("kind", ["pdf", "jpeg", "txt"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_document_that_is_to_be_asked_for_later_is_shown_then(
    stack: RunningStack, depositor: Person, page: Page, kind: str, status: int
) -> None:
    sample = await deposited(depositor, made(kind))
    await sign_in(page, stack, CLIENT)
    refusing = Refusing(status, times=1)
    await page.route(CONTENT, refusing)
    viewer = await looked_at(page, sample)
    note = viewer.get_by_role("status").filter(has_text="Nouvel essai")
    await expect(note).to_have_text(TOLD[status], timeout=DRAWN)
    if kind == "jpeg":
        await screens(page, f"viewer-waits-{status}")
        assert await accessibility_faults(page) == []
    await expect(content_of(viewer, kind)).to_be_attached(timeout=DRAWN)
    await expect(note).to_have_count(0)
    assert refusing.asked.total() == 2


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("kind", ["pdf", "jpeg"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_document_that_is_refused_for_long_is_said_to_be_so_and_can_be_asked_for_again(
    stack: RunningStack, depositor: Person, page: Page, kind: str, status: int
) -> None:
    sample = await deposited(depositor, made(kind))
    await sign_in(page, stack, CLIENT)
    refusing = Refusing(status, times=4, after=1)
    await page.route(CONTENT, refusing)
    viewer = await looked_at(page, sample)
    refusal = viewer.get_by_role("alert")
    await expect(refusal).to_contain_text(REFUSALS[status][1], timeout=DRAWN)
    await expect(viewer.get_by_text("Nouvel essai")).to_have_count(0)
    await expect(viewer.get_by_text("Ouverture du document…")).to_have_count(0)
    assert refusing.asked.total() == 4
    assert await accessibility_faults(page) == []
    await screens(page, f"viewer-refused-{status}")
    await refusal.get_by_role("button", name="Réessayer").click()
    await expect(content_of(viewer, kind)).to_be_attached(timeout=DRAWN)
    # The keyboard is still in the viewer.
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()


async def test_what_no_waiting_helps_is_not_offered_again(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = await deposited(depositor, photograph("casse"))
    await sign_in(page, stack, CLIENT)
    await page.route(CONTENT, lambda route: route.fulfill(content_type="image/jpeg", body="no picture"))
    viewer = await looked_at(page, sample)
    refusal = viewer.get_by_role("alert")
    await expect(refusal).to_contain_text("Ce document ne peut pas être affiché ici.")
    await expect(refusal.get_by_role("button")).to_have_count(0)


async def test_a_wait_of_an_hour_is_not_waited_for(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = await deposited(depositor, photograph("une_heure"))
    await sign_in(page, stack, CLIENT)
    await page.route(CONTENT, Refusing(503, times=1, after=3600))
    viewer = await looked_at(page, sample)
    await expect(viewer.get_by_role("alert")).to_contain_text(REFUSALS[503][1])


async def test_a_page_further_on_is_waited_for_too(stack: RunningStack, depositor: Person, page: Page) -> None:
    sample = await deposited(depositor, printed("longue", pages=6, pictured=True))
    await sign_in(page, stack, CLIENT)
    fetched: list[str] = []
    page.on("response", lambda answer: fetched.append(answer.headers.get("content-range", "whole")))
    viewer = await looked_at(page, sample)
    await expect(viewer.get_by_text("Feuillet 1")).to_be_attached(timeout=DRAWN)
    refusing = Refusing(429, times=1, pieces=True)
    await page.route(CONTENT, refusing)
    await viewer.get_by_role("img", name="Page 5 sur 6").scroll_into_view_if_needed()
    note = viewer.get_by_role("status").filter(has_text="Nouvel essai")
    await expect(note).to_have_text(TOLD[429])
    await expect(viewer.get_by_text("Feuillet 5")).to_be_attached(timeout=DRAWN)
    await expect(note).to_have_count(0)
    # Never more than is looked at.
    pieces = [each for each in fetched if each.startswith("bytes ")]
    assert pieces
    assert len(set(pieces)) == len(pieces)
