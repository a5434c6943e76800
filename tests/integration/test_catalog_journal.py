"""The journal on a real mongod."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from catalog.auditing import Archive
from catalog.mongo_accesses import MongoAccesses
from catalog.mongo_claims import MongoClaims
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.seal_keys import SealKeys
from catalog.sealing import Sealing
from chassis.mongo import Database, connected
from chassis.owed import OwedEvent
from contracts.audit import Seal
from joserfc.jwk import OKPKey

from tests.suites.catalog_accesses import AccessesBehaviour, entry
from tests.suites.catalog_events import at
from tests.suites.catalog_journal import ClaimsBehaviour, FakeTrail, JournalBehaviour, SealsBehaviour, chain_of, seal
from tests.suites.catalog_journal import entry as journal_entry
from tests.suites.owed import published_before
from tests.support.eventually import eventually
from tests.support.running import RunningStack


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    async with connected(servers.endpoints["mongo"], f"journal_{uuid.uuid4().hex}") as opened:
        yield opened
        await opened.client.drop_database(opened.name)


class TestMongoAccesses(AccessesBehaviour):
    @pytest.fixture
    def accesses(self, database: Database) -> MongoAccesses:
        self._records = database["accesses"]
        return MongoAccesses(database)

    async def owed(self, accesses: MongoAccesses, record: str) -> list[str]:
        found = self._records.find({"_id": {"$regex": f"^{record}(/|$)"}}).sort("at", 1)
        return [each["id"] async for one in found for each in one["owed"]]


class TestMongoJournal(JournalBehaviour):
    @pytest.fixture
    async def journal(self, database: Database) -> MongoJournal:
        journal = MongoJournal(database)
        await journal.prepare()
        return journal


async def test_writers_that_do_not_know_of_each_other_make_one_chain_with_each_entry_once(database: Database) -> None:
    writers = [MongoJournal(database), MongoJournal(database)]
    await writers[0].prepare()
    for number in range(1, 7):
        told, writer, other = journal_entry(), writers[number % 2], writers[number % 2 - 1]
        assert await writer.write(told) == number
        assert (await other.write(told), await writer.write(told)) == (None, None)
    at_once = [journal_entry() for _ in range(4)]
    numbers = await asyncio.gather(*(writer.write(told) for told in at_once for writer in writers))
    assert sorted(number for number in numbers if number) == [7, 8, 9, 10]
    assert await chain_of(writers[0]) == 10


class TestMongoSeals(SealsBehaviour):
    @pytest.fixture
    def seals(self, database: Database) -> MongoSeals:
        return MongoSeals(database, database)

    async def test_a_seal_is_kept_though_what_it_owes_was_restored_without_it(self, database: Database) -> None:
        seals = MongoSeals(database, database)
        assert await seals.save(seal(1), owing=())
        await database["audit_seals"].delete_many({})
        assert await seals.save(seal(1), owing=())
        assert await seals.last() == seal(1)


class TestMongoClaims(ClaimsBehaviour):
    @pytest.fixture
    def claims(self, database: Database) -> MongoClaims:
        return MongoClaims(database)


async def test_no_record_grows_however_often_somebody_reads_while_nothing_is_published(database: Database) -> None:
    accesses, record = MongoAccesses(database), uuid.uuid4().hex
    await accesses.prepare()
    for minute in range(300):
        assert await accesses.note(entry(record, at(minute)))
    sizes: list[dict[str, Any]] = [
        {"$project": {"size": {"$bsonSize": "$$ROOT"}}},
        {"$group": {"_id": None, "most": {"$max": "$size"}}},
    ]
    (found,) = await database["accesses"].aggregate(sizes).to_list(None)
    assert found["most"] < 1000
    assert not await accesses.note(entry(record, at(310)), unless_since=at(250))


async def test_who_was_given_what_is_forgotten_after_a_day_once_the_journal_has_it(
    database: Database, servers: RunningStack
) -> None:
    accesses = MongoAccesses(database)
    await accesses.prepare()
    now = datetime.now(UTC)
    for record, hours in (("old", 25), ("young", 23), ("owing", 48)):
        assert await accesses.note(entry(record, now - timedelta(hours=hours)))
    for event in await accesses.owed.due(published_before(now), limit=10):
        if not event.record.startswith("owing"):
            await accesses.owed.settle(event)
    await database.client.admin.command("setParameter", 1, ttlMonitorSleepSecs=1)

    async def left() -> bool:
        found = {
            str(each["_id"]).split("/")[0] async for each in database["accesses"].find({"owed.0": {"$exists": True}})
        }
        rest = [str(each["_id"]) async for each in database["accesses"].find({"owed": []})]
        return found == {"owing"} and len(rest) == 2 and all(each.startswith("young") for each in rest)

    await eventually(left, within=60)


async def test_replicas_that_look_again_and_again_make_exactly_one_seal_a_period(database: Database) -> None:
    keys, trail, day = SealKeys(current=OKPKey.generate_key("Ed25519")), FakeTrail(), timedelta(days=1)
    now, journal = at(0), MongoJournal(database)
    await journal.prepare()

    async def nobody(_: Sequence[OwedEvent]) -> None:
        """Of owed events nothing is asked here."""

    def replica() -> Sealing:
        archive = Archive(journal, MongoSeals(database, database), keys)
        return Sealing(archive, trail, MongoClaims(database), lambda: ("14", "53"), nobody, clock=lambda: now)

    replicas = [replica(), replica()]
    for period in range(1, 4):
        now += day
        for _ in range(3):
            await journal.write(journal_entry())
            await asyncio.gather(*(each.seal(every=day) for each in replicas for _ in range(2)))
        assert await database["audit_seals"].count_documents({}) == period
    checks = await replicas[1].archive.check()
    assert (checks.seals, checks.entries) == (3, 9)


async def test_of_two_replicas_whose_clocks_differ_by_more_than_a_claim_lasts_only_one_makes_a_seal(
    database: Database,
) -> None:
    keys, journal, told = SealKeys(current=OKPKey.generate_key("Ed25519")), MongoJournal(database), list[OwedEvent]()
    await journal.prepare()
    both, now = asyncio.Barrier(2), at(0)

    class Meeting(FakeTrail):
        """Whoever asks has claimed the sealing, and goes on once the other has, too."""

        async def last_seal(self, offices: Iterable[str]) -> Seal | None:
            await asyncio.wait_for(both.wait(), 10)
            return await super().last_seal(offices)

    async def announce(owing: Sequence[OwedEvent]) -> None:
        told.extend(owing)

    def replica(ahead: timedelta) -> Sealing:
        archive = Archive(journal, MongoSeals(database, database), keys)
        return Sealing(archive, Meeting(), MongoClaims(database), lambda: ("14",), announce, clock=lambda: now + ahead)

    behind, ahead = replica(timedelta()), replica(timedelta(seconds=30))
    for number in range(1, 4):
        now += timedelta(days=1)
        await journal.write(journal_entry())
        first = asyncio.create_task(behind.seal())
        await eventually(lambda: both.n_waiting == 1, every=0.01)
        seals = await asyncio.gather(first, ahead.seal())
        assert [seal.number for seal in seals if seal] == [number]
    assert len(told) == 3
    assert (await behind.archive.check()).seals == 3
