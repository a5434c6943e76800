"""Nobody is told of what the database has not yet on its disk: a power cut may still take that back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from catalog.model import Decision
from catalog.mongo_decisions import MongoDecisions
from chassis.mongo import Database, MongoOwedStore, connected
from contracts.values import Person
from pymongo import AsyncMongoClient
from upload import handlers
from upload.model import Upload
from upload.mongo import COLLECTION, MongoUploads

from deploy.local.credentials import OPS, load_or_make
from deploy.local.environment import mongo_url
from deploy.local.plan import Plan, PortReservation
from deploy.local.provision_mongo import provision_mongo
from tests.suites.owed import published_before
from tests.suites.uploads import an_event, an_upload, owner
from tests.support.eventually import eventually
from tests.support.mongo_server import mongod

# A write that waits for the disk is not done by then; without a disk it never is.
A_WHILE = 0.5


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, whose disk can be made to wait."""
    reservation = PortReservation()
    plan = Plan(run_dir=tmp_path_factory.mktemp("mongod"), port_base=reservation.port_base)
    credentials = load_or_make(plan)
    keys = ("--keyFile", str(plan.secrets / "mongo.key"))
    with mongod(plan, "--replSet", "rs0", *keys, "--setParameter", "enableTestCommands=1"):
        asyncio.run(provision_mongo(f"127.0.0.1:{plan.port('mongo')}", credentials))
        yield mongo_url(OPS, plan=plan, credentials=credentials)
    reservation.release()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with connected(url, "kept") as database:
        yield database
        await database.client.drop_database(database.name)


@pytest.fixture
async def uploads(database: Database) -> MongoUploads:
    records = MongoUploads(database)
    await records.prepare()
    return records


@asynccontextmanager
async def waiting_disk(url: str) -> AsyncIterator[Callable[[str, dict[str, Any]], Awaitable[bool]]]:
    """Nothing reaches the disk within. Gives what tells whether such a record stands in the server's memory."""
    point = {"configureFailPoint": "pauseJournalFlusherBeforeFlush"}
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(url) as client:

        async def stands(collection: str, wanted: dict[str, Any]) -> bool:
            return await client["kept"][collection].count_documents(wanted) > 0

        await client.admin.command({**point, "mode": "alwaysOn"})
        try:
            yield stands
        finally:
            await client.admin.command({**point, "mode": "off"})


async def a_claimed(uploads: MongoUploads) -> Upload:
    upload = await uploads.add(an_upload())
    claimed = await uploads.claim(upload.id, by=owner(upload), offset=0)
    assert claimed is not None
    return claimed


async def test_a_document_is_not_told_to_be_deposited_before_the_disk_has_it(url: str, uploads: MongoUploads) -> None:
    claimed = await a_claimed(uploads)
    owed = claimed.model_copy(update={"state": "owed", "offset": claimed.length})
    async with waiting_disk(url) as stands:
        saving = asyncio.create_task(uploads.save(owed, owing=[an_event(owed.id)], release=True))
        await eventually(lambda: stands(COLLECTION, {"_id": owed.id, "state": "owed"}))
        told = await handlers.status(owed.id, by=owner(owed), uploads=uploads)
        assert (told.state, told.offset) == ("receiving", 0)
        assert not saving.done()
    await saving
    told = await handlers.status(owed.id, by=owner(owed), uploads=uploads)
    assert (told.state, told.offset) == ("owed", owed.length)


async def test_a_creation_repeated_is_answered_once_the_disk_has_the_first(url: str, uploads: MongoUploads) -> None:
    async with waiting_disk(url) as stands:
        first = asyncio.create_task(uploads.add(an_upload(creation="key")))
        await eventually(lambda: stands(COLLECTION, {"creation": "key"}))
        assert await uploads.created("key") is None
        again = asyncio.create_task(uploads.add(an_upload(creation="key")))
        assert not (await asyncio.wait({first, again}, timeout=A_WHILE))[0]
    assert (await again).id == (await first).id


async def test_who_came_too_late_reads_afterwards_what_came_before(url: str, uploads: MongoUploads) -> None:
    claimed = await a_claimed(uploads)
    owed = claimed.model_copy(update={"state": "owed", "offset": claimed.length})
    async with waiting_disk(url) as stands:
        saving = asyncio.create_task(uploads.save(owed, release=True))
        await eventually(lambda: stands(COLLECTION, {"_id": owed.id, "state": "owed"}))
        # Both change nothing, for the document is deposited; so they say, but not before that is sure.
        late = asyncio.create_task(uploads.claim(owed.id, by=owner(owed), offset=0))
        settling = asyncio.create_task(uploads.take(owed.id, epoch=owed.epoch + 1))
        assert not (await asyncio.wait({saving, late, settling}, timeout=A_WHILE))[0]
    assert await late is None
    found = await uploads.get(owed.id)
    assert found is not None
    assert found.state == "owed"
    await asyncio.wait({saving, settling})
    assert settling.exception() is not None


async def test_what_is_owed_is_not_published_before_the_disk_has_it(
    url: str, database: Database, uploads: MongoUploads
) -> None:
    store, event = MongoOwedStore(database[COLLECTION]), an_event("owing")
    async with waiting_disk(url) as stands:
        saving = asyncio.create_task(uploads.add_closing(event))
        await eventually(lambda: stands(COLLECTION, {"_id": event.record}))
        assert await store.due(published_before(datetime.now(UTC)), limit=10) == []
        assert not saving.done()
    await saving
    assert [each.id for each in await store.due(published_before(datetime.now(UTC)), limit=10)] == [event.id]


async def test_a_decision_is_not_told_before_the_disk_has_it(url: str, database: Database) -> None:
    await (decisions := MongoDecisions(database)).prepare()
    decision = Decision("taken", 1, an_upload().created_at, Person(sub="jeanny-jerome", name="J"), None)
    async with waiting_disk(url) as stands:
        saving = asyncio.create_task(decisions.save("d", decision, over=0, owing=[]))
        await eventually(lambda: stands("decisions", {"_id": "d"}))
        assert await decisions.of("d") is None
        other = asyncio.create_task(decisions.save("d", decision, over=0, owing=[]))
        assert not (await asyncio.wait({saving, other}, timeout=A_WHILE))[0]
    assert (await saving, await other) == (True, False)
    assert await decisions.of("d") == decision
