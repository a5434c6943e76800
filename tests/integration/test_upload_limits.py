"""What one person and one address may ask for at a time, counted over two replicas."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chassis.limits import Amounts, Refusal, Taken
from chassis.mongo import Database, connected
from upload.limits import COUNTS_KEPT
from upload.mongo import MongoUploads
from upload.settings import PersonLimits

from chassis import mongo_limits
from tests.support.eventually import eventually
from tests.support.intake import MIB, STREAM, Intake, headers, path_of, said, sha256_in_staging
from tests.support.samples import invoice

UPLOADS, TRANSFERS, REQUESTS, ADDRESS_UPLOADS, ADDRESS_REQUESTS = 10, 10, 100, 15, 200
DAY = 24 * 3600


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    return {
        "UPLOAD_MAX_SIZE": str(10 * MIB),
        "UPLOAD_LIMITS__PERSON__UPLOADS": str(UPLOADS),
        "UPLOAD_LIMITS__PERSON__TRANSFERS": str(TRANSFERS),
        "UPLOAD_LIMITS__PERSON__REQUESTS": str(REQUESTS),
        "UPLOAD_LIMITS__PERSON__BYTES_A_DAY": str(20 * MIB),
        "UPLOAD_LIMITS__ADDRESS__UPLOADS": str(ADDRESS_UPLOADS),
        "UPLOAD_LIMITS__ADDRESS__REQUESTS": str(ADDRESS_REQUESTS),
        "UPLOAD_LIMITS__ADDRESS__BYTES_A_DAY": "none",
    }


@pytest.fixture(autouse=True)
async def nothing_counted(intake: Intake, http: httpx.AsyncClient, records: Any) -> None:
    """As if nobody had asked for anything, but that both replicas know the issuer's keys."""
    for replica in (intake.first, intake.second):

        async def let_in(base: str = replica.base) -> bool:
            # Whom a replica told to wait it lets wait, whatever the counts say since.
            return (await http.get(f"{base}/uploads/none/receipt", headers=headers(intake))).status_code == 404

        await eventually(let_in, within=20)
    await records.database["limits"].delete_many({})
    await records.update_many({}, {"$set": {"counted": []}})


class Desk:
    """One person at one address, asking the replicas in turn."""

    def __init__(self, intake: Intake, http: httpx.AsyncClient, sub: str, address: str, *, token: str = "") -> None:
        self._intake, self._http, self._sub, self._address = intake, http, sub, address
        self._token = {"Authorization": f"Bearer {token}"} if token else {}
        self._turn = 0

    async def ask(self, method: str, path: str, *, content: Any = None, **more: str) -> httpx.Response:
        self._turn += 1
        base = (self._intake.first, self._intake.second)[self._turn % 2].base
        asked = headers(self._intake, self._sub, X_Forwarded_For=self._address, **more, **self._token)
        return await self._http.request(method, base + path, content=content, headers=asked)

    async def create(self, length: int = 100) -> httpx.Response:
        return await self.ask("POST", "/uploads", Upload_Length=str(length), Upload_Metadata=said(filename="f.csv"))

    async def send(self, path: str, content: Any, *, offset: int = 0) -> httpx.Response:
        return await self.ask("PATCH", path, content=content, Upload_Offset=str(offset), **STREAM)


@pytest.fixture
def desk(intake: Intake, http: httpx.AsyncClient) -> Desk:
    return Desk(intake, http, "earl-du-chene", "192.0.2.1")


def counts_of(database: Database) -> mongo_limits.MongoCounts:
    return mongo_limits.MongoCounts(database, kept=COUNTS_KEPT, open_under=MongoUploads(database).open_under)


def assert_told_to_wait(answer: httpx.Response, code: str, *, longest: float = 60) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert 1 <= int(answer.headers["Retry-After"]) <= longest
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert "Trop de" in answer.json()["detail"] or "Le volume" in answer.json()["detail"]


async def test_of_fifty_creations_at_once_exactly_as_many_are_taken_as_the_limit_allows(
    desk: Desk, records: Any
) -> None:
    answers = await asyncio.gather(*(desk.create() for _ in range(50)))
    assert Counter(each.status_code for each in answers) == {201: UPLOADS, 429: 50 - UPLOADS}
    assert await records.count_documents({"counted": {"$ne": []}, "state": "receiving"}) == UPLOADS
    assert_told_to_wait(await desk.create(), "too_many_uploads")


