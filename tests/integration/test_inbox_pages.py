"""*À traiter* and *Historique* as a browser without scripts gets them."""

import html
import re
from typing import Any

import httpx
import pytest
from contracts.envelope import Envelope

from tests.support.catalog import Scene, archived
from tests.support.eventually import eventually


async def secured(scene: Scene, *names: str, folder: str = "comptable", **facts: Any) -> list[Envelope]:
    """Deposits that lie in the GED."""
    made = [scene.announced(name=name, folder=folder, **facts) for name in names]
    await scene.tell(*made, *map(archived, made))
    for each in made:
        await scene.shown(scene.browser("accountant"), each, "archived")
    return made


async def decided(http: httpx.AsyncClient, deposit: Envelope, verb: str, reason: str | None = None) -> None:
    answer = await http.post(f"/api/documents/{deposit.data.document}/{verb}", json={"reason": reason})
    assert answer.status_code == 200, answer.text


def text(page: httpx.Response) -> str:
    """A page's words."""
    assert page.status_code == 200, page.text
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def names(page: httpx.Response) -> list[str]:
    """The documents listed."""
    return re.findall(r'<a class="filename[^>]*>([^<]+)</a>', page.text)


async def all_names(http: httpx.AsyncClient, address: str) -> list[str]:
    """The documents of every page, one page after the other."""
    seen: list[str] = []
    while address:
        page = await http.get(address)
        seen += names(page)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = html.unescape(following[1]) if following else ""
    return seen


async def test_the_address_in_the_mails_leads_a_collaborator_to_the_client_and_folder(scene: Scene) -> None:
    answer = await scene.browser("accountant").get("/documents?client=earl-du-chene&folder=comptable")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/a-traiter?client=earl-du-chene&folder=comptable"


async def test_what_nobody_took_is_listed_newest_first_with_its_client_and_folder(scene: Scene) -> None:
    await secured(scene, "ancien.pdf", deposited_at="2026-03-26T08:00:00Z")
    await secured(scene, "nouveau.pdf", folder="conseil", deposited_at="2026-03-26T09:00:00Z")
    page = await scene.browser("accountant").get("/a-traiter")
    assert names(page) == ["nouveau.pdf", "ancien.pdf"]
    assert "earl-du-chene › Conseil" in text(page)
    assert "earl-du-chene 2" in text(page)


async def test_filters_are_part_of_the_address(scene: Scene) -> None:
    http = scene.browser("accountant")
    await secured(scene, "facture edf.pdf")
    (bail,) = await secured(scene, "bail rural.pdf", folder="conseil")
    waiting = scene.announced(name="en route.pdf")
    await scene.tell(waiting)
    await scene.shown(http, waiting)
    await decided(http, bail, "return", "Page manquante")
    for address, found in {
        "folder=conseil": ["bail rural.pdf"],
        "state=returned": ["bail rural.pdf"],
        "state=deposited": ["en route.pdf"],
        "q=EDF": ["facture edf.pdf"],
        f"client={scene.client}&state=archived": ["facture edf.pdf"],
    }.items():
        assert names(await http.get(f"/a-traiter?{address}")) == found, address
    assert "Aucun document ne correspond." in text(await http.get("/a-traiter?q=inconnu"))


async def test_a_client_with_hundreds_of_documents_is_paged_through_without_a_gap(scene: Scene) -> None:
    made = [scene.announced(name=f"{number:03}.pdf") for number in range(120)]
    await scene.tell(*made)
    http = scene.browser("accountant")

    async def all_there() -> bool:
        return "earl-du-chene 120" in text(await http.get("/a-traiter"))

    await eventually(all_there)
    assert sorted(await all_names(http, "/a-traiter")) == [f"{number:03}.pdf" for number in range(120)]


async def test_what_was_taken_is_in_the_history_with_who_and_when_and_nowhere_else(scene: Scene) -> None:
    http = scene.browser("accountant")
    (taken,) = await secured(scene, "prise.pdf")
    await decided(http, taken, "take")
    assert names(await http.get("/a-traiter")) == []
    history = await http.get("/historique")
    assert names(history) == ["prise.pdf"]
    assert re.search(r"ACCOUNTANT le \d\d/\d\d/\d{4} à \d\d:\d\d", text(history))
    assert names(await http.get(f"/historique?client={scene.client}&q=prise")) == ["prise.pdf"]


async def test_the_history_goes_on_page_after_page_and_as_the_api_has_it(scene: Scene) -> None:
    http = scene.browser("accountant")
    made = await secured(scene, *(f"{number:02}.pdf" for number in range(60)))
    for each in made:
        await decided(http, each, "take")
    latest_first = [f"{number:02}.pdf" for number in reversed(range(60))]
    assert await all_names(http, "/historique") == latest_first
    seen, cursor = [], None
    while cursor is not False:
        params = {"limit": 25, **({"cursor": cursor} if cursor else {})}
        answer = (await http.get("/api/history", params=params)).json()
        seen += [document["name"] for document in answer["documents"]]
        cursor = answer["next"] or False
    assert seen == latest_first


