"""The mover's adapters keep the promises of its ports, with the rights that the service has and no others."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chassis.errors import Unavailable
from chassis.mongo import Database, MongoOwedStore, connected
from chassis.s3 import S3
from contracts.envelope import decode
from ged_mover.errors import ChecksumDisputed, ErasureRefused
from ged_mover.facts import metadata_of
from ged_mover.model import Lock, Mode
from ged_mover.mongo import COLLECTION, MongoRecords
from ged_mover.ports import Ged, Records, Staging
from ged_mover.s3 import S3Ged, S3Staging
from ged_mover.settings import GedMoverSettings
from pydantic import SecretStr

from tests.suites.fake_ged import FakeGed, FakeRecords, FakeStaging
from tests.suites.ged_events import Story
from tests.suites.ged_ports import NOW, GedBehaviour, RecordsBehaviour, StagingBehaviour, spooled
from tests.suites.owed import published_before
from tests.support.full_disk import no_file_over
from tests.support.running import RunningStack
from tests.support.store import Store


@pytest.fixture
def settings(servers: RunningStack, monkeypatch: pytest.MonkeyPatch) -> GedMoverSettings:
    for name, value in servers.env("ged-mover").items():
        monkeypatch.setenv(name, value)
    return GedMoverSettings()


@pytest.fixture
async def ged_bucket(settings: GedMoverSettings) -> AsyncIterator[S3]:
    async with S3(settings.ged) as bucket:
        yield bucket


@pytest.fixture
async def operator(servers: RunningStack, settings: GedMoverSettings) -> AsyncIterator[S3]:
    """The GED with the operator's keys."""
    keys = servers.endpoints["s3"]
    async with S3(
        settings.ged.model_copy(update={"access_key": keys["access_key"], "secret_key": SecretStr(keys["secret_key"])})
    ) as bucket:
        yield bucket


class TestFakeStaging(StagingBehaviour):
    @pytest.fixture
    def staging(self) -> Staging:
        self._fake = FakeStaging()
        return self._fake

    async def put(self, document: str, content: bytes) -> None:
        self._fake.objects[document] = content


class TestStagingOnS3(StagingBehaviour):
    @pytest.fixture
    async def staging(self, settings: GedMoverSettings) -> AsyncIterator[Staging]:
        async with S3(settings.staging) as self._bucket:
            yield S3Staging(self._bucket, scratch=None)

    async def put(self, document: str, content: bytes) -> None:
        await self._bucket.call("put_object", Key=document, Body=content)

    async def test_a_full_scratch_disk_is_everybodys_trouble(self, staging: Staging) -> None:
        story = Story(content=bytes(20_000_000))
        await self.put(story.document, story.content)
        with no_file_over(12_000_000), pytest.raises(Unavailable) as full:
            async with staging.spooled(story.document, size=len(story.content)):
                pass
        assert full.value.code == "scratch_full"
        async with staging.spooled(story.document, size=len(story.content)) as content:
            assert content.sha256 == story.sha256


class TestFakeGed(GedBehaviour):
    @pytest.fixture
    def ged(self) -> Ged:
        return FakeGed()