async def test_an_upload_that_ends_makes_room_for_another(desk: Desk) -> None:
    paths = [path_of(await desk.create(4)) for _ in range(UPLOADS)]
    assert_told_to_wait(await desk.create(), "too_many_uploads")
    assert (await desk.send(paths[0], b"a;b\n")).status_code == 204
    assert (await desk.ask("DELETE", paths[1])).status_code == 204

    async def is_taken() -> bool:
        return (await desk.create()).status_code == 201

    await eventually(is_taken, within=10)
    await eventually(is_taken, within=10)
    await asyncio.sleep(1.1)  # past what a recount is remembered
    assert_told_to_wait(await desk.create(), "too_many_uploads")


async def test_what_is_not_created_is_not_counted(desk: Desk) -> None:
    for _ in range(UPLOADS + 2):
        refused = await desk.ask("POST", "/uploads", Upload_Length="9", Upload_Metadata=said(filename="virus.exe"))
        assert refused.status_code == 422
        refused = await desk.create(11 * MIB)
        assert refused.status_code == 413
    assert (await desk.create(10 * MIB)).status_code == 201
    assert (await desk.create(10 * MIB)).status_code == 201


async def test_the_same_file_again_is_counted_once(desk: Desk) -> None:
    once = said(filename="f.csv", file="0b8f4c0e-6c0e-4a8e-9d5e-0d1a3a4b5c6d")
    answers = [await desk.ask("POST", "/uploads", Upload_Length=str(10 * MIB), Upload_Metadata=once) for _ in range(5)]
    assert {each.headers["Location"] for each in answers} == {answers[0].headers["Location"]}
    assert (await desk.create(10 * MIB)).status_code == 201


async def test_a_days_bytes_are_counted_over_both_replicas_and_what_was_begun_may_end(desk: Desk) -> None:
    sample = invoice("f.pdf", size=10 * MIB)
    path = path_of(await desk.ask(
        "POST", "/uploads", Upload_Length=str(sample.size), Upload_Metadata=said(filename=sample.name)
    ))  # fmt: skip
    assert (await desk.create(9 * MIB)).status_code == 201
    assert_told_to_wait(await desk.create(2 * MIB), "too_many_bytes", longest=math.ceil(DAY / 20))
    assert (await desk.send(path, sample.content)).status_code == 204


async def test_a_refused_patch_loses_nothing_and_goes_on_once_there_is_room(desk: Desk, intake: Intake) -> None:
    sample = invoice("f.pdf", size=2 * MIB)
    half, go_on = sample.size // 2, asyncio.Event()
    creations = [
        await desk.ask("POST", "/uploads", Upload_Length=str(sample.size), Upload_Metadata=said(filename=sample.name))
        for _ in range(UPLOADS)
    ]
    path, *others = map(path_of, creations)
    assert (await desk.send(path, sample.content[:half])).status_code == 204

    async def slowly() -> AsyncIterator[bytes]:
        yield sample.content[:half]
        await go_on.wait()
        yield sample.content[half:]

    held = [asyncio.create_task(desk.send(each, slowly())) for each in others]
    held.append(asyncio.create_task(desk.send(path, _waiting(go_on), offset=half)))

    async def refused() -> bool:
        answer = await desk.ask("POST", "/uploads", Upload_Length="1", Upload_Metadata=said(filename="f.csv"))
        return bool(answer.status_code == 429 and answer.json()["code"] == "too_many_transfers")

    await eventually(refused, within=10)
    for _ in range(4):
        assert_told_to_wait(await desk.send(path, sample.content[half:], offset=half), "too_many_transfers")
    head = await desk.ask("HEAD", path)
    assert head.headers["Upload-Offset"] == str(half)
    go_on.set()
    assert {each.status_code for each in await asyncio.gather(*held)} == {204}
    assert (await desk.send(path, sample.content[half:], offset=half)).status_code == 204
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def _waiting(event: asyncio.Event) -> AsyncIterator[bytes]:
    await event.wait()
    yield b""