async def test_the_history_of_a_period_has_its_first_and_its_last_day(scene: Scene) -> None:
    http = scene.browser("accountant")
    (taken,) = await secured(scene, "aujourdhui.pdf")
    await decided(http, taken, "take")
    (day,) = re.findall(r"ACCOUNTANT le (\d\d)/(\d\d)/(\d{4})", text(await http.get("/historique")))
    today = "-".join(reversed(day))
    assert names(await http.get(f"/historique?du={today}&au={today}")) == ["aujourdhui.pdf"]
    assert names(await http.get("/historique?au=2020-01-01")) == []
    assert names(await http.get("/historique?du=2999-12-31")) == []


async def test_a_returned_document_leaves_once_replaced_and_comes_back_when_the_replacement_goes(scene: Scene) -> None:
    http, client = scene.browser("accountant"), scene.browser("client")
    (old,) = await secured(scene, "flou.pdf")
    await decided(http, old, "return", "Illisible")
    page = await http.get("/a-traiter")
    assert names(page) == ["flou.pdf"]
    assert "Illisible – demandé au client par ACCOUNTANT" in text(page)
    (new,) = await secured(scene, "net.pdf", replaces=old.data.document)
    assert names(await http.get("/a-traiter")) == ["net.pdf"]
    assert (await client.delete(f"/api/documents/{new.data.document}")).status_code == 200
    assert names(await http.get("/a-traiter")) == ["flou.pdf"]


async def test_a_returned_document_stays_away_while_anything_stands_in_its_place(scene: Scene) -> None:
    http, client = scene.browser("accountant"), scene.browser("client")
    (first,) = await secured(scene, "flou.pdf")
    await decided(http, first, "return", "Illisible")
    (second,) = await secured(scene, "coupé.pdf", replaces=first.data.document)
    await decided(http, second, "return", "Page manquante")
    (third,) = await secured(scene, "net.pdf", replaces=second.data.document)
    assert (await client.delete(f"/api/documents/{second.data.document}")).status_code == 200
    page = await http.get("/a-traiter")
    assert names(page) == ["net.pdf"]
    assert "À traiter 1 document" in text(page)
    assert "earl-du-chene 1" in text(page)
    assert "Remplacé" in text(await client.get(f"/documents/{first.data.document}"))
    for address in ("/api/documents?inbox=true", "/api/documents?inbox=true&state=returned"):
        listed = (await http.get(address)).json()["documents"]
        assert first.data.document not in [each["id"] for each in listed]
    (told,) = (await client.get("/api/documents?q=flou")).json()["documents"]
    assert told["replaced_by"] == third.data.document
    assert (await client.delete(f"/api/documents/{third.data.document}")).status_code == 200
    page = await http.get("/a-traiter")
    assert names(page) == ["flou.pdf"]
    assert "À traiter 1 document" in text(page)


async def test_the_menu_counts_what_waits_on_every_page(scene: Scene) -> None:
    http = scene.browser("accountant")
    await secured(scene, "a.pdf", "b.pdf")
    assert "2 documents" in text(await http.get("/a-traiter/nombre"))
    assert "À traiter 2 documents" in text(await http.get("/a-traiter"))
    assert 'data-live="/a-traiter/nombre"' in (await http.get("/historique")).text


@pytest.mark.parametrize("page", ["/a-traiter", "/historique"])
async def test_a_collaborator_of_another_office_finds_nothing_and_asks_in_vain(scene: Scene, page: str) -> None:
    (taken, _) = await secured(scene, "prise.pdf", "secret.pdf")
    await decided(scene.browser("accountant"), taken, "take")
    outsider = scene.browser("outsider")
    assert names(await outsider.get(page)) == []
    assert (await outsider.get(f"{page}?client={scene.client}")).status_code == 404
    assert (await outsider.post(f"/api/documents/{taken.data.document}/take")).status_code == 404


@pytest.mark.parametrize(
    ("who", "back"), [("client", "Retour à Mes documents"), ("admin", "Retour à l’administration")]
)
@pytest.mark.parametrize("page", ["/a-traiter", "/a-traiter/nombre", "/historique"])
async def test_the_office_s_pages_are_for_collaborators(scene: Scene, who: str, back: str, page: str) -> None:
    refused = await scene.browser(who).get(page)
    assert refused.status_code == 403
    assert f'href="/documents">{back}</a>' in refused.text


@pytest.mark.parametrize(
    "wrong", ["a-traiter?state=taken", "a-traiter?cursor=x", "historique?du=hier", "historique?before=x"]
)
async def test_an_address_that_cannot_be_meant_so_is_a_page_and_no_bug(scene: Scene, wrong: str) -> None:
    page = await scene.browser("accountant").get(f"/{wrong}")
    assert page.status_code in (404, 422)
    assert 'href="/a-traiter">Retour aux documents à traiter</a>' in page.text
