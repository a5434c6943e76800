"""Owed events on a real mongod."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chassis.errors import Unavailable
from chassis.mongo import Collection, MongoOwedStore, connected, translated
from chassis.mongo_clock import MongoClock
from chassis.owed import Due, OwedEvent, from_document, to_document
from pymongo.read_concern import ReadConcern

from tests.suites.owed import OwedBehaviour, event, now, published_before
from tests.support.running import RunningStack


class _MongoLedger:
    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.store = MongoOwedStore(collection)

    async def write(self, record: str, events: Sequence[OwedEvent]) -> None:
        await self.collection.insert_one({"_id": record, "owed": [to_document(each) for each in events]})

    async def owed(self, record: str) -> Sequence[OwedEvent]:
        # A mark is worth no journal, so a majority read shows it a little later.
        latest = self.collection.with_options(read_concern=ReadConcern("local"))
        found = await latest.find_one({"_id": record})
        assert found is not None
        return [from_document(record, each) for each in found["owed"]]


@pytest.fixture
async def ledger(servers: RunningStack) -> AsyncIterator[_MongoLedger]:
    async with connected(servers.endpoints["mongo"], f"owed_{uuid.uuid4().hex}") as database:
        collection = database["records"]
        ledger = _MongoLedger(collection)
        await ledger.store.prepare()
        yield ledger
        await database.client.drop_database(database.name)


class TestOwedOnMongo(OwedBehaviour):
    async def test_what_is_due_is_found_by_an_index_among_all_records(self, ledger: _MongoLedger) -> None:
        await ledger.collection.insert_many([{"_id": f"settled-{n}", "owed": []} for n in range(500)])
        await ledger.collection.insert_many([{"_id": f"never-owed-{n}"} for n in range(500)])
        owed = event()
        await ledger.write(owed.record, [owed])
        examined = await _examined(ledger)
        assert examined <= 2, "the sweeper reads records that owe nothing"
        assert [each.id for each in await ledger.store.due(published_before(owed.owed_since), limit=10)] == [owed.id]

    async def test_a_record_from_before_repetitions_were_counted_is_repeated_too(self, ledger: _MongoLedger) -> None:
        owed = replace(event(), published_at=now() - timedelta(minutes=11))
        stored = {key: value for key, value in to_document(owed).items() if key != "repeated"}
        await ledger.collection.insert_one({"_id": owed.record, "owed": [stored]})
        (due,) = await ledger.store.due(Due.at(now(), republish_after=timedelta(minutes=10)), limit=10)
        assert due.id == owed.id

    async def test_the_oldest_come_first_when_more_is_due_than_is_asked_for(self, ledger: _MongoLedger) -> None:
        events = [event(since=timedelta(seconds=-seconds)) for seconds in (5, 50, 20, 90, 30)]
        for each in events:
            await ledger.write(each.record, [each])
        due = await ledger.store.due(published_before(events[0].owed_since), limit=2)
        assert [each.id for each in due] == [events[3].id, events[1].id]

    async def test_a_record_is_kept_for_as_long_as_the_broker_refuses_what_it_owes(self, ledger: _MongoLedger) -> None:
        soon, never = now() + timedelta(days=1), None
        later = now() + timedelta(days=80)
        for until, kept_until in ((soon, now() + timedelta(days=30)), (later, later), (never, never)):
            owed = event()
            stored = {"_id": owed.record, "owed": [to_document(owed)], "purge_at": until}
            await ledger.collection.insert_one(stored)
            await ledger.store.set_aside(owed, now())
            found = await ledger.collection.find_one({"_id": owed.record})
            assert found is not None
            assert found["owed"][0]["refused_at"]
            if kept_until is None:
                assert found["purge_at"] is None
            else:
                assert timedelta() <= found["purge_at"] - kept_until < timedelta(minutes=5)
        without = event()
        await ledger.write(without.record, [without])
        await ledger.store.set_aside(without, now())
        assert "purge_at" not in (await ledger.collection.find_one({"_id": without.record}) or {})


async def _examined(ledger: _MongoLedger) -> int:
    """How many records the sweeper's own query examines."""
    database: Any = ledger.collection.database
    await database.command({"profile": 2})
    try:
        await ledger.store.due(published_before(event().owed_since), limit=10)
        entry = await database["system.profile"].find_one(
            {"ns": ledger.collection.full_name, "op": "query"}, sort=[("ts", 1)]
        )
    finally:
        await database.command({"profile": 0})
    assert "IXSCAN" in entry["planSummary"]
    return int(entry["docsExamined"])


async def test_a_database_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.mongo._TIMEOUT_MS", 200)
    async with connected("mongodb://127.0.0.1:9/", "nothing") as database:
        with pytest.raises(Unavailable, match="database_unavailable"):
            await MongoClock(database).ask()
        with pytest.raises(Unavailable), translated():
            await database["x"].find_one({})