async def test_requests_are_counted_over_both_replicas_and_a_flood_is_told_to_wait(desk: Desk) -> None:
    path = path_of(await desk.create())
    begun = time.monotonic()
    answers = await asyncio.gather(*(desk.ask("GET", f"{path}/receipt") for _ in range(REQUESTS * 5)))
    took = time.monotonic() - begun
    taken = sum(each.status_code == 409 for each in answers)
    assert REQUESTS - 1 <= taken <= REQUESTS + REQUESTS / 10 * took
    refused = next(each for each in answers if each.status_code != 409)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    # Any answer but 423 would make a client send the whole file again.

    async def told_to_wait() -> set[str]:
        heads = await asyncio.gather(*(desk.ask("HEAD", path) for _ in range(REQUESTS)))
        assert {each.status_code for each in heads} <= {200, 423}
        return {each.headers["Retry-After"] for each in heads if each.status_code == 423}

    # A place comes free every fraction of a second: what is told is the limit's own delay, not a locked file's.
    assert await eventually(told_to_wait) == {"1"}

    async def goes_on() -> bool:
        return {(await desk.ask("HEAD", path)).status_code for _ in range(2)} == {200}

    await eventually(goes_on, within=30)


async def test_an_address_is_counted_whoever_asks_and_an_ipv6_one_by_its_64(
    intake: Intake, http: httpx.AsyncClient
) -> None:
    def at(sub: str, address: str) -> Desk:
        return Desk(intake, http, sub, address)

    household = at("earl-du-chene", "2001:db8:0:2::1")
    assert {(await household.create()).status_code for _ in range(UPLOADS)} == {201}
    assert_told_to_wait(await household.create(), "too_many_uploads")
    neighbour = at("second-client", "2001:db8:0:2:ffff::9")
    assert {(await neighbour.create()).status_code for _ in range(ADDRESS_UPLOADS - UPLOADS)} == {201}
    assert_told_to_wait(await neighbour.create(), "too_many_uploads")
    assert (await at("second-client", "2001:db8:0:3::1").create()).status_code == 201


async def test_requests_without_a_session_are_counted_by_address_apart_from_those_with_one(
    intake: Intake, http: httpx.AsyncClient
) -> None:
    def unknown(address: str) -> Desk:
        return Desk(intake, http, "earl-du-chene", address, token="for.g.ed")

    stranger, owner = unknown("192.0.2.20"), Desk(intake, http, "earl-du-chene", "192.0.2.20")
    path = path_of(await owner.create())
    answers, begun = list[httpx.Response](), time.monotonic()
    # A slow machine may take the first floods' time to let them all in.
    while not any(each.status_code == 429 for each in answers) and time.monotonic() - begun < 60:
        answers += await asyncio.gather(*(stranger.ask("GET", f"{path}/receipt") for _ in range(ADDRESS_REQUESTS * 2)))
    took = time.monotonic() - begun
    assert {each.status_code for each in answers} == {401, 429}
    refused = [each for each in answers if each.status_code == 429]
    assert ADDRESS_REQUESTS - 1 <= len(answers) - len(refused) <= ADDRESS_REQUESTS + ADDRESS_REQUESTS / 10 * took
    assert refused[0].json()["code"] == "too_many_requests"
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10

    async def told_to_wait() -> bool:
        heads = await asyncio.gather(*(stranger.ask("HEAD", path) for _ in range(ADDRESS_REQUESTS)))
        assert {each.status_code for each in heads} <= {401, 423}
        return 423 in {each.status_code for each in heads}

    await eventually(told_to_wait)
    assert (await owner.ask("HEAD", path)).status_code == 200
    assert (await unknown("192.0.2.21").ask("HEAD", path)).status_code == 401


async def test_a_refusal_is_counted_and_logged_without_anybodys_name(
    desk: Desk, intake: Intake, http: httpx.AsyncClient
) -> None:
    assert {(await desk.create()).status_code for _ in range(UPLOADS)} == {201}
    assert {(await desk.create()).status_code for _ in range(2)} == {429}
    for replica in (intake.first, intake.second):
        metrics = (await http.get(f"{replica.base}/metrics")).text
        assert 'connect_limited_total{limit="uploads",of="person"}' in metrics
        lines = [line for line in replica.log().splitlines() if '"request_limited"' in line]
        assert lines
        assert not any(personal in line for line in lines for personal in ("earl-du-chene", "192.0.2.1"))


