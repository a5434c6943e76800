"""The catalog's JSON API, on the real servers."""

import asyncio
import io
import json
import signal
import subprocess
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from contracts.envelope import envelop

from contracts import events as e
from tests.suites.catalog_events import at
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.eventually import eventually
from tests.support.running import RunningStack


async def test_a_deposit_is_listed_once_it_is_announced_and_then_archived(scene: Scene) -> None:
    deposit = scene.announced(name="Relevé d’août.pdf")
    await scene.tell(deposit)
    async with scene.browser("client") as http:
        await scene.shown(http, deposit)
        await scene.tell(archived(deposit))
        found = await scene.shown(http, deposit, "archived")
        assert [each["event"] for each in found["timeline"]] == ["deposited", "archived"]
        listed = (await http.get("/api/documents", params={"q": "AOUT rel", "space": "deposits"})).json()["documents"]
    assert [(each["id"], each["name"], each["state"]) for each in listed] == [
        (deposit.data.document, "Relevé d’août.pdf", "archived")
    ]


async def test_nobody_else_learns_that_a_document_exists(scene: Scene) -> None:
    deposit = scene.announced()
    await scene.tell(deposit, archived(deposit))
    async with scene.browser("client") as http:
        await scene.shown(http, deposit, "archived")
    for who, listing in (("other", 200), ("outsider", 200), ("admin", 200), (None, 401)):
        async with scene.browser(who) as http:
            for path in ("", "/content", "/receipt", "/audit"):
                answer = await http.get(f"/api/documents/{deposit.data.document}{path}")
                assert answer.status_code == (401 if who is None else 404), (who, path)
            for verb in ("take", "return", "retry"):
                answer = await http.post(f"/api/documents/{deposit.data.document}/{verb}", json={"reason": "x"})
                assert answer.status_code == (401 if who is None else 404), (who, verb)
            listed = await http.get("/api/documents")
            assert listed.status_code == listing
            assert listing == 401 or listed.json()["documents"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/documents?limit=0"),
        ("GET", "/api/documents?unknown=1"),
        ("GET", "/api/history?cursor=W10&limit=x"),
        ("POST", "/api/documents/archive"),
        ("POST", "/api/documents/x/return"),
    ],
)
async def test_who_is_not_signed_in_hears_that_before_what_is_wrong_with_the_request(
    scene: Scene, method: str, path: str
) -> None:
    answer = await scene.browser(None).request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert (await scene.browser("accountant").request(method, path)).status_code == 422


# [2**64, "id"], [["t"], "id"], ["a name", "id"]; none is a place in an order by date.
@pytest.mark.parametrize(
    "cursor", ["WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LCAiaWQiXQ", "W1sidCJdLCAiaWQiXQ", "WyJhIG5hbWUiLCAiaWQiXQ"]
)
async def test_a_crafted_cursor_is_a_problem_and_no_bug(scene: Scene, cursor: str) -> None:
    for path in ("documents", "history"):
        answer = await scene.browser("client").get(f"/api/{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_cursor")


async def test_a_verb_that_is_not_theirs_on_what_they_see_is_forbidden(scene: Scene) -> None:
    deposit = scene.announced()
    published = scene.announced(space="published", folder="Bilan")
    await scene.tell(deposit, published)
    async with scene.browser("client") as client, scene.browser("accountant") as accountant:
        await scene.shown(client, deposit)
        await scene.shown(client, published)
        assert (await client.post(f"/api/documents/{deposit.data.document}/take")).status_code == 403
        assert (await client.delete(f"/api/documents/{published.data.document}")).status_code == 403
        assert (await accountant.delete(f"/api/documents/{deposit.data.document}")).status_code == 403