class TestGedOnS3(GedBehaviour):
    @pytest.fixture
    def ged(self, ged_bucket: S3) -> Ged:
        return S3Ged(ged_bucket)

    async def test_a_stored_document_is_encrypted_and_carries_its_facts(self, ged: Ged, operator: S3) -> None:
        story = Story()
        facts = metadata_of(story.deposited.data)
        await ged.store(story.key, spooled(story.content), content_type="application/pdf", metadata=facts, now=NOW)
        head = await operator.call("head_object", Key=story.key)
        assert head["ServerSideEncryption"] == "AES256"
        assert head["ContentType"] == "application/pdf"
        assert head["Metadata"] == facts

    async def test_bytes_that_do_not_fit_their_checksum_are_not_stored(self, ged: Ged) -> None:
        story = Story()
        disputed = replace(spooled(story.content), sha256=hashlib.sha256(b"other").hexdigest())
        with pytest.raises(ChecksumDisputed):
            await ged.store(story.key, disputed, content_type="application/pdf", metadata={}, now=NOW)
        assert await ged.find(story.key) is None

    async def test_an_object_stored_without_a_checksum_is_read_for_it(self, ged: Ged, operator: S3) -> None:
        story = Story()
        await operator.call("put_object", Key=story.key, Body=story.content)
        found = await ged.find(story.key)
        assert found
        assert found.sha256 == story.sha256

    async def test_erasure_leaves_no_version_and_no_delete_marker(self, ged: Ged, ged_bucket: S3, operator: S3) -> None:
        story, neighbour = Story(), f"{Story().key}"
        longer = f"{story.key}-more"
        for key in (neighbour, longer, story.key):
            await operator.call("put_object", Key=key, Body=b"kept")
        await ged_bucket.call("delete_object", Key=story.key)
        await operator.call("put_object", Key=story.key, Body=b"again")
        await ged_bucket.call("delete_object", Key=story.key)
        await ged.erase(story.key)
        left = await operator.call("list_object_versions", Prefix=story.key)
        assert [each["Key"] for each in (*left.get("Versions", ()), *left.get("DeleteMarkers", ()))] == [longer]
        assert await ged.find(neighbour)

    async def test_more_versions_than_a_page_holds_are_all_erased(self, ged: Ged, operator: S3) -> None:
        story = Story()
        for number in range(5):
            await operator.call("put_object", Key=story.key, Body=b"%d" % number)
        await S3Ged(_Paged(operator)).erase(story.key)
        left = await operator.call("list_object_versions", Prefix=story.key)
        assert not left.get("Versions")
        assert await ged.find(story.key) is None

    async def test_a_lock_is_read_back_and_neither_shortened_nor_broken(self, ged: Ged, ged_bucket: S3) -> None:
        copy = await self.stored(ged, Story())
        until = datetime(2037, 12, 31, 23, 59, 59, tzinfo=UTC)
        await ged.set_lock(copy.key, copy.version_id, until=until, mode="GOVERNANCE")
        lock = await ged.lock(copy.key, copy.version_id)
        assert lock
        assert (lock.until, lock.mode) == (until, "GOVERNANCE")
        with pytest.raises(Unavailable, match="store_refuses_keys"):
            await ged.set_lock(copy.key, copy.version_id, until=until - timedelta(days=1), mode="GOVERNANCE")
        with pytest.raises(ErasureRefused):
            await ged.erase(copy.key)
        with pytest.raises(ClientError, match="AccessDenied"):
            await ged_bucket.call(
                "delete_object", Key=copy.key, VersionId=copy.version_id, BypassGovernanceRetention=True
            )
        assert await ged.find(copy.key)

    async def test_a_compliance_lock_is_broken_by_nobody(self, ged: Ged, operator: S3) -> None:
        copy = await self.stored(ged, Story())
        until = datetime.now(UTC) + timedelta(days=1)
        await ged.set_lock(copy.key, copy.version_id, until=until, mode="COMPLIANCE")
        lock = await ged.lock(copy.key, copy.version_id)
        assert lock
        assert lock.mode == "COMPLIANCE"
        with pytest.raises(ClientError, match="AccessDenied"):
            await operator.call(
                "delete_object", Key=copy.key, VersionId=copy.version_id, BypassGovernanceRetention=True
            )

    @pytest.mark.parametrize(("there", "other"), [("GOVERNANCE", "COMPLIANCE"), ("COMPLIANCE", "GOVERNANCE")])
    async def test_a_lock_is_prolonged_in_its_own_mode_alone(self, ged: Ged, there: Mode, other: Mode) -> None:
        copy = await self.stored(ged, Story())
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        later = until + timedelta(days=1)
        await ged.set_lock(copy.key, copy.version_id, until=until, mode=there)
        # Another mode, also the stricter, is for those who may bypass a lock: the mover's keys must not.
        with pytest.raises(Unavailable, match="store_refuses_keys"):
            await ged.set_lock(copy.key, copy.version_id, until=later, mode=other)
        await ged.set_lock(copy.key, copy.version_id, until=later, mode=there)
        assert await ged.lock(copy.key, copy.version_id) == Lock(later, there)

    async def test_refused_keys_are_everybodys_trouble(self, settings: GedMoverSettings) -> None:
        wrong = settings.ged.model_copy(update={"secret_key": SecretStr("wrong")})
        async with S3(wrong) as bucket:
            with pytest.raises(Unavailable):
                await S3Ged(bucket).find(Story().key)

    async def test_a_bucket_that_is_not_there_is_everybodys_trouble(self, settings: GedMoverSettings) -> None:
        async with S3(settings.staging.model_copy(update={"bucket": "nowhere"})) as bucket:
            with pytest.raises(Unavailable):
                async with S3Staging(bucket, scratch=None).spooled(Story().document, size=1):
                    pass


class _Paged(S3):
    """The store, listing two versions at a time."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self.bucket = s3.bucket

    async def call(self, operation: str, **parameters: Any) -> Any:
        if operation == "list_object_versions":
            parameters["MaxKeys"] = 2
        return await self._s3.call(operation, **parameters)


class TestFakeRecords(RecordsBehaviour):
    @pytest.fixture
    def records(self) -> Records:
        self._fake = FakeRecords()
        return self._fake

    async def owed(self, document: str) -> list[str]:
        return [event.id for event in self._fake.owed if decode(event.encode()).subject == document]


class TestRecordsInMongo(RecordsBehaviour):
    @pytest.fixture
    async def records(self, settings: GedMoverSettings) -> AsyncIterator[Records]:
        async with connected(settings.mongo_url.get_secret_value(), settings.mongo_database) as self._database:
            records = MongoRecords(self._database)
            await records.prepare()
            yield records

    _database: Database

    async def owed(self, document: str) -> list[str]:
        due = await MongoOwedStore(self._database[COLLECTION]).due(published_before(datetime.now(UTC)), limit=10_000)
        return [event.id for event in due if event.record == document]


async def test_the_movers_staging_keys_open_no_other_bucket(settings: GedMoverSettings, servers: RunningStack) -> None:
    elsewhere = settings.staging.model_copy(update={"bucket": settings.ged.bucket})
    async with S3(elsewhere) as bucket:
        with pytest.raises(ClientError, match="AccessDenied"):
            await bucket.call("put_object", Key="14/earl/intruder", Body=b"x")
    store = Store(servers.endpoints["s3"])
    assert "14/earl/intruder" not in await store.versions("14/earl/")
    store.close()


async def test_the_movers_ged_keys_open_no_other_bucket(settings: GedMoverSettings) -> None:
    elsewhere = settings.ged.model_copy(update={"bucket": settings.staging.bucket})
    async with S3(elsewhere) as bucket:
        with pytest.raises(ClientError, match="AccessDenied"):
            await bucket.call("put_object", Key="intruder", Body=b"x")
