"""What goes by itself goes when docs/retention.md says, and what goes only on confirmation is found by an index."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from catalog.generations import Generations
from catalog.limits import COUNTS_KEPT as KEPT_BY_THE_CATALOG
from catalog.mongo import MongoProjection, collection_of, prepare
from catalog.mongo_accesses import MongoAccesses
from catalog.mongo_decisions import MongoDecisions, MongoMarks
from catalog.mongo_queries import lapsing
from catalog.projection import Numbered, operations
from catalog.rebuild import drop_retired
from chassis.jetstream import JetStreamBus
from chassis.limits import Amounts
from chassis.mongo import Database, connected
from chassis.mongo_limits import MongoCounts, counts_in
from notify.mongo import MongoDigests
from notify.mongo_seals import MongoSealMarks
from upload.limits import COUNTS_KEPT as KEPT_BY_INTAKE
from upload.mongo import MongoUploads
from upload.settings import PersonLimits

from tests.suites import catalog_events as events
from tests.support.eventually import eventually
from tests.support.forgetting import forget_soon
from tests.support.running import RunningStack

RETENTION = Path(__file__).parents[2] / "docs" / "retention.md"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How long after the date that a record has, by the index' field.
EXPIRING: Mapping[str, Mapping[str, timedelta]] = {
    "upload": {"uploads.purge_at": 0 * DAY, "limits.purge_at": 0 * DAY},
    "catalog": {
        "limits.purge_at": 0 * DAY,
        "accesses.at": DAY,
        "retries.at": DAY,
        "documents_g<n>.erased_at": 365 * DAY,
        "decisions.decision.at": 395 * DAY,
    },
    "notify": {
        "digests.noted_at": 365 * DAY,
        "withdrawn.at": 365 * DAY,
        "answered.at": 365 * DAY,
        "seals.at": 365 * DAY,
    },
}


@pytest.fixture
async def databases(servers: RunningStack) -> AsyncIterator[Mapping[str, Database]]:
    """Each service's, with its own rights."""
    async with AsyncExitStack() as stack:
        opened = {}
        for service in EXPIRING:
            env, prefix = servers.env(service), service.upper()
            url, name = env[f"{prefix}_MONGO_URL"], env[f"{prefix}_MONGO_DATABASE"]
            opened[service] = await stack.enter_async_context(connected(url, name))
        yield opened


@pytest.fixture
async def generation(databases: Mapping[str, Database]) -> AsyncIterator[int]:
    """A collection of its own."""
    number = uuid.uuid4().int % 10**9
    records = collection_of(databases["catalog"], number)
    await prepare(records)
    yield number
    await records.drop()


async def _prepare_all(databases: Mapping[str, Database]) -> None:
    intake, catalog, notify = (databases[each] for each in ("upload", "catalog", "notify"))
    for adapter in (
        *(MongoUploads(intake), MongoCounts(intake, kept=KEPT_BY_INTAKE), MongoDigests(notify), MongoSealMarks(notify)),
        *(MongoDecisions(catalog), MongoMarks(catalog), MongoAccesses(catalog)),
        MongoCounts(catalog, kept=KEPT_BY_THE_CATALOG),
    ):
        await adapter.prepare()


async def _expiring(database: Database) -> dict[str, timedelta]:
    found = {}
    for name in await database.list_collection_names():
        for index in (await database[name].index_information()).values():
            if "expireAfterSeconds" in index:
                [(field, _)] = index["key"]
                of_any = re.sub(r"^documents_g\d+$", "documents_g<n>", name)
                found[f"{of_any}.{field}"] = timedelta(seconds=index["expireAfterSeconds"])
    return found


@pytest.mark.usefixtures("generation")
async def test_the_databases_forget_what_is_written_down_after_as_long_as_is_written_down(
    databases: Mapping[str, Database],
) -> None:
    await _prepare_all(databases)
    assert {service: await _expiring(database) for service, database in databases.items()} == EXPIRING
    told = RETENTION.read_text(encoding="utf-8")
    assert [name for names in EXPIRING.values() for name in names if f"`{name}`" not in told] == []


