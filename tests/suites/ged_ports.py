"""What the mover's ports promise; each suite runs on the fake and on the real server."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contracts.events import Announced, Archived
from ged_mover.errors import CopyMissing, StagingMissing
from ged_mover.handlers import transfer_failed
from ged_mover.journal import archival
from ged_mover.model import TOLD_AFTER, Copy, Lock, Record
from ged_mover.ports import Ged, Records, Spooled, Staging

from tests.suites.ged_events import Story

# The database keeps milliseconds.
NOW = datetime.now(UTC).replace(microsecond=0)


def spooled(content: bytes) -> Spooled:
    return Spooled(io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())


class StagingBehaviour(ABC):
    """Staging."""

    @abstractmethod
    async def put(self, document: str, content: bytes) -> None:
        """What intake does."""

    async def test_bytes_come_whole_with_their_hash(self, staging: Staging) -> None:
        story = Story(content=b"\x00\xff" * 5_000_000)
        await self.put(story.document, story.content)
        async with staging.spooled(story.document, size=len(story.content)) as content:
            assert (content.size, content.sha256) == (len(story.content), story.sha256)
            assert content.body.read() == story.content

    async def test_more_bytes_than_announced_are_not_read_to_their_end(self, staging: Staging) -> None:
        story = Story(content=bytes(3_000_000))
        await self.put(story.document, story.content)
        async with staging.spooled(story.document, size=1000) as content:
            assert 1000 < content.size < 1_000_000

    async def test_a_document_that_is_not_there_is_missing(self, staging: Staging) -> None:
        with pytest.raises(StagingMissing):
            async with staging.spooled(Story().document, size=1):
                pass

    async def test_an_erased_document_is_gone_and_its_neighbour_stays(self, staging: Staging) -> None:
        story, neighbour = Story(), Story()
        longer = f"{story.document}-more"
        for key in (story.document, neighbour.document, longer):
            await self.put(key, story.content)
        await staging.erase(story.document)
        await staging.erase(story.document)
        with pytest.raises(StagingMissing):
            async with staging.spooled(story.document, size=1):
                pass
        for kept in (neighbour.document, longer):
            async with staging.spooled(kept, size=len(story.content)) as content:
                assert content.sha256 == story.sha256


class GedBehaviour:
    """The secure store."""

    async def test_a_stored_document_is_found_as_it_was_stored(self, ged: Ged) -> None:
        story = Story()
        copy = await self.stored(ged, story)
        found = await ged.find(story.key)
        assert found
        assert (found.key, found.version_id, found.sha256) == (story.key, copy.version_id, story.sha256)

    async def test_nothing_is_found_where_nothing_was_stored(self, ged: Ged) -> None:
        assert await ged.find(Story().key) is None

    async def test_a_second_write_at_a_key_is_refused(self, ged: Ged) -> None:
        story = Story()
        await self.stored(ged, story)
        assert await self.store(ged, story.key, b"other") is None
        found = await ged.find(story.key)
        assert found
        assert found.sha256 == story.sha256

    async def test_an_erased_key_is_empty_and_can_be_written_again(self, ged: Ged) -> None:
        story = Story()
        first = await self.stored(ged, story)
        await ged.erase(story.key)
        await ged.erase(story.key)
        assert await ged.find(story.key) is None
        assert (await self.stored(ged, story)).version_id != first.version_id

    async def test_a_version_has_no_lock_until_it_gets_one(self, ged: Ged) -> None:
        copy = await self.stored(ged, Story())
        assert await ged.lock(copy.key, copy.version_id) is None

    async def test_a_version_that_is_not_there_cannot_be_locked(self, ged: Ged) -> None:
        copy = await self.stored(ged, Story())
        await ged.erase(copy.key)
        with pytest.raises(CopyMissing):
            await ged.set_lock(
                copy.key, copy.version_id, until=datetime.now(UTC) + timedelta(days=1), mode="GOVERNANCE"
            )

    async def stored(self, ged: Ged, story: Story) -> Copy:
        copy = await self.store(ged, story.key, story.content)
        assert copy
        return copy

    async def store(self, ged: Ged, key: str, content: bytes) -> Copy | None:
        return await ged.store(
            key, spooled(content), content_type="application/pdf", metadata={"space": "deposits"}, now=NOW
        )


class RecordsBehaviour(ABC):
    """The records."""

    @abstractmethod
    async def owed(self, document: str) -> list[str]:
        """The ids of the events that a document's record owes."""

    async def test_a_record_is_begun_once(self, records: Records) -> None:
        story = Story()
        first = await records.begin(story.deposited.data, now=NOW)
        again = await records.begin(story.deposited.data, now=NOW + timedelta(hours=1))
        assert first == again == await records.find(story.document)
        assert isinstance(first.announced, Announced)
        assert (first.attempt, first.trying_since, first.space) == (1, NOW, "deposits")

    async def test_archiving_closes_the_move_and_keeps_the_first_time(self, records: Records) -> None:
        story = await self.begun(records)
        await records.note_trouble(story.document, "store_unavailable")
        first = await self.archive(records, story, "v1")
        again = await self.archive(records, story, "v1", at=NOW + timedelta(hours=1))
        assert first == again
        assert again.archived == copy_of(story, "v1", NOW)
        assert (again.announced, again.code, again.trying_since) == (None, None, None)

    async def test_another_version_replaces_the_one_noted(self, records: Records) -> None:
        story = await self.begun(records)
        await self.archive(records, story, "v1")
        later = await self.archive(records, story, "v2", at=NOW + timedelta(hours=1))
        assert later.archived == copy_of(story, "v2", NOW + timedelta(hours=1))

    async def test_the_first_archiving_owes_its_entry_in_the_same_write(self, records: Records) -> None:
        story = await self.begun(records)
        for version in ("v1", "v1", "v2"):
            await self.archive(records, story, version)
        assert await self.owed(story.document) == [entry(story).id]

    async def test_a_tombstone_lets_nothing_be_archived_or_given_up(self, records: Records) -> None:
        story = await self.begun(records)
        await records.withdraw(story.withdrawn.data, now=NOW)
        archived = await self.archive(records, story, "v1")
        given_up = await self.give_up(records, archived)
        assert archived == given_up
        assert (given_up.withdrawn_at, given_up.archived, given_up.given_up_at) == (NOW, None, None)
        assert await self.owed(story.document) == []

    async def test_a_withdrawal_makes_the_record_it_marks(self, records: Records) -> None:
        story = Story()
        await records.withdraw(story.withdrawn.data, now=NOW)
        await records.withdraw(story.withdrawn.data, now=NOW + timedelta(hours=1))
        record = await records.begin(story.deposited.data, now=NOW)
        assert (record.office, record.client, record.space) == ("14", "earl-du-chene", "deposits")
        assert (record.withdrawn_at, record.announced, record.attempt) == (NOW, None, 1)

    async def test_the_first_erasure_is_the_one_remembered(self, records: Records) -> None:
        story = await self.begun(records)
        await records.note_erased(story.document, now=NOW)
        assert (await records.note_erased(story.document, now=NOW + timedelta(hours=1))).erased_at == NOW

    async def test_giving_up_owes_its_event_in_the_same_write(self, records: Records) -> None:
        story = await self.begun(records)
        record = await records.find(story.document)
        assert record
        given_up = await self.give_up(records, record)
        assert (given_up.given_up_at, given_up.code) == (NOW, "hash_differs")
        assert await self.owed(story.document) == [failure(record).id]

    async def test_reopening_is_a_new_attempt_and_only_of_what_was_given_up(self, records: Records) -> None:
        story = await self.begun(records)
        record = await records.reopen(story.document, now=NOW)
        assert record
        assert record.attempt == 1
        await self.give_up(records, record)
        later = NOW + timedelta(hours=1)
        again = await records.reopen(story.document, now=later)
        assert again
        assert (again.attempt, again.trying_since, again.given_up_at, again.code) == (2, later, None, None)
        assert again.announced == record.announced

    async def test_nothing_is_reopened_where_there_is_no_record(self, records: Records) -> None:
        assert await records.reopen(Story().document, now=NOW) is None

    async def test_an_overdue_move_is_told_once(self, records: Records) -> None:
        story = await self.begun(records, now=NOW - TOLD_AFTER)
        await records.note_trouble(story.document, "store_unavailable")
        (record,) = [each for each in await records.overdue(now=NOW, limit=1000) if each.document == story.document]
        assert record.code == "store_unavailable"
        for _ in range(2):
            await records.tell_trouble(story.document, owing=failure(record))
        assert await self.owed(story.document) == [failure(record).id]
        assert story.document not in await self.overdue(records)

    async def test_a_closed_move_is_never_overdue(self, records: Records) -> None:
        archived, withdrawn, given_up = [await self.begun(records, now=NOW - TOLD_AFTER) for _ in range(3)]
        fresh = await self.begun(records)
        await self.archive(records, archived, "v1")
        await records.withdraw(withdrawn.withdrawn.data, now=NOW)
        record = await records.find(given_up.document)
        assert record
        await self.give_up(records, record)
        assert not {each.document for each in (archived, withdrawn, given_up, fresh)} & await self.overdue(records)

    async def test_the_oldest_open_move_is_dated_given_up_or_not(self, records: Records) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        story, other = await self.begun(records, now=long_ago), await self.begun(records, now=long_ago)
        assert await records.oldest_open() == long_ago
        await records.withdraw(other.withdrawn.data, now=NOW)
        record = await records.find(story.document)
        assert record
        await self.give_up(records, record)
        assert await records.oldest_open() == long_ago
        await records.reopen(story.document, now=NOW)
        await self.archive(records, story, "v1")
        assert await records.oldest_open() != long_ago

    async def test_a_lock_is_remembered(self, records: Records) -> None:
        story = await self.begun(records)
        lock = Lock(NOW + timedelta(days=4000), "GOVERNANCE")
        await records.note_lock(story.document, lock)
        record = await records.find(story.document)
        assert record
        assert record.lock == lock

    async def begun(self, records: Records, *, now: datetime = NOW) -> Story:
        story = Story()
        await records.begin(story.deposited.data, now=now)
        return story

    async def archive(self, records: Records, story: Story, version: str, *, at: datetime = NOW) -> Record:
        return await records.note_archived(story.document, copy_of(story, version, at), owing=[entry(story)])

    async def give_up(self, records: Records, record: Record) -> Record:
        return await records.give_up(record.document, code="hash_differs", now=NOW, owing=failure(record))

    async def overdue(self, records: Records) -> set[str]:
        return {record.document for record in await records.overdue(now=NOW, limit=1000)}


def copy_of(story: Story, version: str, at: datetime) -> Copy:
    return Copy("ged", story.key, version, story.sha256, at)


def entry(story: Story) -> Any:
    about = {"document": story.document, "office": "14", "client": "earl-du-chene", "space": "deposits"}
    return archival(Archived.model_validate({**about, **asdict(copy_of(story, "v1", NOW))}))


def failure(record: Record) -> Any:
    return transfer_failed(record, code="hash_differs", retrying=False, now=NOW)
