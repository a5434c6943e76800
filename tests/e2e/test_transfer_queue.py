"""Transfers that survive what happens to them: a lost line, a killed replica, a reload, a refusal, a second thought."""

import asyncio
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from chassis.limits import BYTES_PERIOD, Asking
from playwright.async_api import Locator, Page, Route, expect
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from upload.settings import PersonLimits

from tests.support.browser import sign_in
from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.transferring import Traffic, Transfer, received_bytes, slow_down
from tests.support.tus import Deposit

pytestmark = pytest.mark.needs("chromium")

MEGABYTE = 1_000_000
BIG = 30 * MEGABYTE
RURAL = 4 * MEGABYTE
# What a browser short of space does.
_LOSE_BYTES = """() => new Promise((resolve) => {
  const opening = indexedDB.open("uppy-blobs");
  opening.onsuccess = () => {
    const transaction = opening.result.transaction(["files"], "readwrite");
    transaction.objectStore("files").clear();
    transaction.oncomplete = resolve;
  };
})"""


# Of an element, or of a name in the style sheet.
_COLOUR = """(element, name) => {
  const probe = element.appendChild(document.createElement("i"));
  probe.style.color = name ? `var(${name})` : "inherit";
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}"""


@pytest.fixture
async def transfer(stack: RunningStack, page: Page, tmp_path: Path) -> Transfer:
    """EARL du Chêne at their documents."""
    await sign_in(page, stack, "earl-du-chene")
    return Transfer(page, files=tmp_path)


async def listed(depositor: Person, sample: Sample) -> list[str]:
    """The ids of the documents that have this content."""
    return [found["id"] for found in await depositor.portal.with_content(sample.sha256)]


async def arrived(depositor: Person, sample: Sample) -> str:
    """The one document with this content, once its bytes can be read back identical."""
    [document] = await eventually(lambda: listed(depositor, sample))
    assert await depositor.portal.content(document) == sample.content
    return document


async def test_a_transfer_goes_on_by_itself_when_the_line_comes_back(
    stack: RunningStack, depositor: Person, http: httpx.AsyncClient, page: Page, transfer: Transfer
) -> None:
    sample = invoice("coupure", size=BIG)
    before = await received_bytes(http, stack.endpoints)
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.is_past(sample, 30)

    await page.context.set_offline(True)
    await transfer.shows(sample, "Connexion perdue")
    await expect(transfer.dialog.get_by_text("La connexion est interrompue.").first).to_be_visible()
    await page.context.set_offline(False)
    await transfer.shows(sample, "Déposé")

    assert traffic.created == [f"/uploads/{await arrived(depositor, sample)}"]
    assert await received_bytes(http, stack.endpoints) - before < BIG * 1.05


async def test_a_transfer_goes_on_where_it_was_when_its_replica_was_killed(
    stack: RunningStack, depositor: Person, page: Page, transfer: Transfer
) -> None:
    sample = invoice("panne", size=BIG)
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.is_past(sample, 50)

    killed = {name: stack.kill(name) for name in ("upload-1", "upload-2")}
    for name, pid in killed.items():
        await stack.replaced(name, pid)
    await transfer.shows(sample, "Déposé", within=60)

    assert traffic.created == [f"/uploads/{await arrived(depositor, sample)}"]
    # What was not yet in a part of 8 MiB died with the replica.
    assert traffic.offsets[-1] >= 8 * 1024 * 1024


async def test_a_transfer_goes_on_where_it_was_after_a_reload(
    depositor: Person, stack: RunningStack, http: httpx.AsyncClient, page: Page, transfer: Transfer
) -> None:
    sample = invoice("rechargement", size=BIG)
    before = await received_bytes(http, stack.endpoints)
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.is_past(sample, 30)

    await page.reload()
    bar = page.get_by_role("complementary", name="Transfert de documents")
    await expect(bar.get_by_text("Transfert en cours")).to_be_visible()
    await eventually(lambda: listed(depositor, sample), within=30)

    assert traffic.created == [f"/uploads/{await arrived(depositor, sample)}"]
    assert await received_bytes(http, stack.endpoints) - before < BIG * 1.05


