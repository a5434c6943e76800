"""Transfers in several windows of one browser: each keeps its own, for its own person, and sign-out thinks of all."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as Late

from tests.support.catalog import Scene
from tests.support.eventually import eventually
from tests.support.samples import Sample, invoice
from tests.support.told import admit
from tests.support.transferring import Traffic, Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")

RURAL = 200_000


async def deposited(scene: Scene, who: str, *samples: Sample) -> Sequence[Sample]:
    """Which of these this person has deposited."""
    http = scene.browser(who)
    found = []
    for sample in samples:
        answer = await http.get("/api/documents", params={"sha256": sample.sha256})
        found += [sample] * len(answer.raise_for_status().json()["documents"])
    return found


async def another(page: Page, portal: str, *, files: Path) -> tuple[Page, Transfer]:
    """One more window of the same browser, at the list."""
    opened = await page.context.new_page()
    await opened.goto(f"{portal}/documents")
    return opened, Transfer(opened, files=files)


async def test_each_window_keeps_its_own_files_over_a_reload(client: Page, portal: str, tmp_path: Path) -> None:
    windows = [await another(client, portal, files=tmp_path) for _ in range(2)]
    samples = [invoice("fenetre_1"), invoice("fenetre_2")]
    for (_, transfer), sample in zip(windows, samples, strict=True):
        await transfer.open()
        await transfer.choose(sample)
    for (page, transfer), sample, other in zip(windows, samples, reversed(samples), strict=True):
        await transfer.is_kept(sample)
        await page.reload()
        await page.get_by_role("button", name="Afficher").click()
        await transfer.shows(sample, "En attente")
        await expect(transfer.row(other)).to_have_count(0)


async def test_what_two_windows_left_is_found_again_in_one(
    client: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    windows = [await another(client, portal, files=tmp_path) for _ in range(2)]
    samples = [invoice("laissee_1"), invoice("laissee_2")]
    for (_, transfer), sample in zip(windows, samples, strict=True):
        await transfer.open()
        await transfer.choose(sample)
        await transfer.is_kept(sample)
    for page, _ in windows:
        await page.close()
    transfer = Transfer(client, files=tmp_path)
    shown = client.get_by_role("button", name="Afficher")

    async def found_again() -> bool:
        # A window that was closed lets go of its files a moment later.
        await client.goto(f"{portal}/documents")
        with suppress(Late):
            await shown.wait_for(timeout=5_000)
            return True
        return False

    for _ in samples:
        await eventually(found_again, within=30, every=1)
        await shown.click()
        await transfer.start()
        await expect(transfer.dialog.get_by_text("1 document déposé", exact=True)).to_be_visible()
        await transfer.is_let_go()

    async def all_of_them() -> bool:
        return len(await deposited(scene, "client", *samples)) == len(samples)

    await eventually(all_of_them)


async def test_signing_out_asks_first_where_another_window_has_transfers(
    client: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    first, transfer = await another(client, portal, files=tmp_path)
    second, waiting = await another(client, portal, files=tmp_path)
    third, _ = await another(client, portal, files=tmp_path)
    running, kept = invoice("en_cours", size=6_000_000), invoice("en_attente")
    traffic = Traffic(first)
    await slow_down(first, bytes_per_second=RURAL)
    await transfer.send(running)
    await transfer.shows(running, "Transfert en cours")
    question = third.get_by_role("dialog", name="Se déconnecter ?")
    await transfer.is_kept(running)
    await third.get_by_role("button", name="Se déconnecter").click()
    await question.get_by_role("button", name="Annuler").click()
    await expect(transfer.row(running)).to_be_visible()

    await transfer.dialog.get_by_role("button", name=f"Annuler {running.name}").click()
    await waiting.open()
    await waiting.choose(kept)
    await waiting.is_kept(kept)
    await third.get_by_role("button", name="Se déconnecter").click()
    await question.get_by_role("button", name="Se déconnecter").click()
    for window in (first, second, third):
        await expect(window.get_by_role("heading", name="À bientôt")).to_be_visible()
    assert len(traffic.created) == 1
    await admit(client.context, scene, "client", origin=portal)
    _, transfer = await another(client, portal, files=tmp_path)
    await transfer.open()
    await expect(transfer.row(kept)).to_have_count(0)
    await expect(transfer.row(running)).to_have_count(0)
    assert await deposited(scene, "client", running, kept) == []


async def test_two_persons_windows_send_each_only_their_own(
    client: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    mine, theirs, later = invoice("mien"), invoice("leur"), invoice("plus_tard")
    await client.goto(f"{portal}/documents")
    transfer = Transfer(client, files=tmp_path)
    await transfer.open()
    await transfer.choose(mine)
    await transfer.is_kept(mine)

    await admit(client.context, scene, "other", origin=portal)
    their_window, their_transfer = await another(client, portal, files=tmp_path)
    stranger = client.get_by_role("dialog", name="Une autre personne est connectée")
    await stranger.get_by_role("button", name="Plus tard").click()
    await transfer.start()
    await their_transfer.send(theirs)
    await their_transfer.shows(theirs, "Déposé")
    await expect(their_transfer.row(mine)).to_have_count(0)
    await expect(stranger).to_be_visible()
    assert await deposited(scene, "other", mine, theirs) == [theirs]

    await their_transfer.dialog.get_by_role("button", name="Transférer d’autres documents").click()
    await their_transfer.choose(later)
    await admit(client.context, scene, "client", origin=portal)
    # Pressed also where the question lies above it already.
    await their_transfer.dialog.get_by_role("button", name="TOUT TRANSFÉRER").dispatch_event("click")
    await expect(their_window.get_by_role("dialog", name="Une autre personne est connectée")).to_be_visible()
    await client.evaluate("dispatchEvent(new Event('focus'))")
    await transfer.shows(mine, "Déposé")
    assert await deposited(scene, "client", mine, theirs, later) == [mine]
    assert await deposited(scene, "other", mine, theirs, later) == [theirs]
