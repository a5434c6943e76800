"""Notify's records keep their promises on the real database, with the rights that the service has."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from chassis.mongo import Database, MongoOwedStore, connected
from notify.mongo import COLLECTION, MongoDigests
from notify.mongo_seals import MongoSealMarks
from notify.ports import Digests

from tests.suites.notify_ports import NOW, DigestsBehaviour, group, heard
from tests.suites.owed import published_before
from tests.support.eventually import eventually
from tests.support.forgetting import forget_soon
from tests.support.running import RunningStack


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("notify")
    async with connected(env["NOTIFY_MONGO_URL"], env["NOTIFY_MONGO_DATABASE"]) as database:
        await MongoOwedStore(database[COLLECTION]).prepare()
        yield database


@pytest.fixture
async def digests(database: Database) -> MongoDigests:
    digests = MongoDigests(database)
    await digests.prepare()
    return digests


class TestMongoDigests(DigestsBehaviour):
    @pytest.fixture(autouse=True)
    def _database(self, database: Database) -> None:
        self._store = MongoOwedStore(database[COLLECTION])

    async def owed(self, digests: Digests, record: str) -> list[str]:
        due = await self._store.due(published_before(datetime.now(UTC)), limit=1000)
        return [event.id for event in due if event.record == record]


async def test_the_oldest_due_is_the_most_overdue(digests: MongoDigests) -> None:
    digest = await digests.add_document(group(), heard(), now=NOW - timedelta(days=365))
    assert await digests.oldest_due() == digest.wake_at
    assert await digests.save(digest.sealed([], mail_domain="x.example", now=NOW))
    assert await digests.oldest_due() != digest.wake_at


async def test_a_mail_that_a_former_version_has_settled_is_put_off_no_more(
    digests: MongoDigests, database: Database
) -> None:
    digest, since = await digests.add_document(group(), heard(), now=NOW), NOW - timedelta(days=3650)
    record = {"_id": digest.id}
    await database[COLLECTION].update_one(record, {"$set": {"deferred_since": since}})
    assert await digests.oldest_deferred() == since
    await database[COLLECTION].update_one(record, {"$unset": {"wake_at": "", "look_at": "", "untold": ""}})
    assert await digests.oldest_deferred() != since


async def test_what_nobody_is_to_be_told_of_any_more_is_forgotten_a_year_after_its_last_word(
    servers: RunningStack, digests: MongoDigests, database: Database
) -> None:
    old, waiting, young = [await digests.add_document(group(), heard(), now=NOW) for _ in range(3)]
    refused = await digests.add_unfinished(group(), str(uuid.uuid4()), size=1)
    for digest in (old, young):
        assert await digests.save(digest.sealed([], mail_domain="x.example", now=NOW))
    long_ago, gone = datetime.now(UTC) - timedelta(days=365), str(uuid.uuid4())
    for digest in (old, waiting, refused):
        assert (
            await database[COLLECTION].update_one({"_id": digest.id}, {"$set": {"noted_at": long_ago}})
        ).matched_count
    seals = MongoSealMarks(database)
    await seals.prepare()
    await seals.mark_sent("old", office="14", at=long_ago)
    await seals.mark_sent("young", office="14", at=datetime.now(UTC))
    await digests.note_withdrawn(gone, now=long_ago)
    await digests.note_answered(gone, now=long_ago)
    await digests.note_withdrawn(heard().document, now=datetime.now(UTC))
    await forget_soon(servers)

    async def forgotten() -> bool:
        loaded = [await digests.load(digest.id) for digest in (old, refused)]
        noted = [await digests.withdrawn_among([gone]), await digests.answered_among([gone])]
        return not any([*loaded, *noted, await seals.is_sent("old", office="14")])

    await eventually(forgotten, within=75)
    assert await digests.load(waiting.id)
    assert await digests.load(young.id)
    assert await seals.is_sent("young", office="14")
