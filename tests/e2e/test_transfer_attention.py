"""What the dialog tells is so, and is seen: a refusal, a long check, a document that is deposited again."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import sign_in
from tests.support.eventually import eventually
from tests.support.office import secured
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.transferring import Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")

PROGRAM = Sample("programme.exe", b"MZ" + bytes(200), "application/octet-stream")
RURAL = 200_000
# Longer than a line may be silent before it is given up.
LONG = 90_000
_WATCH_STATES = """row => {
  window.states = [];
  new MutationObserver(() => window.states.push(row.dataset.state)).observe(row, { attributes: true });
}"""


@pytest.fixture
async def transfer(client: Page, portal: str, tmp_path: Path) -> Transfer:
    """A client at their documents."""
    await client.goto(f"{portal}/documents")
    return Transfer(client, files=tmp_path)


async def test_a_refusal_behind_the_page_is_seen_also_by_whoever_opens_the_dialog_by_its_button(
    client: Page, transfer: Transfer
) -> None:
    closed = asyncio.Event()

    async def hold(route: Route) -> None:
        await closed.wait()
        await route.continue_()

    await client.route("**/uploads", hold)
    await transfer.send(PROGRAM)
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    closed.set()
    bar = client.get_by_role("complementary", name="Transfert de documents")
    await expect(bar.get_by_text("Un fichier demande votre attention")).to_be_visible()
    await transfer.open()
    await transfer.shows(PROGRAM, "Refusé")


async def test_a_refusal_stays_while_other_files_are_sent(client: Page, transfer: Transfer) -> None:
    running = invoice("en_route", size=12_000_000)
    await slow_down(client, bytes_per_second=RURAL)
    await transfer.send(PROGRAM, running)
    await transfer.shows(PROGRAM, "Refusé")
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    await transfer.open()
    await transfer.shows(PROGRAM, "Refusé")
    await transfer.shows(running, "Transfert en cours")


@pytest.fixture
def intake(stack: RunningStack) -> Iterator[Callable[[signal.Signals], None]]:
    """Stops the intake's processes in the middle of what they do, and lets them go on."""

    def tell(what: signal.Signals) -> None:
        for name in ("upload-1", "upload-2"):
            os.kill(stack.pid(name), what)

    yield tell
    tell(signal.SIGCONT)


async def test_a_long_check_is_no_lost_line(
    client: Page, transfer: Transfer, intake: Callable[[signal.Signals], None]
) -> None:
    sample = invoice("long")

    async def check(route: Route) -> None:
        intake(signal.SIGSTOP)
        await route.continue_()

    await client.clock.install()
    await client.reload()
    await transfer.open()
    await transfer.choose(sample)
    row = await transfer.row(sample).element_handle()
    await client.evaluate(_WATCH_STATES, row)
    await client.route("**/uploads/*", check, times=1)
    await transfer.start()
    await transfer.shows(sample, "Vérification…")
    async with client.expect_request(lambda request: request.method == "HEAD"):
        await client.clock.fast_forward(LONG)
    await transfer.shows(sample, "Vérification…")
    intake(signal.SIGCONT)
    await transfer.shows(sample, "Déposé")
    states = await client.evaluate("window.states")
    assert "verifying" in states
    assert "line_lost" not in states


async def test_a_verdict_that_is_late_is_told_as_a_check(client: Page, transfer: Transfer) -> None:
    sample, asked, checked = invoice("tardif"), asyncio.Event(), asyncio.Event()

    async def check(route: Route) -> None:
        if route.request.method == "PATCH":
            await route.fetch()
            late = {"status": 503, "code": "verdict_late", "title": "Unavailable", "detail": "Patientez."}
            await route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(late))
        elif not checked.is_set():
            await route.fulfill(status=423)
            asked.set()
        else:
            await route.continue_()

    await client.route("**/uploads/*", check)
    await transfer.open()
    await transfer.choose(sample)
    await client.evaluate(_WATCH_STATES, await transfer.row(sample).element_handle())
    await transfer.start()
    await asyncio.wait_for(asked.wait(), 30)
    await transfer.shows(sample, "Vérification…")
    checked.set()
    await transfer.shows(sample, "Déposé")
    assert not {"line_lost", "retrying"} & set(await client.evaluate("window.states"))


async def test_the_same_bytes_may_be_deposited_again_for_a_document_that_was_sent_back(
    stack: RunningStack, http: httpx.AsyncClient, depositor: Person, page: Page, tmp_path: Path
) -> None:
    document, old = await secured(depositor, "mauvais_dossier")
    accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
    assert await accountant.portal.decide("return", document, reason="Mauvais dossier") == 200
    again = Sample(f"encore_{old.name}", old.content)
    transfer = Transfer(page, files=tmp_path)
    await sign_in(page, stack, "earl-du-chene")
    await page.goto(f"{stack.endpoints['portal']}/documents/{document}")
    await page.get_by_role("button", name="Déposer à nouveau").click()
    await expect(transfer.dialog).to_contain_text(f"Choisissez le fichier qui remplacera « {old.name} »")
    await transfer.choose(again)
    await transfer.start()
    await transfer.shows(again, "Déposé")

    async def replaced() -> bool:
        found = await depositor.portal.document(document)
        return found is not None and found["replaced_by"] is not None

    await eventually(replaced)
