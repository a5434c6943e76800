"""Intake's records in a real MongoDB."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from chassis.mongo import Database, MongoOwedStore, connected
from pymongo.errors import DuplicateKeyError
from upload import model
from upload.errors import Refused
from upload.mongo import COLLECTION, MongoUploads, overdue

from tests.suites.moved_uploads import MovedUploadsBehaviour
from tests.suites.owed import published_before
from tests.suites.uploads import UploadsBehaviour, an_event, an_upload, owner
from tests.support.eventually import eventually
from tests.support.forgetting import forget_soon
from tests.support.running import RunningStack


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("upload")
    async with connected(env["UPLOAD_MONGO_URL"], env["UPLOAD_MONGO_DATABASE"]) as database:
        yield database


@pytest.fixture
async def uploads(database: Database) -> AsyncIterator[MongoUploads]:
    records = MongoUploads(database)
    await records.prepare()
    yield records
    await database[COLLECTION].delete_many({})


class TestMongoUploads(UploadsBehaviour, MovedUploadsBehaviour):
    pass


async def test_an_id_that_is_taken_is_not_answered_with_another_upload(uploads: MongoUploads) -> None:
    await uploads.add(an_upload())
    # What is left of a record that was purged before its document was sent back.
    purged = an_upload()
    await uploads.mark_returned(
        purged.id, office=purged.office, client=purged.client.id, folder=purged.folder, space=purged.space
    )
    with pytest.raises(DuplicateKeyError):
        await uploads.add(purged)


async def test_state_and_owed_event_are_one_write_and_the_settlement_removes_the_event(
    uploads: MongoUploads, database: Database
) -> None:
    upload = await uploads.add(an_upload())
    claimed = await uploads.claim(upload.id, by=owner(upload), offset=0)
    assert claimed is not None
    event = an_event(upload.id)
    await uploads.save(claimed.model_copy(update={"state": "owed"}), owing=[event], release=True)
    store = MongoOwedStore(database[COLLECTION])
    assert [each.id for each in await store.due(published_before(datetime.now(UTC)), limit=10)] == [event.id]
    await uploads.settle(upload.id)
    assert await store.due(published_before(datetime.now(UTC) + timedelta(hours=1)), limit=10) == []


async def test_a_lease_without_a_beat_for_five_seconds_is_free(uploads: MongoUploads, database: Database) -> None:
    upload = await uploads.add(an_upload())
    await uploads.claim(upload.id, by=owner(upload), offset=0)
    for age, free in ((4.0, False), (5.5, True)):
        beat = datetime.now(UTC) - timedelta(seconds=age)
        await database[COLLECTION].update_one({"_id": upload.id}, {"$set": {"lease.beat": beat}})
        claimed = await uploads.claim(upload.id, by=owner(upload), offset=0)
        assert claimed is not None
        assert claimed.is_held is free


async def test_the_sweepers_question_and_the_creation_key_are_answered_by_an_index(
    uploads: MongoUploads, database: Database
) -> None:
    await uploads.add(an_upload(creation=uuid.uuid4().hex))
    for question in (overdue(datetime.now(UTC)), {"creation": "x"}, {"deposit.id": "x"}):
        plan = await database[COLLECTION].find(question).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


async def test_the_database_forgets_a_record_by_itself_once_its_time_is_over(
    servers: RunningStack, uploads: MongoUploads
) -> None:
    refusal = Refused("encrypted", "Ce PDF est protégé par un mot de passe.")
    past, present = datetime.now(UTC) - model.KEPT_AFTER_REFUSAL, datetime.now(UTC)
    gone, kept = [await uploads.add(model.refused(an_upload(), refusal, now=now)) for now in (past, present)]
    await forget_soon(servers)

    async def is_gone() -> bool:
        return await uploads.get(gone.id) is None

    await eventually(is_gone, within=75)
    assert await uploads.get(kept.id) is not None