async def test_a_transfer_keeps_its_place_while_it_is_renewed_and_a_dead_replicas_is_free_again(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_limits, "_KEPT_UNTIL", {"$add": ["$$NOW", 4000]})
    limits, place = PersonLimits(transfers=1), Amounts(requests=1, transfers=1)
    tight = Taken(place, is_roomy=False)
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        counts = counts_of(database)

        async def has_a_place() -> bool:
            return await counts.take("somebody", place, limits, replica="second", ahead=0) == tight

        assert await counts.take("somebody", place, limits, replica="first", ahead=0) == tight
        for _ in range(5):
            await asyncio.sleep(1)
            await counts.keep(["somebody"], replica="first")
        assert not await has_a_place()
        await eventually(has_a_place, within=10)


async def test_as_much_is_taken_ahead_as_leaves_room_and_given_back_by_whoever_took_it(intake: Intake) -> None:
    limits = PersonLimits(requests=200, transfers=40)
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        counts, place = counts_of(database), Amounts(requests=1, transfers=1)
        # A sixteenth of what is left, and no more than was asked for.
        for replica, ahead, taken in (("first", 16, Amounts(13, 3)), ("second", 1, Amounts(2, 2))):
            found = await counts.take("two", place, limits, replica=replica, ahead=ahead)
            assert found == Taken(taken, is_roomy=True)
        await counts.give_back({"two": Amounts(transfers=2)}, replica="second")
        await counts.give_back(
            {"two": Amounts(requests=3, transfers=1), "nobody": Amounts(requests=1)}, replica="first"
        )
        held = (await mongo_limits.counts_in(database).find_one({"_id": "two"}) or {})["held"]
        assert {each["id"]: each["n"] for each in held} == {"first": 2, "second": 0}
        # Near the limit nothing is taken ahead, and it is met exactly.
        tight = PersonLimits(transfers=4)
        for _ in range(2):
            taken_now = await counts.take("two", place, tight, replica="second", ahead=16)
            assert taken_now == Taken(replace(place, requests=17), is_roomy=False)
        refused = await counts.take("two", place, tight, replica="third", ahead=16)
        assert isinstance(refused, Refusal)
        assert refused.limit == "transfers"


async def test_an_upload_that_surely_fits_is_counted_as_any_other(intake: Intake) -> None:
    limits, upload = PersonLimits(uploads=3, bytes_a_day=100), Amounts(uploads=1, bytes=40)
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        counts = counts_of(database)
        for _ in range(2):
            assert isinstance(await counts.take("one by one", upload, limits, replica="first", ahead=16), Taken)
        record = await mongo_limits.counts_in(database).find_one({"_id": "one by one"}) or {}
        assert (record["uploads"], round(record["bytes"])) == (2, 80)
        refused = await counts.take("one by one", upload, limits, replica="first", ahead=16)
        assert isinstance(refused, Refusal)
        assert refused.limit == "bytes"


async def test_places_given_back_twice_make_room_for_nobody_else(intake: Intake) -> None:
    limits, place = PersonLimits(transfers=1), Amounts(requests=1, transfers=1)
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        counts = counts_of(database)
        await counts.take("twice", place, limits, replica="first", ahead=0)
        await counts.give_back({"twice": Amounts(transfers=2)}, replica="first")
        assert isinstance(await counts.take("twice", place, limits, replica="second", ahead=0), Taken)
        assert isinstance(await counts.take("twice", place, limits, replica="third", ahead=0), Refusal)


async def test_what_an_older_replica_counted_stands(intake: Intake) -> None:
    limits, place = PersonLimits(transfers=1), Amounts(requests=1, transfers=1)
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        older = {"id": "a transfer", "until": datetime.now(UTC) + timedelta(seconds=60)}
        await database["limits"].insert_one({"_id": "older", "held": [older]})
        counts = counts_of(database)
        assert isinstance(await counts.take("older", place, limits, replica="new", ahead=0), Refusal)
