"""A session that ends in the middle of a transfer, and a computer that several people use."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import accessibility_faults, screens, sign_in
from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.transferring import Traffic, Transfer, slow_down

pytestmark = pytest.mark.needs("chromium")

BIG = 30_000_000
_COME_BACK = "() => dispatchEvent(new Event('focus'))"


@asynccontextmanager
async def interrupted(
    page: Page, stack: RunningStack, sample: Sample, *, files: Path
) -> AsyncIterator[tuple[Transfer, Traffic]]:
    """A transfer under way, whose session and line are gone; the line comes back when the block begins."""
    await sign_in(page, stack, "earl-du-chene")
    transfer, traffic = Transfer(page, files=files), Traffic(page)
    await slow_down(page, bytes_per_second=6_000_000)
    await transfer.send(sample)
    await transfer.is_past(sample, 30)
    await page.context.set_offline(True)
    await transfer.shows(sample, "Connexion perdue")
    await page.context.clear_cookies()
    await page.context.set_offline(False)
    yield transfer, traffic


def asked(page: Page) -> Locator:
    """The dialog that asks to sign in again."""
    return page.get_by_role("dialog", name=re.compile("Votre session a expiré|Une autre personne est connectée"))


async def has_gone_on(transfer: Transfer, traffic: Traffic, sample: Sample, *, depositor: Person) -> None:
    """Wait until a transfer is through, and see that no byte of it went twice."""
    await transfer.shows(sample, "Déposé")
    [document] = await eventually(lambda: depositor.portal.with_content(sample.sha256))
    assert await depositor.portal.content(document["id"]) == sample.content
    assert traffic.created == [f"/uploads/{document['id']}"]
    assert traffic.offsets[-1] > 0


async def sign_in_in_place(page: Page, sub: str) -> None:
    """Press *Se connecter* in the dialog, and sign in as this person in the small window."""
    async with page.expect_popup() as opening:
        await asked(page).get_by_role("button", name="Se connecter").click()
    window = await opening.value
    async with window.expect_event("close"):
        await window.get_by_role("button", name=sub, exact=True).click()


@pytest.mark.usefixtures("js")
async def test_a_transfer_whose_session_ended_goes_on_after_signing_in_again(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    sample = invoice("session", size=BIG)
    async with interrupted(page, stack, sample, files=tmp_path) as (transfer, traffic):
        ended = page.get_by_role("dialog", name="Votre session a expiré")
        await expect(ended).to_be_visible()
        await screens(page, "session-ended")
        assert await accessibility_faults(page) == []

        await sign_in_in_place(page, "earl-du-chene")
        await expect(ended).to_be_hidden()
        await has_gone_on(transfer, traffic, sample, depositor=depositor)


@pytest.mark.usefixtures("js")
async def test_a_transfer_put_off_goes_on_when_its_person_signs_in_in_another_tab(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    sample = invoice("plus-tard", size=BIG)
    async with interrupted(page, stack, sample, files=tmp_path) as (transfer, traffic):
        await asked(page).get_by_role("button", name="Plus tard").click()
        await transfer.shows(sample, "En attente")

        elsewhere = await page.context.new_page()
        await sign_in(elsewhere, stack, "earl-du-chene")
        await has_gone_on(transfer, traffic, sample, depositor=depositor)
        await expect(asked(page)).to_be_hidden()


@pytest.mark.usefixtures("js")
async def test_whoever_put_it_off_signs_in_from_the_transfer_itself_by_keyboard(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    sample = invoice("clavier", size=BIG)
    async with interrupted(page, stack, sample, files=tmp_path) as (transfer, traffic):
        await expect(asked(page)).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(asked(page)).to_be_hidden()
        button = transfer.dialog.get_by_role("button", name="Se connecter")
        await expect(button).to_have_accessible_description(re.compile("Votre session a expiré.*en pause"))
        await screens(page, "session-put-off")
        assert await accessibility_faults(page) == []

        await slow_down(page, bytes_per_second=3_000_000)  # or all is done before it is looked at
        await button.press("Enter")
        await sign_in_in_place(page, "earl-du-chene")
        await expect(button).to_be_hidden()
        await expect(transfer.dialog.get_by_role("heading", name="Transférer des documents")).to_be_focused()
        await expect(transfer.dialog.get_by_role("status").filter(has_text="Le transfert reprend.")).to_have_count(1)
        await has_gone_on(transfer, traffic, sample, depositor=depositor)


@pytest.mark.usefixtures("js")
async def test_a_transfer_put_off_says_so_with_its_dialog_closed_and_goes_on_when_its_page_is_come_back_to(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    sample = invoice("retour", size=BIG)
    async with interrupted(page, stack, sample, files=tmp_path) as (transfer, traffic):
        await asked(page).get_by_role("button", name="Plus tard").click()
        await transfer.dialog.get_by_role("button", name="Fermer").first.click()
        await expect(page.get_by_text("Transfert en pause : votre session a expiré")).to_be_visible()
        await screens(page, "session-put-off-bar")

        # Still nobody: whoever put it off isn't asked each time they look.
        async with page.expect_response("**/api/me"):
            await page.evaluate(_COME_BACK)
        await expect(asked(page)).to_be_hidden()

        # Signed in where this page doesn't hear of it.
        portal, token = stack.endpoints["portal"], await stack.token("earl-du-chene")
        await page.context.add_cookies([{"name": "connect_session", "value": token, "url": portal}])
        await page.evaluate(_COME_BACK)
        await page.get_by_role("button", name="Afficher").click()
        await has_gone_on(transfer, traffic, sample, depositor=depositor)


@pytest.mark.usefixtures("js")
async def test_nothing_is_sent_in_the_name_of_another_person(
    stack: RunningStack, depositor: Person, page: Page, tmp_path: Path
) -> None:
    sample = invoice("autrui", size=BIG)
    async with interrupted(page, stack, sample, files=tmp_path) as (transfer, traffic):
        await expect(page.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()
        sent = list(traffic.offsets)

        await sign_in_in_place(page, "second-client")
        other = page.get_by_role("dialog", name="Une autre personne est connectée")
        await expect(other).to_contain_text("Rien n’est envoyé au nom de quelqu’un d’autre")
        await screens(page, "session-other")
        assert await accessibility_faults(page) == []
        assert traffic.offsets == sent

        await sign_in_in_place(page, "earl-du-chene")
        await transfer.shows(sample, "Déposé")
        assert len(traffic.created) == 1
        [document] = await eventually(lambda: depositor.portal.with_content(sample.sha256))
        assert document["client"]["id"] == "earl-du-chene"


async def test_a_sign_in_elsewhere_as_another_person_stops_this_pages_transfers(
    stack: RunningStack, page: Page, tmp_path: Path
) -> None:
    sample = invoice("onglet")
    await sign_in(page, stack, "earl-du-chene")
    transfer, traffic = Transfer(page, files=tmp_path), Traffic(page)
    await transfer.open()
    await transfer.choose(sample)

    elsewhere = await page.context.new_page()
    await page.context.clear_cookies()
    await sign_in(elsewhere, stack, "second-client")
    await expect(page.get_by_role("dialog", name="Une autre personne est connectée")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Plus tard").click()
    await transfer.start()
    await expect(page.get_by_role("dialog", name="Une autre personne est connectée")).to_be_visible()
    assert traffic.created == []


async def test_files_left_on_a_shared_computer_are_their_persons_alone(
    stack: RunningStack, page: Page, tmp_path: Path
) -> None:
    sample = invoice("laissé")
    await sign_in(page, stack, "earl-du-chene")
    transfer = Transfer(page, files=tmp_path)
    await transfer.open()
    await transfer.choose(sample)
    await transfer.is_kept(sample)

    await page.context.clear_cookies()
    await sign_in(page, stack, "second-client")
    await transfer.open()
    await expect(transfer.dialog.get_by_text("Les fichiers que vous choisissez apparaîtront ici.")).to_be_visible()
    await expect(page.get_by_text(sample.name)).to_have_count(0)

    await page.context.clear_cookies()
    await sign_in(page, stack, "earl-du-chene")
    await page.get_by_role("button", name="Afficher").click()
    await transfer.shows(sample, "En attente")


async def test_signing_out_leaves_no_file_behind(stack: RunningStack, page: Page, tmp_path: Path) -> None:
    sample = invoice("parti")
    await sign_in(page, stack, "earl-du-chene")
    transfer = Transfer(page, files=tmp_path)
    await transfer.open()
    await transfer.choose(sample)
    await transfer.is_kept(sample)
    await transfer.dialog.get_by_role("button", name="Fermer").first.click()
    await page.get_by_role("button", name="Se déconnecter").click()
    question = page.get_by_role("dialog", name="Se déconnecter ?")
    await question.get_by_role("button", name="Se déconnecter").click()
    await expect(page.get_by_role("heading", name="À bientôt")).to_be_visible()

    assert await page.evaluate(_KEPT) == 0
    await sign_in(page, stack, "earl-du-chene")
    await transfer.open()
    await expect(page.get_by_text(sample.name)).to_have_count(0)


_KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("uppy-blobs");
  opening.onsuccess = () => {
    const asking = opening.result.transaction(["files"]).objectStore("files").count();
    asking.onsuccess = () => resolve(asking.result);
  };
})"""