async def test_a_file_that_was_whole_when_the_page_was_left_is_deposited_once(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    sample = invoice("dernier_octet")
    unheard = asyncio.Event()

    async def swallow(route: Route) -> None:
        if route.request.method == "PATCH" and not unheard.is_set():
            await route.fetch()
            unheard.set()
        else:
            await route.continue_()

    await page.route("**/uploads/*", swallow)
    await transfer.send(sample)
    await asyncio.wait_for(unheard.wait(), 30)
    traffic = Traffic(page)

    await page.reload()
    await eventually(lambda: traffic.looks)
    await arrived(depositor, sample)
    assert traffic.offsets == []


async def test_a_file_cancelled_while_it_is_sent_is_abandoned_and_not_listed(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    kept, sample = invoice("gardé"), invoice("annulé", size=BIG)
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(kept, sample)
    await transfer.shows(kept, "Déposé")
    await transfer.is_past(sample, 20)

    await transfer.dialog.get_by_role("button", name=f"Annuler {sample.name}").click()
    await expect(transfer.row(sample)).to_have_count(0)

    [done] = await eventually(lambda: listed(depositor, kept))
    [path] = [path for path in traffic.created if path != f"/uploads/{done}"]
    await eventually(lambda: is_gone(depositor, path))
    assert await listed(depositor, sample) == []
    # The deposit of two is closed with one, so its mail needn't wait.
    await eventually(lambda: traffic.closed == [{"documents": [done]}])


async def is_gone(depositor: Person, path: str) -> bool:
    try:
        await depositor.tus.offset(path)
    except httpx.HTTPStatusError as gone:
        return gone.response.status_code == 410
    return False


async def test_a_refusal_stands_at_its_file_and_the_others_go_on(depositor: Person, transfer: Transfer) -> None:
    good = invoice("lisible")
    false = Sample(f"faux_{good.file[:8]}.pdf", b"not a PDF at all")
    program = Sample(f"programme_{good.file[:8]}.exe", b"MZ")
    await transfer.send(false, program, good)
    await transfer.shows(good, "Déposé")
    for refused in (false, program):
        await transfer.shows(refused, "Refusé")
    await expect(transfer.row(false)).to_contain_text("Le contenu du fichier ne correspond pas à son extension")
    await expect(transfer.row(false)).to_contain_text("enregistrez-le en PDF")
    await expect(transfer.row(program)).to_contain_text("Enregistrez le document en PDF")
    # The end is not shown as if all had gone well.
    end = transfer.dialog.locator("#transfer-finished")
    await expect(end).to_contain_text("1 document déposé, 2 fichiers refusés")
    await expect(end.locator("svg").filter(visible=True)).to_have_count(1)
    assert await end.evaluate(_COLOUR) == await end.evaluate(_COLOUR, "--warn")
    await arrived(depositor, good)


def waiting(transfer: Transfer, sample: Sample) -> Locator:
    """What says that a file waits as it was told to."""
    return transfer.row(sample).get_by_text(re.compile(r"^En attente, suite dans \d+\s(s|min|h)$"))


async def test_whoever_has_sent_what_a_day_allows_is_shown_as_waiting(
    stack: RunningStack, depositor: Person, page: Page, transfer: Transfer
) -> None:
    samples = [invoice(f"plafond_{number}") for number in range(4)]
    limit = PersonLimits().bytes_a_day
    assert limit is not None
    # A day's worth, and an hour's share more.
    counted = {"bytes": limit + 3600 * limit / BYTES_PERIOD, "at": datetime.now(UTC)}
    person = Asking.of(office="14", sub="earl-du-chene", address="").person
    env = stack.env("upload")
    mongo: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(env["UPLOAD_MONGO_URL"]) as mongo:
        limits: AsyncCollection[dict[str, Any]] = mongo[env["UPLOAD_MONGO_DATABASE"]]["limits"]
        await limits.update_one({"_id": person}, {"$set": counted}, upsert=True)
        traffic = Traffic(page)
        await transfer.send(*samples)
        # What is limited is new files: none of them keeps its place from one that was half sent.
        for sample in samples:
            await expect(waiting(transfer, sample)).to_be_visible(timeout=30_000)
        assert traffic.held_back == 4
        await limits.delete_one({"_id": person})
    # As when a phone's page comes back to the front.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    for sample in samples:
        await transfer.shows(sample, "Déposé", within=60)
        await arrived(depositor, sample)


async def test_a_refused_patch_goes_on_where_it_was(depositor: Person, page: Page, transfer: Transfer) -> None:
    sample = invoice("patience", size=2 * MEGABYTE)
    asked: list[float] = []

    async def once(route: Route) -> None:
        asked.append(time.monotonic())
        if route.request.method == "PATCH" and len(asked) == 1:
            await route.fulfill(status=429, headers={"Retry-After": "3"})
        else:
            await route.fallback()

    await page.route("**/uploads/*", once)
    await transfer.send(sample)
    await expect(waiting(transfer, sample)).to_be_visible()
    await transfer.shows(sample, "Déposé")
    assert asked[1] - asked[0] >= 3
    await arrived(depositor, sample)


async def test_three_files_are_sent_at_a_time(page: Page, transfer: Transfer) -> None:
    samples = [invoice(f"lot_{number}", size=MEGABYTE) for number in range(8)]
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(*samples)
    for sample in samples:
        await transfer.shows(sample, "Déposé")
    assert traffic.at_once == 3


async def test_a_duplicate_is_said_before_it_goes_and_sent_if_wanted(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    sample = invoice("doublon")
    await depositor.tus.deposit(sample, to=Deposit())
    await eventually(lambda: listed(depositor, sample))
    again, twin = Sample(f"copie_{sample.name}", sample.content), invoice("jumeau")
    same_twin = Sample(f"copie_{twin.name}", twin.content)
    traffic = Traffic(page)
    await transfer.open()
    await transfer.choose(again, twin, same_twin)

    await expect(transfer.row(again)).to_contain_text("a déjà été déposé le", use_inner_text=True)
    await expect(transfer.row(again)).to_contain_text(sample.name)
    await expect(transfer.row(same_twin)).to_contain_text(f"identique à {twin.name}")
    assert traffic.created == []

    await transfer.dialog.get_by_role("button", name=f"Envoyer quand même {again.name}").click()
    await transfer.start()
    await transfer.shows(again, "Déposé")
    await eventually(lambda: has_two(depositor, sample))
    await expect(transfer.row(same_twin)).to_contain_text("identique")


async def has_two(depositor: Person, sample: Sample) -> bool:
    return len(await listed(depositor, sample)) == 2


async def test_a_file_the_browser_lost_goes_on_once_the_same_one_is_chosen_again(
    depositor: Person, page: Page, transfer: Transfer
) -> None:
    sample = invoice("introuvable", size=BIG)
    traffic = Traffic(page)
    await slow_down(page, bytes_per_second=RURAL)
    await transfer.send(sample)
    await transfer.is_past(sample, 30)
    await page.evaluate(_LOSE_BYTES)
    await page.reload()

    await page.get_by_role("button", name="Afficher").click()
    await transfer.shows(sample, "À choisir de nouveau")
    await transfer.choose_again(Sample(sample.name, invoice("autre", size=BIG).content))
    await expect(transfer.row(sample)).to_contain_text("Ce n’est pas le même fichier.", timeout=30_000)
    await transfer.choose_again(sample)
    await transfer.shows(sample, "Déposé")

    assert traffic.created == [f"/uploads/{await arrived(depositor, sample)}"]
    assert traffic.offsets[-1] > 0
