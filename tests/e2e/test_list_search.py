"""How a client finds one document among many in *Mes documents*."""

import re
import time
from collections.abc import Callable, Sequence

import pytest
from catalog.generations import Generations
from catalog.mongo import MongoProjection, collection_of
from catalog.projection import Numbered, operations
from chassis.mongo import connected
from contracts.envelope import Envelope
from playwright.async_api import Page, expect

from tests.support.catalog import Scene
from tests.support.list_page import deposits, names, secured
from tests.support.running import RunningStack

pytestmark = pytest.mark.needs("chromium")


async def test_the_search_answers_as_one_types_and_is_an_address(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "Facture coopérative.pdf", "facture edf.pdf", "relevé.pdf"))
    await client.goto(f"{portal}/documents?folder=comptable&sort=name")
    field = client.get_by_role("searchbox", name="Rechercher un document par son nom")
    await field.press_sequentially("fact coopé", delay=20)
    await expect(names(client)).to_have_text(["Facture coopérative.pdf"])
    await expect(client.locator("#found")).to_have_text("1 document pour « fact coopé »")
    await expect(client).to_have_url(re.compile(r"folder=comptable&sort=name&q=fact\+coop%C3%A9$"))
    await expect(field).to_be_focused()
    await client.reload()
    await expect(field).to_have_value("fact coopé")
    await expect(names(client)).to_have_count(1)
    await field.fill("introuvable")
    await expect(client.get_by_text("Aucun document ne porte ce nom dans ce dossier.")).to_be_visible()
    await expect(client.locator("#found")).to_have_text("Aucun document pour « introuvable »")
    await client.get_by_role("link", name="Effacer la recherche").click()
    await expect(names(client)).to_have_count(3)
    await expect(client).to_have_url(re.compile(r"folder=comptable&sort=name$"))
    await field.fill("edf")
    await expect(names(client)).to_have_count(1)
    await client.go_back()
    await expect(names(client)).to_have_count(3)
    await expect(field).to_have_value("")


async def test_ten_thousand_documents_are_paged_searched_and_counted_at_once(
    client: Page, scene: Scene, stack: RunningStack, portal: str, tell: Callable[[str], None]
) -> None:
    await imported(stack, [scene.announced(name=f"facture coop {number:05}.pdf") for number in range(10_000)])
    async with scene.browser("client") as http:
        await http.get("/documents")  # the directory and the connections are warm
        for what in (
            "",
            "?sort=name",
            "?q=coop+0999",
            "?sort=name&q=coop+0999",
            "?q=rien+coop",
            "?folder=comptable&show=200",
        ):
            started = time.perf_counter()
            answer = await http.get(f"/documents{what}")
            took = time.perf_counter() - started
            assert answer.status_code == 200
            tell(f"{what or 'first page'}: {took * 1000:.0f} ms, {len(answer.content) / 1000:.0f} kB unpacked")
            assert took < 2
    await client.goto(f"{portal}/documents?sort=name")
    await expect(client.get_by_role("navigation", name="Mes dossiers")).to_contain_text("Comptable 10\u202f000")
    for last in ("00049", "00099", "00149"):
        await expect(names(client).last).to_have_text(f"facture coop {last}.pdf")
        deep = client.url
        await client.get_by_role("link", name="Documents suivants").click()
    await client.goto(deep)
    await expect(names(client).first).to_have_text("facture coop 00100.pdf")
    await client.get_by_role("searchbox").fill("coop 0999")
    await expect(client.locator("#found")).to_have_text("10 documents pour « coop 0999 »")
    await client.get_by_role("searchbox").fill("coop")
    await expect(client.locator("#found")).to_have_text("Plus de 1\u202f000 documents pour « coop »")


async def imported(stack: RunningStack, events: Sequence[Envelope]) -> None:
    """Write what these events make into the records that serve, as a rebuild does."""
    env = stack.env("catalog")
    made = [one for number, event in enumerate(events) for one in operations(Numbered(event, number))]
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as database:
        generation = await Generations(database).read()
        await MongoProjection.write(collection_of(database, generation), made)
