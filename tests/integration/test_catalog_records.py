"""The document records on a real mongod: the operators commute there too, and lists stay fast."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from catalog.listing import Cursor, Listing, Sort
from catalog.model import Decision, owner, words
from catalog.mongo import MongoDocuments, MongoProjection, collection_of, prepare
from catalog.mongo_decisions import MongoDecisions, MongoMarks
from catalog.mongo_queries import UNARCHIVED, counting, found
from catalog.projection import Numbered, merged, operations
from chassis.mongo import Collection, Database, connected
from chassis.owed import owe

from tests.suites import catalog_decisions
from tests.suites import catalog_events as events
from tests.suites.fake_records import FakeRecords, stored
from tests.suites.owed import published_before
from tests.support.eventually import eventually
from tests.support.forgetting import forget_soon
from tests.support.running import RunningStack

SEEN = [
    events.announced(1),
    events.announced(2, replaces=events.document_id(1)),
    events.archived(1, minutes=60),
    events.archived(1, minutes=61),
    events.transfer_failed(1, attempt=1, retrying=True),
    events.transfer_failed(2, attempt=2, retrying=False),
    events.returned(1, revision=1),
    events.taken(1, revision=2),
    events.withdrawn(2, revision=1, replaces=events.document_id(1)),
    events.retained(1),
    events.erased(2),
    events.alerted(1, 2),
    events.alerted(1, kind="returned", failed=True),
    events.closed(1, 2),
]
NUMBERED = [Numbered(event, sequence) for sequence, event in enumerate(SEEN, start=1)]


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("catalog")
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as opened:
        yield opened


@pytest.fixture
async def generation(database: Database) -> AsyncIterator[int]:
    """A collection of its own."""
    number = uuid.uuid4().int % 10**9
    await prepare(collection_of(database, number))
    yield number
    await collection_of(database, number).drop()


def comparable(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sets = ("sequences", "replaced", "stood_down")
    return {
        record["_id"]: {
            **{name: value for name, value in record.items() if name != "changed_at"},
            **{name: sorted(record.get(name, ()), key=str) for name in sets},
        }
        for record in records
    }


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_gives_what_the_fake_gives(database: Database, generation: int, seed: int) -> None:
    fake = FakeRecords()
    for numbered in NUMBERED:
        fake.apply(operations(numbered))
    chance = random.Random(seed)  # noqa: S311 (an order, not a secret)
    told = [*NUMBERED, *chance.sample(NUMBERED, 5)]
    chance.shuffle(told)
    projection = MongoProjection(database, lambda: generation)
    if seed % 2:
        await asyncio.gather(*map(projection.apply, told))
    else:
        made = merged(one for each in told for one in operations(each))
        await projection.write(collection_of(database, generation), made)
    records = await collection_of(database, generation).find().to_list(None)
    assert comparable(records) == comparable([stored(record) for record in fake.records.values()])


@pytest.fixture
async def many(database: Database, generation: int) -> MongoDocuments:
    """Ten thousand documents of one client, half of them in each folder, one in fifty withdrawn."""
    made = [
        operation
        for number in range(10_000)
        for event in (
            events.announced(
                number,
                name=f"facture coop {number:05d}.pdf",
                folder="comptable" if number % 2 else "conseil",
                deposited_at=events.DAY + timedelta(seconds=number),
            ),
            *([events.withdrawn(number, revision=1)] if number % 50 == 0 else []),
        )
        for operation in operations(Numbered(event, number))
    ]
    await MongoProjection.write(collection_of(database, generation), made)
    return MongoDocuments(database, lambda: generation)


OWNERS = [owner(events.OFFICE, events.CLIENT)]
BY_NAME, BY_DATE, BY_SIZE = Sort("name", descending=False), Sort("deposited_at", descending=True), Sort("size", False)
DEEP = Cursor(events.DAY + timedelta(seconds=300), events.document_id(300))
LISTED = {
    "first": Listing(OWNERS, BY_DATE, 50, space="deposits"),
    "folder": Listing(OWNERS, BY_DATE, 50, space="deposits", folder="conseil"),
    "deep": Listing(OWNERS, BY_DATE, 50, space="deposits", after=DEEP),
    "deep in a folder": Listing(OWNERS, BY_DATE, 50, space="deposits", folder="conseil", after=DEEP),
    "back": Listing(OWNERS, BY_DATE, 50, space="deposits", before=DEEP),
    "by name": Listing(OWNERS, BY_NAME, 50, space="deposits"),
    "deep by name": Listing(
        OWNERS, BY_NAME, 50, space="deposits", after=Cursor("facture coop 09900.pdf", events.document_id(9900))
    ),
    "by size": Listing(OWNERS, BY_SIZE, 50, space="deposits", after=Cursor(9000, events.document_id(8000))),
    "search for what all are called": Listing(OWNERS, BY_DATE, 50, space="deposits", words=words("fact")),
    "inbox": Listing(OWNERS, BY_DATE, 50, inbox=True),
}
AMID = Cursor("facture coop 05000.pdf", events.document_id(5000))
# The rarest word first, as a page asks for them.
SEARCHED_BY_NAME = {
    "one": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("09991", "coop")),
    "ten": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("0999", "coop")),
    "none": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("zzz", "facture")),
    "deep": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("0999", "coop"), after=AMID),
    "deep in what all are called": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("fact",), after=AMID),
    "back": Listing(OWNERS, BY_NAME, 50, space="deposits", words=("0499", "coop"), before=AMID),
}
SEARCHED = {
    "one": Listing(OWNERS, BY_DATE, 50, space="deposits", words=words("coop 09991")),
    "ten": Listing(OWNERS, BY_DATE, 50, space="deposits", words=words("coop 0999")),
    "none": Listing(OWNERS, BY_DATE, 50, space="deposits", words=words("facture zzz")),
}


async def test_lists_of_ten_thousand_read_no_more_than_they_show(
    many: MongoDocuments, database: Database, generation: int, tell: Callable[[str], None]
) -> None:
    for name, listing in LISTED.items():
        plan = await explained(collection_of(database, generation), listing)
        assert not {"COLLSCAN", "SORT"} & set(stages(plan["queryPlanner"]["winningPlan"])), (name, plan)
        # A folder holds every second document, and some were withdrawn.
        assert plan["executionStats"]["totalDocsExamined"] < 150, name
        tell(f"{name}: {await timed(lambda one=listing: many.page(one), within=0.25)}")  # type: ignore[misc]


async def test_a_search_in_ten_thousand_looks_up_its_rarest_word(
    many: MongoDocuments, tell: Callable[[str], None]
) -> None:
    for (name, listing), expected in zip(SEARCHED.items(), (1, 10, 0), strict=True):
        assert len((await many.page(listing)).documents) == expected
        tell(f"{name}: {await timed(lambda one=listing: many.page(one), within=0.25)}")  # type: ignore[misc]
    assert await many.count(LISTED["search for what all are called"], most=1001) == 1001
    assert await many.count(SEARCHED["ten"], most=1001) == 10


async def test_a_search_in_the_order_of_names_reads_no_more(
    many: MongoDocuments, database: Database, generation: int, tell: Callable[[str], None]
) -> None:
    for (name, listing), expected in zip(SEARCHED_BY_NAME.items(), (1, 10, 0, 10, 50, 10), strict=True):
        assert len((await many.page(listing)).documents) == expected, name
        plan = await explained(collection_of(database, generation), listing)
        examined = plan["executionStats"]["totalDocsExamined"]
        tell(f"{name}: {examined} read, {await timed(lambda one=listing: many.page(one), within=0.25)}")  # type: ignore[misc]
        assert examined < 150, name


async def test_folder_counts_of_ten_thousand_read_no_record(
    many: MongoDocuments, database: Database, generation: int, tell: Callable[[str], None]
) -> None:
    counted = {one.folder: one.documents for one in await many.counts(OWNERS)}
    assert counted == {"comptable": 5000, "conseil": 4800}
    records = collection_of(database, generation).name
    command = {"aggregate": records, "pipeline": counting(OWNERS), "cursor": {}}
    plan = await database.command("explain", command, verbosity="executionStats")
    first = plan["stages"][0]["$cursor"] if "stages" in plan else plan
    assert first["executionStats"]["totalDocsExamined"] == 0
    tell(await timed(lambda: many.counts(OWNERS), within=0.5))


async def explained(collection: Collection, listing: Listing) -> dict[str, Any]:
    """How the database finds a page."""
    plan: dict[str, Any] = await found(collection, listing).explain()
    return plan


def stages(plan: Mapping[str, Any]) -> Iterator[str]:
    """Everything a plan does."""
    if "stage" in plan:
        yield plan["stage"]
    for each in plan.values():
        for inner in each if isinstance(each, list) else [each]:
            if isinstance(inner, dict):
                yield from stages(inner)


async def timed(work: Callable[[], Awaitable[Any]], *, within: float) -> str:
    """The best of five runs, in words; in seconds, it has to be short enough."""
    took = []
    for _ in range(5):
        started = time.perf_counter()
        await work()
        took.append(time.perf_counter() - started)
    assert min(took) < within
    return f"{min(took) * 1000:.1f} ms"


async def test_the_oldest_document_that_is_not_in_the_ged_is_dated(database: Database, generation: int) -> None:
    projection, documents = MongoProjection(database, lambda: generation), MongoDocuments(database, lambda: generation)
    assert await documents.oldest_unarchived() is None
    announced = [events.announced(number, minutes=number) for number in range(1, 5)]
    # The second one's announcement has not been heard, and the third is withdrawn.
    for event in (announced[0], events.taken(2, revision=1), *announced[2:], events.withdrawn(3, revision=1)):
        await projection.apply(Numbered(event, 1))
    assert await documents.oldest_unarchived() == announced[0].data.deposited_at
    await projection.apply(Numbered(events.archived(1, minutes=60), 2))
    assert await documents.oldest_unarchived() == announced[3].data.deposited_at
    plan = await collection_of(database, generation).find(UNARCHIVED).sort("deposited_at", 1).limit(1).explain()
    assert "by_unarchived" in str(plan["queryPlanner"]["winningPlan"])


class TestMongoDecisions(catalog_decisions.DecisionsBehaviour):
    @pytest.fixture
    def decisions(self, database: Database) -> MongoDecisions:
        return MongoDecisions(database)

    async def owed(self, decisions: MongoDecisions, document: str) -> list[str]:
        return [each.id for each in await _due(decisions) if each.record == document]

    @pytest.fixture
    def marks(self, database: Database) -> MongoMarks:
        return MongoMarks(database)

    async def test_a_settled_event_is_not_due(self, database: Database) -> None:
        decisions = MongoDecisions(database)
        document = catalog_decisions.fresh_id()
        event = events.taken(1, revision=1)
        owing = [owe(document, event, now=events.DAY)]
        await decisions.save(document, catalog_decisions.TAKEN, over=0, owing=owing)
        assert [each.record for each in await _due(decisions) if each.record == document] == [document]
        await decisions.settle([document], topics=["connect.v1.documents.returned.14"])
        assert [each.record for each in await _due(decisions) if each.record == document] == [document]
        await decisions.settle([document])
        assert [each.record for each in await _due(decisions) if each.record == document] == []


async def _due(decisions: MongoDecisions) -> Sequence[Any]:
    return await decisions.owed.due(published_before(events.DAY), limit=1000)


async def test_what_was_erased_is_forgotten_after_a_year_but_where_it_leads_on(
    servers: RunningStack, database: Database, generation: int
) -> None:
    now, year = datetime.now(UTC), timedelta(days=365)
    erased = {1: now - year, 2: now - year + timedelta(hours=1), 3: now - year, 4: None}
    replacing = events.announced(5, replaces=events.document_id(3))
    told = [*(events.announced(number) for number in erased), replacing]
    projection, collection = MongoProjection(database, lambda: generation), collection_of(database, generation)
    await projection.write(collection, [one for event in told for one in operations(Numbered(event, None))])
    for number, at in erased.items():
        if at:
            await collection.update_one({"_id": events.document_id(number)}, {"$set": {"erased_at": at}})
    await forget_soon(servers)

    async def left() -> bool:
        return await collection.distinct("_id") == [events.document_id(number) for number in (2, 3, 4, 5)]

    await eventually(left, within=75)


async def test_a_withdrawal_is_forgotten_once_it_is_settled_and_its_document_forgotten_and_nothing_else_is(
    servers: RunningStack, database: Database
) -> None:
    decisions, marks = MongoDecisions(database), MongoMarks(database)
    await decisions.prepare()
    await marks.prepare()
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=396)
    event = owe("", events.withdrawn(1, revision=1), now=now)
    old, young, owing, taken = (catalog_decisions.fresh_id() for _ in range(4))
    withdrawn = Decision("withdrawn", 1, long_ago, events.ACCOUNTANT)
    for document, decision in (
        (old, withdrawn),
        (young, replace(withdrawn, at=now - timedelta(days=394))),
        (owing, withdrawn),
        (taken, replace(withdrawn, kind="taken")),
    ):
        assert await decisions.save(document, decision, over=0, owing=[event] if document == owing else [])
    tried, again = catalog_decisions.fresh_id(), catalog_decisions.fresh_id()
    assert await marks.claim_retry(tried, now=now - timedelta(days=1), cooldown=60)
    assert await marks.claim_retry(again, now=now, cooldown=60)
    await forget_soon(servers)

    async def forgotten() -> bool:
        return await decisions.of(old) is None and await marks.retried_at(tried) is None

    await eventually(forgotten, within=75)
    assert all([await decisions.of(document) for document in (young, owing, taken)])
    assert await marks.retried_at(again)