async def test_a_decision_shows_at_once_and_is_announced(scene: Scene) -> None:
    deposit = scene.announced()
    await scene.tell(deposit)
    async with scene.browser("accountant") as http:
        await scene.shown(http, deposit)
        early = await http.post(f"/api/documents/{deposit.data.document}/take")
        assert (early.status_code, early.json()["code"]) == (409, "not_archived_yet")
        await scene.tell(archived(deposit))
        await scene.shown(http, deposit, "archived")
        assert [each["id"] for each in await _listed(http, inbox=True)] == [deposit.data.document]
        taken = await http.post(f"/api/documents/{deposit.data.document}/take")
        assert (taken.status_code, taken.json()["state"], taken.json()["taken_by"]) == (200, "taken", "ACCOUNTANT")
        assert await _listed(http, inbox=True) == []
        again = await http.post(f"/api/documents/{deposit.data.document}/take")
        assert (again.status_code, again.json()["revision"]) == (200, 1)
        history = (await http.get("/api/history")).json()["documents"]
        assert [each["id"] for each in history] == [deposit.data.document]
    await eventually(lambda: scene.told("taken"))
    async with scene.browser("client") as http:
        late = await http.delete(f"/api/documents/{deposit.data.document}")
    assert (late.status_code, late.json()["code"]) == (409, "already_taken")


async def test_of_two_decisions_at_once_one_wins(scene: Scene) -> None:
    deposits = [scene.announced() for _ in range(5)]
    await scene.tell(*deposits, *map(archived, deposits))
    async with scene.browser("client") as client, scene.browser("accountant") as accountant:
        for deposit in deposits:
            await scene.shown(client, deposit, "archived")
            path = f"/api/documents/{deposit.data.document}"
            answers = await asyncio.gather(accountant.post(f"{path}/take"), client.delete(path))
            assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_document_withdrawn_leaves_the_list_and_its_bytes_are_gone(scene: Scene) -> None:
    deposit = scene.announced()
    await scene.tell(deposit)
    async with scene.browser("client") as http:
        await scene.shown(http, deposit)
        since = (await http.get("/api/documents")).json()["as_of"]
        withdrawn = await http.delete(f"/api/documents/{deposit.data.document}")
        assert withdrawn.json()["state"] == "withdrawn"
        assert await _listed(http) == []
        assert [each["state"] for each in await _listed(http, changed_since=since)] == ["withdrawn"]
        assert (await http.get(f"/api/documents/{deposit.data.document}/content")).status_code == 410


