"""What a reload brings back: files that were chosen, and what was said of them."""

import asyncio
import base64
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.support.catalog import Scene
from tests.support.samples import invoice
from tests.support.told import admit
from tests.support.transferring import Traffic, Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")

RURAL = 200_000


async def reloaded(page: Page) -> None:
    """Load the page again, and open the dialog from the bar."""
    await page.reload()
    bar = page.get_by_role("complementary", name="Transfert de documents")
    await bar.get_by_role("button", name="Afficher").click()


async def test_account_folder_and_ticked_contacts_come_back_with_the_files(
    page: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    await admit(page.context, scene, "both", origin=portal)
    await page.goto(f"{portal}/documents")
    transfer, sample = Transfer(page, files=tmp_path), invoice("reprise")
    await transfer.open()
    dialog = transfer.dialog
    account, folder = (dialog.get_by_role("combobox", name=name) for name in ("POUR LE COMPTE", "DOSSIER DE"))
    contact = dialog.get_by_role("checkbox", name="ACCOUNTANT (Comptable)")
    await transfer.choose(sample)
    await account.select_option(scene.client)
    await folder.select_option("conseil")
    await contact.check()
    await transfer.is_kept(sample, alert="jj")

    await reloaded(page)
    await expect(account).to_have_value(scene.client)
    await expect(folder).to_have_value("conseil")
    await expect(contact).to_be_checked()
    async with page.expect_request(_is_creation) as creating:
        await transfer.start()
    metadata = _metadata(await creating.value)
    assert (metadata["client"], metadata["folder"], metadata["alert"]) == (scene.client, "conseil", "jj")
    await transfer.shows(sample, "Déposé")

    await dialog.get_by_role("button", name="Fermer").first.click()
    await transfer.open()
    await account.select_option(scene.client)
    await expect(contact).not_to_be_checked()


def _is_creation(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/uploads")


def _metadata(request: Request) -> dict[str, str]:
    pairs = (pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
    return {pair[0]: base64.b64decode(pair[1]).decode() if len(pair) > 1 else "" for pair in pairs}


# From when it is `frozen`, what is known of the files is written no more, as if the next half second never came.
_FREEZABLE = """
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...args) {
    return window.frozen && this.name === "metadata" ? undefined : put.apply(this, args);
  };
"""


@pytest.mark.parametrize("place", ["known", "unknown"])
async def test_who_leaves_as_a_file_is_deposited_finds_it_deposited(
    client: Page, scene: Scene, portal: str, tmp_path: Path, place: str
) -> None:
    await client.add_init_script(_FREEZABLE)
    await client.goto(f"{portal}/documents")
    transfer, traffic, sample = Transfer(client, files=tmp_path), Traffic(client), invoice(f"depart_{place}")

    async def last_written(route: Route) -> None:
        if route.request.method == ("PATCH" if place == "known" else "POST"):
            await transfer.is_kept_started(sample, placed=place == "known")
            await client.evaluate("window.frozen = true")
        await route.continue_()

    await client.route("**/uploads**", last_written)
    await transfer.send(sample)
    await transfer.shows(sample, "Déposé")
    await transfer.has_no_bytes(sample)
    await client.unroute("**/uploads**")

    shown = asyncio.Event()

    async def held(route: Route) -> None:
        if route.request.method in ("HEAD", "POST"):
            await shown.wait()
        await route.continue_()

    await client.route("**/uploads**", held)
    await reloaded(client)
    await transfer.shows(sample, "Vérification…")
    shown.set()
    await transfer.shows(sample, "Déposé")
    assert len(set(traffic.created)) == 1
    async with scene.browser("client") as http:
        found = (await http.get("/api/documents", params={"q": sample.name})).json()["documents"]
    assert [each["id"] for each in found] == [traffic.created[0].rpartition("/")[2]]
    # It has ended here too.
    await client.reload()
    await expect(client.get_by_role("complementary", name="Transfert de documents")).to_be_hidden()


async def test_who_leaves_before_the_last_answer_is_heard_sends_no_byte_twice(
    client: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    """Within the half second in which the browser doesn't know yet where the intake has the file."""
    await client.add_init_script(_FREEZABLE)
    await client.goto(f"{portal}/documents")
    transfer, sample, unheard = Transfer(client, files=tmp_path), invoice("inouï"), asyncio.Event()

    async def swallow(route: Route) -> None:
        if route.request.method == "POST":
            await transfer.is_kept_started(sample, placed=False)
            await client.evaluate("window.frozen = true")
            await route.continue_()
        else:
            await route.fetch()
            unheard.set()

    await client.route("**/uploads**", swallow)
    await transfer.send(sample)
    await asyncio.wait_for(unheard.wait(), 30)
    await transfer.is_kept_started(sample, placed=False)
    await client.unroute("**/uploads**")
    traffic, shown = Traffic(client), asyncio.Event()

    async def held(route: Route) -> None:
        await shown.wait()
        await route.continue_()

    await client.route("**/uploads**", held)
    await reloaded(client)
    shown.set()
    await transfer.shows(sample, "Déposé")
    assert traffic.looks >= 1
    assert traffic.offsets == []
    async with scene.browser("client") as http:
        found = (await http.get("/api/documents", params={"q": sample.name})).json()["documents"]
    assert len(found) == 1


async def test_files_added_while_others_are_sent_are_kept_and_sent_with_the_next_click(
    client: Page, portal: str, tmp_path: Path
) -> None:
    await client.goto(f"{portal}/documents")
    transfer = Transfer(client, files=tmp_path)
    running, added, second = invoice("premier", size=12_000_000), invoice("ajoute"), invoice("second")
    await slow_down(client, bytes_per_second=RURAL)
    await transfer.send(running)
    await transfer.shows(running, "Transfert en cours")
    await transfer.choose(added)
    await transfer.shows(added, "En attente")
    await transfer.is_kept(added)
    client.on("dialog", lambda question: question.accept())
    await reloaded(client)
    await transfer.shows(added, "En attente")
    await transfer.choose(second)
    await transfer.start()
    for sample in (added, second):
        await transfer.shows(sample, "Déposé", within=60)
    await transfer.shows(running, "Transfert en cours")