@pytest.mark.parametrize(
    ("service", "kept", "days"), [("upload", KEPT_BY_INTAKE, 9), ("catalog", KEPT_BY_THE_CATALOG, 2)]
)
async def test_a_count_goes_at_the_last_midnight_of_those_that_are_written_down(
    servers: RunningStack, databases: Mapping[str, Database], service: str, kept: timedelta, days: int
) -> None:
    records = counts_in(databases[service])
    counts = MongoCounts(databases[service], kept=kept)
    await counts.prepare()
    gone, stays = f"gone-{uuid.uuid4()}", f"stays-{uuid.uuid4()}"
    midnights = {_midnight()}
    for key in (gone, stays):
        await counts.take(key, Amounts(requests=1), PersonLimits(), replica="one", ahead=0)
    midnights |= {_midnight()}
    written = [record["purge_at"] async for record in records.find({"_id": {"$in": [gone, stays]}})]
    assert len(written) == 2
    assert {at - timedelta(days=days) for at in written} <= midnights

    await records.update_one({"_id": gone}, {"$set": {"purge_at": datetime.now(UTC)}})
    await forget_soon(servers)

    async def is_gone() -> bool:
        return await records.find_one({"_id": gone}) is None

    await eventually(is_gone, within=75)
    assert await records.find_one({"_id": stays})


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def test_that_a_move_was_tried_again_is_dated_when_it_was(databases: Mapping[str, Database]) -> None:
    document, now = str(uuid.uuid4()), datetime(2026, 3, 26, 9, tzinfo=UTC)
    marks = MongoMarks(databases["catalog"])
    for tried in (now, now + HOUR):
        assert await marks.claim_retry(document, now=tried, cooldown=60)
        record = await databases["catalog"]["retries"].find_one({"_id": document})
        assert record == {"_id": document, "at": tried}
    await marks.release_retry(document)


class _Bus:
    """Notes which durables are taken away."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    async def unsubscribe(self, _: str, durable: str) -> None:
        self.gone.append(durable)


async def test_a_generation_is_dropped_an_hour_after_another_one_serves(databases: Mapping[str, Database]) -> None:
    database, now, minute = databases["catalog"], datetime.now(UTC), timedelta(minutes=1)
    old, young = 10**9 + 1, 10**9 + 2
    generations, bus, stop = Generations(database), _Bus(), asyncio.Event()
    await generations.read()
    retired = [{"generation": old, "at": now - HOUR}, {"generation": young, "at": now - HOUR + 5 * minute}]
    await database["meta"].update_one({"_id": "projection"}, {"$push": {"retired": {"$each": retired}}})
    for generation in (old, young):
        await prepare(collection_of(database, generation))
    dropping = asyncio.create_task(
        drop_retired(stop, bus=cast(JetStreamBus, bus), database=database, generations=generations)
    )

    async def left() -> list[str]:
        names = {collection_of(database, generation).name for generation in (old, young)}
        return sorted(names.intersection(await database.list_collection_names()))

    async def old_is_dropped() -> bool:
        return await left() != [f"documents_g{old}", f"documents_g{young}"]

    try:
        await eventually(old_is_dropped, within=20)
    finally:
        stop.set()
        await dropping
        there = await left()
        await generations.forget(young)
        await collection_of(database, young).drop()
    assert there == [f"documents_g{young}"]
    assert bus.gone == [f"catalog-projection-g{old}"]


@pytest.mark.parametrize("office", [None, events.OFFICE])
async def test_what_has_been_kept_long_enough_is_found_without_reading_what_has_not(
    databases: Mapping[str, Database], generation: int, office: str | None
) -> None:
    records, last = collection_of(databases["catalog"], generation), 1_000
    told = [
        event
        for number in range(1, last + 1)
        for event in (events.announced(number), events.taken(number, revision=1), events.retained(number))
    ]
    # An erased one is not due, and one that nobody took is not kept.
    told += [events.erased(1), events.announced(last + 1)]
    await MongoProjection.write(records, [one for event in told for one in operations(Numbered(event, 1))])
    over = [events.document_id(number) for number in (1, 2, 3, 4)]
    await records.update_many({"_id": {"$in": over}}, {"$set": {"retained.until": events.DAY}})

    due = records.find(lapsing(office=office, now=events.DAY))
    assert sorted([each["_id"] async for each in due.clone()]) == over[1:]
    plan: dict[str, Any] = await due.explain()
    assert "by_retention_end" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 3
