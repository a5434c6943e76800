"""Short messages are heard by everybody, also over a dialog."""

import pytest
from playwright.async_api import Page, expect

from tests.support.catalog import Scene
from tests.support.list_page import deposits, secured

pytestmark = pytest.mark.needs("chromium")

# What happened to the region of short messages, turn by turn.
_WATCH = """() => {
  window.turns = [];
  const isRegion = ({ id }) => id === "announcements" || id === "alarms";
  new MutationObserver((records) => window.turns.push({
    moved: records.some(({ addedNodes }) => [...addedNodes].some(isRegion)),
    filled: records.some(({ target, addedNodes }) => isRegion(target) && addedNodes.length > 0),
  })).observe(document, { childList: true, subtree: true });
}"""


async def test_a_message_comes_only_after_its_region_has_come_over_the_dialog(
    client: Page, scene: Scene, portal: str
) -> None:
    await secured(scene, deposits(scene, "facture.pdf"))
    await client.goto(f"{portal}/documents")
    await client.get_by_role("link", name="facture.pdf", exact=True).click()
    panel = client.get_by_role("dialog", name="facture.pdf")
    await expect(panel).to_be_visible()
    await client.evaluate(_WATCH)
    await panel.get_by_role("button", name="Copier l’empreinte").click()
    await expect(
        panel.get_by_text("L’empreinte est copiée.").or_(panel.get_by_text("ne permet pas la copie"))
    ).to_be_visible()
    turns = await client.evaluate("window.turns")
    assert [turn for turn in turns if turn["moved"]]
    assert [turn for turn in turns if turn["filled"]]
    assert not [turn for turn in turns if turn["moved"] and turn["filled"]]


async def test_a_message_comes_down_with_the_dialog_it_was_over_to_the_one_beneath(
    client: Page, scene: Scene, portal: str
) -> None:
    await secured(scene, deposits(scene, "facture.pdf"))
    await client.goto(f"{portal}/documents")
    await client.get_by_role("link", name="facture.pdf", exact=True).click()
    panel, question = client.locator("#panel"), client.locator("#confirmation")
    await panel.get_by_role("button", name="Supprimer facture.pdf").click()
    await expect(question).to_be_visible()
    await secured(scene, deposits(scene, "nouvelle.pdf"))
    await expect(question.get_by_text("1 nouveau document")).to_be_visible()
    await question.get_by_role("button", name="Annuler").click()
    await expect(panel.get_by_text("1 nouveau document")).to_be_visible()
    await client.keyboard.press("Escape")
    await expect(client.locator("body > #announcements").get_by_text("1 nouveau document")).to_be_visible()
