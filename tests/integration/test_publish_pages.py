"""*Documents publiés* as a browser without scripts gets it, and who gets what of a publication."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from contracts.envelope import Envelope

from tests.suites.catalog_events import SHA
from tests.support.catalog import Scene, archived
from tests.support.eventually import eventually

ODT = "application/vnd.oasis.opendocument.text"


async def publish(scene: Scene, name: str, *, folder: str = "Bilan", **changes: Any) -> Envelope:
    made = scene.announced(space="published", folder=folder, name=name, **changes)
    await scene.tell(made, archived(made))
    await scene.shown(scene.browser("client"), made, "archived")
    return made


def text(page: httpx.Response) -> str:
    """A page's words."""
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def names(page: httpx.Response) -> list[str]:
    """The documents listed."""
    assert page.status_code == 200, page.text
    return re.findall(r'<a class="filename[^>]*>([^<]+)</a>', page.text)


async def withdraw(scene: Scene, made: Envelope, reason: str | None, *, who: str = "accountant") -> httpx.Response:
    json = {"reason": reason} if reason else None
    return await scene.browser(who).request("DELETE", f"/api/documents/{made.data.document}", json=json)


async def test_the_office_finds_what_it_published_and_whether_it_was_opened(scene: Scene) -> None:
    made = await publish(scene, "bilan.pdf")
    scene.put("ged", f"{scene.office}/{scene.client}/{made.data.document}", b"%PDF".ljust(made.data.size))
    office = scene.browser("accountant")
    page = await office.get("/publies")
    assert names(page) == ["bilan.pdf"]
    assert "Pas encore consulté" in text(page)
    assert "Mis à disposition" in text(page)

    link = re.search(r'href="(/api/documents/[^"]+inline)"', page.text)
    assert link
    assert (await office.get(link[1])).status_code == 200
    assert "Pas encore consulté" in text(await office.get("/publies"))
    assert (await scene.browser("client").get(link[1])).status_code == 200
    assert re.search(r"Consulté le \d\d/\d\d/\d{4} à \d\d:\d\d", text(await office.get("/publies")))

    address = f"/api/documents/{made.data.document}"
    assert (await office.get(address)).json()["opened_at"]
    assert "opened_at" not in (await scene.browser("client").get(address)).json()


async def test_the_list_is_narrowed_by_client_label_state_and_words(scene: Scene) -> None:
    await publish(scene, "bilan 2025.pdf")
    await publish(scene, "paie octobre.pdf", folder="Paie")
    gone = await publish(scene, "paie novembre.pdf", folder="Paie")
    await publish(scene, "bail.pdf", folder="Baux")
    assert (await withdraw(scene, gone, "doublon")).status_code == 200
    office = scene.browser("accountant")
    for address, listed in {
        "label=Paie": ["paie novembre.pdf", "paie octobre.pdf"],
        "label=Paie&state=available": ["paie octobre.pdf"],
        "state=withdrawn": ["paie novembre.pdf"],
        "q=BILAN": ["bilan 2025.pdf"],
        f"client={scene.client}&q=octobre": ["paie octobre.pdf"],
    }.items():
        assert sorted(names(await office.get(f"/publies?{address}"))) == listed, address
    every = await office.get("/publies")
    assert re.findall(r"<option[^>]*>([^<]+)</option>", every.text.partition("filtre-dossier")[2])[:6] == [
        "Tous",
        *("Bilan", "Paie", "Fiscal", "Social"),
        "Baux",
    ]
    empty = await office.get("/publies?q=introuvable")
    assert "Aucun document ne correspond" in text(empty)
    assert "<option selected>Contrats</option>" in (await office.get("/publies?label=Contrats")).text


async def test_pages_go_on_where_the_last_one_ended(scene: Scene) -> None:
    made = [scene.announced(space="published", folder="Paie", name=f"{number:03}.pdf") for number in range(60)]
    await scene.tell(*made)
    for each in made:
        await scene.shown(scene.browser("client"), each)
    office = scene.browser("accountant")
    first = await office.get("/publies?label=Paie")
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    second = await office.get(following[1].replace("&amp;", "&"))
    assert sorted(names(first) + names(second)) == [f"{number:03}.pdf" for number in range(60)]
    assert 'rel="next"' not in second.text
    assert 'rel="prev"' not in first.text
    previous = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert previous
    again = await office.get(previous[1].replace("&amp;", "&"))
    assert names(again) == names(first)
    assert 'rel="prev"' not in again.text
    assert following[1] in again.text