async def test_content_is_found_in_either_bucket_whatever_the_record_says(scene: Scene) -> None:
    staged, moved, behind = (scene.announced(size=10, name=f"é {n}.pdf") for n in range(3))
    scene.put("staging", staged.data.document, b"0123456789")
    for each in (moved, behind):
        scene.put("ged", f"{scene.office}/{scene.client}/{each.data.document}", b"0123456789")
    await scene.tell(staged, moved, behind, archived(moved))
    async with scene.browser("client") as http:
        await scene.shown(http, moved, "archived")
        await scene.shown(http, behind)
        for each in (staged, moved, behind):
            answer = await http.get(f"/api/documents/{each.data.document}/content", params={"disposition": "inline"})
            assert (answer.status_code, answer.content) == (200, b"0123456789")
        assert answer.headers["content-disposition"].startswith("inline; ")
        assert "filename*=UTF-8''%C3%A9%202.pdf" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        part = await http.get(f"/api/documents/{moved.data.document}/content", headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
        beyond = await http.get(f"/api/documents/{moved.data.document}/content", headers={"Range": "bytes=10-"})
        assert beyond.status_code == 416


async def test_a_zip_holds_every_chosen_document_under_a_name_of_its_own(scene: Scene) -> None:
    deposits = [scene.announced(name=name) for name in ("facture.pdf", "Facture.pdf", "bilan.pdf")]
    for number, deposit in enumerate(deposits):
        scene.put("staging", deposit.data.document, b"%d" % number * 300_000)
    await scene.tell(*deposits)
    async with scene.browser("client") as http:
        for deposit in deposits:
            await scene.shown(http, deposit)
        ids = [deposit.data.document for deposit in deposits]
        answer = await http.post("/api/documents/archive", json={"ids": ids})
        assert answer.status_code == 200
        foreign = await http.post("/api/documents/archive", json={"ids": [*ids, str(uuid.uuid4())]})
        assert foreign.status_code == 404
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len({name.casefold() for name in archive.namelist()}) == 3
        assert sorted(archive.read(name)[:1] for name in archive.namelist()) == [b"0", b"1", b"2"]


async def test_the_receipt_comes_as_json_and_as_a_page(scene: Scene) -> None:
    deposit = scene.announced()
    await scene.tell(deposit)
    async with scene.browser("client") as http:
        await scene.shown(http, deposit)
        path = f"/api/documents/{deposit.data.document}/receipt"
        assert (await http.get(path)).json() == deposit.data.receipt.model_dump(mode="json")
        page = await http.get(path, params={"format": "pdf"})
    assert page.content.startswith(b"%PDF-")


async def test_pages_follow_one_another_in_french_order_without_gap_or_double(scene: Scene) -> None:
    names = ["zèbre.pdf", "Élan.pdf", "elan.pdf", "eté.pdf", "été.pdf", "Abeille.pdf", "abeille.pdf", "œuf.pdf"]
    await scene.tell(*(scene.announced(name=name) for name in names))
    async with scene.browser("client") as http:

        async def listed() -> bool:
            return len(await _listed(http)) == len(names)

        await eventually(listed)
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            params: dict[str, str | int] = {"sort": "name", "limit": 3, **({"cursor": cursor} if cursor else {})}
            page = (await http.get("/api/documents", params=params)).json()
            seen += [each["name"] for each in page["documents"]]
            cursor = page["next"]
    assert seen == [
        "abeille.pdf", "Abeille.pdf", "elan.pdf", "Élan.pdf", "eté.pdf", "été.pdf", "œuf.pdf", "zèbre.pdf",
    ]  # fmt: skip


async def test_a_retry_wakes_the_move_once_a_minute(scene: Scene) -> None:
    deposit = scene.announced()
    facts = {"document": deposit.data.document, "office": scene.office, "client": scene.client}
    trouble = {"code": "store_unavailable", "retrying": True, "attempt": 1, "since": at(5)}
    await scene.tell(deposit)
    async with scene.browser("client") as http:
        await scene.shown(http, deposit)
        path = f"/api/documents/{deposit.data.document}/retry"
        assert (await http.post(path)).json()["code"] == "not_in_trouble"
        await scene.tell(envelop(e.TransferFailed.model_validate({**facts, **trouble})))

        async def in_trouble() -> bool:
            return bool((await http.get(f"/api/documents/{deposit.data.document}")).json()["trouble"])

        await eventually(in_trouble)
        assert (await http.post(path)).status_code == 202
        again = await http.post(path)
    assert (again.status_code, again.json()["code"]) == (429, "retry_too_soon")
    assert int(again.headers["retry-after"]) <= 60


async def test_contacts_are_named_without_their_addresses(scene: Scene) -> None:
    async with scene.browser("client") as http:
        contacts = (await http.get("/api/contacts")).json()
    assert contacts == [{"id": "jj", "name": "ACCOUNTANT", "role": "comptable", "client": scene.client}]


async def test_a_watcher_hears_of_their_own_documents_only(scene: Scene) -> None:
    own, foreign = scene.announced(), scene.announced(client=scene.other)
    async with scene.browser("client") as http, http.stream("GET", "/api/live") as stream:
        lines = stream.aiter_lines()
        await _next_event(lines, "ready")
        await scene.tell(foreign, own)
        heard = await asyncio.wait_for(_next_event(lines, "document"), 10)
    assert heard == {"id": own.data.document, "state": "deposited", "client": scene.client}


async def test_open_streams_do_not_hold_up_the_shutdown(servers: RunningStack, tmp_path: Path) -> None:
    with CatalogProcess(servers.env("catalog"), log=tmp_path / "log") as replica:
        await replica.ready()
        async with (
            Scene(servers.endpoints, replica) as scene,
            scene.browser("client") as http,
            http.stream("GET", "/api/live") as stream,
        ):
            lines = stream.aiter_lines()
            await _next_event(lines, "ready")
            try:
                status = await asyncio.to_thread(replica.terminate, within=8)
            except subprocess.TimeoutExpired:
                pytest.fail("the process still waits for its streams")
            assert [line async for line in lines if line.startswith("data")] == []  # its end, and no broken line
    assert status in (0, -signal.SIGTERM)


async def _listed(http: httpx.AsyncClient, **params: str | bool) -> list[dict[str, str]]:
    answer = await http.get("/api/documents", params=params)
    found: list[dict[str, str]] = answer.raise_for_status().json()["documents"]
    return found


async def _next_event(lines: AsyncIterator[str], name: str) -> dict[str, str]:
    event = ""
    async for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            event = value
        elif field == "data" and event == name:
            data: dict[str, str] = json.loads(value)
            return data
    raise AssertionError(f"the stream ended before {name}")
