"""Somebody who may act for several accounts: nothing goes to one that they did not choose."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.support.browser import accessibility_faults, screens
from tests.support.catalog import Scene
from tests.support.eventually import eventually
from tests.support.list_page import names
from tests.support.samples import Sample, invoice
from tests.support.told import admit
from tests.support.transferring import Traffic, Transfer

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def both(page: Page, scene: Scene, portal: str) -> Page:
    """A browser in which somebody with two accounts is signed in."""
    await admit(page.context, scene, "both", origin=portal)
    return page


def account(transfer: Transfer) -> Locator:
    return transfer.dialog.get_by_role("combobox", name="POUR LE COMPTE DE*")


async def deposited(scene: Scene, sample: Sample) -> list[str]:
    """The accounts in which this content lies, once there is any."""
    http = scene.browser("both")

    async def found() -> list[str]:
        answer = await http.get("/api/documents", params={"sha256": sample.sha256})
        return [document["client"]["id"] for document in answer.raise_for_status().json()["documents"]]

    return await eventually(found)


@pytest.mark.usefixtures("js")
async def test_no_account_is_guessed_and_nothing_goes_before_one_is_chosen(
    both: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    transfer, traffic, sample = Transfer(both, files=tmp_path), Traffic(both), invoice("compte")
    await both.goto(f"{portal}/documents")
    await transfer.open()
    field = account(transfer)
    await expect(field).to_have_value("")
    await expect(transfer.dialog.get_by_text("Choisissez d’abord un compte.")).to_be_visible()
    await transfer.choose(sample)
    await transfer.start()
    await expect(field).to_be_focused()
    await expect(field).to_have_accessible_description("Choisissez un compte.")
    await expect(transfer.dialog.get_by_text("Choisissez un compte.", exact=True)).to_be_visible()
    await expect(transfer.dialog.get_by_role("alert").filter(has_text="Complétez les champs")).to_be_visible()
    assert await accessibility_faults(both) == []
    await screens(both, "transfer-account")
    assert traffic.created == []

    await field.select_option(scene.client)
    await expect(field).to_have_accessible_description("")
    await expect(transfer.dialog.get_by_role("checkbox", name="ACCOUNTANT (Comptable)")).to_be_visible()
    await field.select_option(scene.other)
    await expect(transfer.dialog.get_by_text("Aucun autre contact n’est enregistré pour ce compte.")).to_be_visible()
    await transfer.start()
    await transfer.shows(sample, "Déposé")
    assert await deposited(scene, sample) == [scene.other]


async def test_the_account_that_was_chosen_for_the_list_is_the_deposits(
    both: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    await both.goto(f"{portal}/documents")
    await both.get_by_label("Compte", exact=True).select_option(scene.other)
    await both.get_by_role("button", name="Afficher").click()
    await both.wait_for_url("**client=*")
    transfer = Transfer(both, files=tmp_path)
    await transfer.open()
    await expect(account(transfer)).to_have_value(scene.other)


async def test_two_windows_send_each_its_own_files_to_its_own_account(
    both: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    windows = [both, await both.context.new_page()]
    accounts, samples = [scene.client, scene.other], [invoice("ferme"), invoice("garage")]
    transfers = [Transfer(window, files=tmp_path) for window in windows]
    for window, transfer, of, sample in zip(windows, transfers, accounts, samples, strict=True):
        await window.goto(f"{portal}/documents?client={of}")
        await transfer.open()
        await transfer.choose(sample)
    for transfer, sample, other in zip(transfers, samples, reversed(samples), strict=True):
        await transfer.start()
        await transfer.shows(sample, "Déposé")
        await expect(transfer.row(other)).to_have_count(0)
    for of, sample in zip(accounts, samples, strict=True):
        assert await deposited(scene, sample) == [of]


async def test_what_one_window_shows_stays_whatever_account_another_one_chooses(
    both: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    made = [scene.announced(name=f"{number:02}.pdf") for number in range(51)]
    await scene.tell(*made)
    async with scene.browser("both") as http:
        await scene.shown(http, made[-1])
    await both.goto(f"{portal}/documents?sort=name")
    await expect(names(both).first).to_have_text("00.pdf")
    second = await both.context.new_page()
    await second.goto(f"{portal}/documents?client={scene.other}")
    await expect(second.get_by_text("Aucun fichier en cours.")).to_be_visible()

    await both.bring_to_front()
    await both.evaluate("window.mark = true")
    later = scene.announced(name="0 nouveau.pdf")
    await scene.tell(later)
    await expect(names(both).first).to_have_text("0 nouveau.pdf")
    assert await both.evaluate("window.mark")
    await both.get_by_role("link", name="Documents suivants").click()
    await expect(names(both)).to_have_text(["49.pdf", "50.pdf"])
    await expect(both.get_by_label("Compte", exact=True)).to_have_value(scene.client)
    transfer = Transfer(both, files=tmp_path)
    await transfer.open()
    await expect(account(transfer)).to_have_value("")


async def test_contacts_are_those_of_the_last_choice_however_the_answers_come(
    both: Page, scene: Scene, portal: str, tmp_path: Path
) -> None:
    asked: list[Route] = []

    async def hold(route: Route) -> None:
        asked.append(route)

    await both.route("**/api/contacts*", hold)
    await both.goto(f"{portal}/documents")
    transfer = Transfer(both, files=tmp_path)
    await transfer.open()
    contact = transfer.dialog.get_by_role("checkbox", name="ACCOUNTANT (Comptable)")
    field = account(transfer)
    for of in (scene.client, scene.other, scene.client):
        await field.select_option(of)
    await eventually(lambda: len(asked) == 3)
    await asked[2].continue_()
    await contact.check()
    for late in asked[:2]:
        async with both.expect_response("**/api/contacts*"):
            await late.continue_()
    await both.evaluate("new Promise(requestAnimationFrame)")
    await expect(contact).to_be_checked()

    await field.select_option(scene.other)
    await field.select_option(scene.client)
    await eventually(lambda: len(asked) == 5)
    await field.select_option(scene.other)
    await field.select_option(scene.client)
    await eventually(lambda: len(asked) == 7)
    async with both.expect_event("requestfailed"):
        await asked[4].abort()
    await asked[6].continue_()
    await expect(contact).to_be_visible()
    await expect(transfer.dialog.get_by_text("n’a pas pu être chargée")).to_be_hidden()