def headings(page: httpx.Response) -> list[str]:
    """The groups of the client's list."""
    assert page.status_code == 200, page.text
    found = re.findall(r'<th role="rowheader"[^>]*>(.*?)</th>', page.text, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", each)).strip() for each in found]


@pytest.mark.parametrize("sort", ["-deposited_at", "name"])
async def test_a_group_that_began_on_a_page_before_says_that_it_goes_on(scene: Scene, sort: str) -> None:
    of = [("Paie", datetime(2026, 3, 1, tzinfo=UTC))] * 28 + [("Bilan", datetime(2026, 2, 1, tzinfo=UTC))] * 20
    of += [("Fiscal", datetime(2025, 12, 31, 23, 30, tzinfo=UTC))]  # the year after, in Paris
    of += [("Paie", datetime(2025, 12, 30, tzinfo=UTC))] + [("Paie", datetime(2025, 6, 1, tzinfo=UTC))] * 10
    of += [("Fiscal", datetime(2025, 5, 1, tzinfo=UTC))] * 2
    made = [
        scene.announced(space="published", folder=label, name=f"{number:03}.pdf", deposited_at=at)
        for number, (label, at) in enumerate(of)
    ]
    await scene.tell(*made)
    http = scene.browser("client")
    for each in made:
        await scene.shown(http, each)
    first = await http.get(f"/documents?space=published&sort={sort}")
    whole = ["Paie 2026", "Bilan 2026", "Fiscal 2026", "Paie 2025"]
    assert headings(first) == whole
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    second = await http.get(following[1].replace("&amp;", "&"))
    assert headings(second) == ["Paie 2025 (suite)", "Fiscal 2025"]
    previous = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert previous
    assert headings(await http.get(previous[1].replace("&amp;", "&"))) == whole
    assert headings(await http.get("/documents?space=published&show=200")) == [*whole, "Fiscal 2025"]


async def test_a_withdrawal_shows_its_reason_to_the_office_and_nothing_to_the_client(scene: Scene) -> None:
    made = await publish(scene, "licenciement.pdf", folder="Social")
    client, office = scene.browser("client"), scene.browser("accountant")
    address = f"/api/documents/{made.data.document}"
    assert "licenciement.pdf" in (await client.get("/documents?space=published")).text
    assert (await withdraw(scene, made, None)).status_code == 422
    assert (await withdraw(scene, made, "mauvais client", who="client")).status_code == 403
    assert (await withdraw(scene, made, "mauvais client")).status_code == 200

    assert "Motif : mauvais client" in text(await office.get("/publies"))
    assert "Jamais consulté" in text(await office.get("/publies"))

    async def journaled() -> list[dict[str, Any]]:
        audit = (await office.get(f"{address}/audit")).json()["audit"]
        return [each for each in audit if each["action"] == "withdrawn"]

    (told,) = await eventually(journaled)
    assert (told["opened"], told["by"]["name"]) == (False, "ACCOUNTANT")
    assert "mauvais client" not in str(told)

    assert "licenciement.pdf" not in (await client.get("/documents?space=published")).text
    assert (await client.get(f"{address}/content")).status_code == 410
    assert (await client.get(f"{address}/receipt")).status_code == 410
    seen = [
        await client.get(address),
        await client.get("/api/documents?state=withdrawn"),
        await client.get("/api/documents?changed_since=2020-01-01T00:00:00Z"),
        await client.get("/documents?space=published&q=licenciement"),
        await client.get(f"/documents/{made.data.document}"),
    ]
    for answer in seen:
        assert answer.status_code in (200, 404, 410), answer.url
        assert "licenciement.pdf" not in answer.text, answer.url
        assert "mauvais client" not in answer.text, answer.url


async def test_nothing_leads_the_client_to_what_a_withdrawn_document_was(scene: Scene) -> None:
    facts: dict[str, Any] = {"folder": "Licenciement Martin", "size": 987_654, "content_type": ODT}
    made = await publish(scene, "licenciement.odt", **facts)
    await publish(scene, "autre.pdf")
    assert (await withdraw(scene, made, "mauvais client")).status_code == 200
    office, client, document = scene.browser("accountant"), scene.browser("client"), made.data.document
    secrets = ("icenciement", "Martin", "987654", "0,99", "opendocument", "OpenDocument", SHA, "mauvais client")

    told = (await client.get(f"/api/documents/{document}")).json()
    assert (told["folder"], told["size"], told["content_type"], told["sha256"], told["name"]) == ("", 0, "", "", "")
    for address in (f"/api/documents/{document}", f"/documents/{document}"):
        answer = await client.get(address)
        assert answer.status_code == 200
        assert not [secret for secret in secrets if secret in answer.text], address
    for refused in ("content", "content?disposition=inline", "receipt", "receipt?format=pdf"):
        answer = await client.get(f"/api/documents/{document}/{refused}")
        assert answer.status_code == 410
        assert not [secret for secret in secrets if secret in answer.text], refused
    assert (await client.post("/api/documents/archive", json={"ids": [document]})).status_code == 410

    # That something is gone is told, but by nothing that it was, nor in an order by it: a cursor says where it stands.
    since = "changed_since=2020-01-01T00:00:00Z"
    for gone in (since, "state=withdrawn", "state=withdrawn&space=published"):
        listed = (await client.get(f"/api/documents?{gone}")).json()["documents"]
        (found,) = [each for each in listed if each["id"] == document]
        assert not [secret for secret in secrets if secret in str(found)]
    by_what_it_was = (f"sha256={SHA}", "folder=Licenciement%20Martin", "q=licenciement", "sort=name", "sort=-size")
    for hint in by_what_it_was:
        for gone in (since, "state=withdrawn"):
            listed = (await client.get(f"/api/documents?{gone}&{hint}")).json()["documents"]
            assert document not in [each["id"] for each in listed], (gone, hint)
            listed = (await office.get(f"/api/documents?{gone}&{hint}")).json()["documents"]
            assert document in [each["id"] for each in listed], (gone, hint)
        page = await client.get(f"/documents?space=published&{hint}")
        assert document not in page.text
    assert "Licenciement" not in (await client.get("/documents?space=published")).text
    assert "Licenciement" not in (await client.get("/api/documents/counts")).text

    kept = (await office.get(f"/api/documents/{document}")).json()
    assert {**kept, **facts} == kept
    assert (kept["name"], kept["sha256"]) == ("licenciement.odt", SHA)
    shown = text(await office.get(f"/documents/{document}"))
    for fact in ("licenciement.odt", "Licenciement Martin", "0,99 MB", "Texte OpenDocument", SHA, "mauvais client"):
        assert fact in shown


async def test_only_a_collaborator_of_the_client_gets_the_page_and_the_documents(scene: Scene) -> None:
    made = await publish(scene, "secret.pdf")
    assert names(await scene.browser("outsider").get("/publies")) == []
    assert "Aucun client" in text(await scene.browser("outsider").get("/publies"))
    assert (await scene.browser("outsider").get(f"/publies?client={scene.client}")).status_code == 404
    assert (await scene.browser("accountant").get(f"/publies?client={scene.other}")).status_code == 404
    for who in ("client", "admin"):
        assert (await scene.browser(who).get("/publies")).status_code == 403
    assert (await scene.browser(None).get("/publies")).headers["Location"] == "/login?next=/publies"
    assert (await withdraw(scene, made, "motif", who="outsider")).status_code == 404
    assert (await withdraw(scene, made, "motif", who="other")).status_code == 404


@pytest.mark.parametrize("wrong", ["state=elsewhere", "cursor=%00", "cursor=W10", f"label={'x' * 99}"])
async def test_an_address_that_cannot_be_meant_so_is_a_page_and_no_bug(scene: Scene, wrong: str) -> None:
    page = await scene.browser("accountant").get(f"/publies?{wrong}")
    assert page.status_code in (404, 422)
    assert "Retour aux documents à traiter" in page.text
