"""Moves, erasures and retention, in every order that the bus may bring them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from chassis.bus import Outgoing
from chassis.errors import Later, Rejected, Unavailable
from contracts.audit import archive_evidence
from contracts.values import Location
from ged_mover.errors import ErasureRefused
from ged_mover.handlers import Events, Places, clear_staging, erase_document, move_document, retain_document, retry_move
from ged_mover.model import Copy, Lock, Mode, Record
from ged_mover.overdue import OverdueMoves

from tests.suites.fake_ged import FakeGed, FakeRecords, FakeStaging
from tests.suites.ged_events import Story

LOCKED_UNTIL = datetime(2037, 12, 31, 23, 59, 59, tzinfo=UTC)


class World:
    """One document on its way, between a staging, a GED and records in memory."""

    def __init__(self) -> None:
        self.story = Story()
        self.staging, self.ged, self.records = FakeStaging(), FakeGed(), FakeRecords()
        self.staging.objects[self.story.document] = self.story.content
        self.places = Places(self.records, self.staging, self.ged)

    async def deposited(self) -> Events:
        return await move_document(self.story.deposited, places=self.places)

    async def withdrawn(self) -> Events:
        return await erase_document(self.story.withdrawn, places=self.places)

    async def taken(self) -> Events:
        return await retain_document(self.story.taken(), places=self.places, mode="GOVERNANCE")

    async def woken(self) -> Events:
        return await retry_move(self.story.document, places=self.places)

    async def time_passes(self, amount: timedelta) -> None:
        """Everything that was noted was noted so much earlier."""
        record = self.records.records[self.story.document]
        earlier = {
            field: at - amount
            for field in ("trying_since", "given_up_at")
            if (at := getattr(record, field)) is not None
        }
        self.records.records[self.story.document] = replace(record, **earlier)
        self.records.tell_at = {document: at - amount for document, at in self.records.tell_at.items()}

    @property
    def nowhere(self) -> bool:
        return not self.staging.objects and not self.ged.versions

    def told(self) -> list[tuple[str, bool, int]]:
        """The failures that records owe: code, retrying, attempt."""
        data = [event.data for event in self.records.owed if event.name == "transfer_failed"]  # type: ignore[attr-defined]
        return [(each.code, each.retrying, each.attempt) for each in data]


@pytest.fixture
def world() -> World:
    return World()


def names(events: Events) -> list[str]:
    return [event.name for event in events]


async def test_a_deposited_document_is_archived_under_its_ids(world: World) -> None:
    (archived,) = await world.deposited()
    assert archived.name == "archived"
    assert archived.data.key == world.story.key
    assert archived.data.sha256 == world.story.sha256
    assert archived.data.version_id == world.ged.versions[world.story.key][-1].version_id
    assert archived.data.space == "deposits"


async def test_a_published_document_is_archived_too(world: World) -> None:
    (archived,) = await move_document(world.story.published, places=world.places)
    assert (archived.name, archived.data.space) == ("archived", "published")


async def test_staging_is_kept_until_archived_is_stored(world: World) -> None:
    (archived,) = await world.deposited()
    assert world.staging.objects
    (entry,) = await clear_staging(archived, places=world.places)
    assert not world.staging.objects
    assert (entry.topic, entry.data.version) == ("connect.v1.audit.archived.14", archived.data.version_id)
    assert entry.data.evidence == archive_evidence(
        world.story.document,
        Location(bucket="ged", key=world.story.key),
        version=archived.data.version_id,
        sha256=world.story.sha256,
    )
    assert [again.id for again in await clear_staging(archived, places=world.places)] == [entry.id]


async def test_the_entry_that_the_cleanup_tells_is_owed_once_by_the_write_that_notes_the_copy(world: World) -> None:
    (archived,) = await world.deposited()
    (owed,) = world.records.owed
    (entry,) = await clear_staging(archived, places=world.places)
    assert (owed.id, owed.topic, owed.encode()) == (entry.id, entry.topic, entry.encode())
    await world.deposited()
    assert world.records.owed == [owed]


async def test_a_redelivered_deposit_says_archived_again_with_the_same_id_and_data(world: World) -> None:
    (first,) = await world.deposited()
    await clear_staging(first, places=world.places)
    (again,) = await world.deposited()
    assert (again.id, again.time, again.data) == (first.id, first.time, first.data)
    assert world.ged.writes == 1


async def test_a_copy_written_before_a_crash_is_found_and_announced(world: World) -> None:
    await world.deposited()
    world.records.records.clear()
    (archived,) = await world.deposited()
    assert archived.data.version_id == world.ged.versions[world.story.key][-1].version_id
    assert world.ged.writes == 1


async def test_two_replicas_at_once_leave_one_version(world: World) -> None:
    async def other_replica() -> None:
        world.ged.before_store = world.staging.before_read  # only the first write is overtaken
        await world.deposited()

    world.ged.before_store = other_replica
    (archived,) = await world.deposited()
    assert len(world.ged.versions[world.story.key]) == world.ged.writes == 1
    assert archived.data.version_id == world.ged.versions[world.story.key][0].version_id


async def test_staging_cleared_by_another_replica_meanwhile_is_no_failure(world: World) -> None:
    async def other_replica() -> None:
        world.staging.before_read = world.ged.before_store
        (archived,) = await world.deposited()
        await clear_staging(archived, places=world.places)

    world.staging.before_read = other_replica
    assert names(await world.deposited()) == ["archived"]
    assert world.told() == []


@pytest.mark.parametrize("content", [b"%PDF-1.7 une autre..", b"%PDF-1.7 une facture et plus", b"%PDF"])
async def test_changed_bytes_are_given_up_and_kept(world: World, content: bytes) -> None:
    world.staging.objects[world.story.document] = content
    with pytest.raises(Rejected) as refusal:
        await world.deposited()
    assert refusal.value.code == "hash_differs"
    assert world.told() == [("hash_differs", False, 1)]
    assert not world.ged.versions
    assert world.staging.objects


async def test_a_document_that_is_nowhere_is_given_up(world: World) -> None:
    world.staging.objects.clear()
    with pytest.raises(Rejected) as refusal:
        await world.deposited()
    assert refusal.value.code == "staging_missing"
    assert world.told() == [("staging_missing", False, 1)]


async def test_other_content_at_the_key_is_never_overwritten(world: World) -> None:
    other = Copy("ged", world.story.key, "v0", "0" * 64, datetime.now(UTC))
    world.ged.versions[world.story.key] = [other]
    with pytest.raises(Rejected) as refusal:
        await world.deposited()
    assert refusal.value.code == "ged_holds_other_content"
    assert world.ged.versions[world.story.key] == [other]
    assert world.staging.objects


async def test_the_broker_bringing_a_given_up_deposit_again_ends_in_the_dead_letters(world: World) -> None:
    world.staging.objects.clear()
    for _ in range(2):
        with pytest.raises(Rejected, match="staging"):
            await world.deposited()
    assert len(world.told()) == 1


async def test_intake_repeating_a_given_up_deposit_hears_the_failure_again(world: World) -> None:
    world.staging.objects.clear()
    with pytest.raises(Rejected):
        await world.deposited()
    await world.time_passes(timedelta(minutes=10))
    (again,) = await world.deposited()
    assert again.id == world.records.owed[0].id
    assert (again.name, again.data.retrying) == ("transfer_failed", False)


async def test_a_wake_up_takes_a_given_up_move_up_again(world: World) -> None:
    content = world.staging.objects.pop(world.story.document)
    with pytest.raises(Rejected):
        await world.deposited()
    with pytest.raises(Rejected):
        await world.woken()
    assert world.told() == [("staging_missing", False, 1), ("staging_missing", False, 2)]
    assert len({event.id for event in world.records.owed}) == 2
    world.staging.objects[world.story.document] = content
    assert names(await world.woken()) == ["archived"]


async def test_a_wake_up_tries_a_waiting_move_now(world: World) -> None:
    world.staging.down = True
    with pytest.raises(Unavailable):
        await world.deposited()
    world.staging.down = False
    (archived,) = await world.woken()
    assert (archived.name, world.records.records[world.story.document].attempt) == ("archived", 1)


async def test_a_wake_up_for_what_is_done_or_unknown_changes_nothing(world: World) -> None:
    assert await world.woken() == []
    (archived,) = await world.deposited()
    assert [event.id for event in await world.woken()] == [archived.id]
    assert world.ged.writes == 1


async def test_a_wake_up_cut_off_after_its_write_leaves_no_copy_of_what_was_withdrawn(world: World) -> None:
    async def withdraw() -> None:
        await world.withdrawn()
        world.records.note_archived = cut_off  # type: ignore[method-assign]

    async def cut_off(document: str, copy: Copy, *, owing: Sequence[Outgoing]) -> Record:
        raise Unavailable("database_unavailable")

    content = world.staging.objects.pop(world.story.document)
    with pytest.raises(Rejected):
        await world.deposited()
    world.staging.objects[world.story.document] = content
    world.ged.before_store = withdraw
    with pytest.raises(Unavailable):
        await world.woken()
    assert world.ged.versions
    assert names(await world.woken()) == ["erased"]
    assert world.nowhere


async def test_one_unreadable_document_is_put_off_and_holds_nobody_back(world: World) -> None:
    world.staging.unreadable = True
    with pytest.raises(Later) as later:
        await world.deposited()
    assert later.value.code == world.records.records[world.story.document].code == "store_unavailable"


async def test_a_store_that_is_down_is_everybodys_trouble(world: World) -> None:
    world.staging.down = True
    with pytest.raises(Unavailable):
        await world.deposited()


async def test_a_move_in_trouble_is_told_once_after_five_minutes(world: World) -> None:
    overdue = OverdueMoves(world.records)
    world.staging.down = True
    with pytest.raises(Unavailable):
        await world.deposited()
    await world.time_passes(timedelta(minutes=4))
    await overdue.sweep()
    assert world.told() == []
    await world.time_passes(timedelta(minutes=2))
    await overdue.sweep()
    await overdue.sweep()
    assert world.told() == [("store_unavailable", True, 1)]


async def test_a_move_that_got_through_is_told_by_nobody(world: World) -> None:
    await world.deposited()
    await world.time_passes(timedelta(minutes=6))
    assert await OverdueMoves(world.records).sweep() == 0


async def test_a_withdrawn_document_is_erased_from_both_stores(world: World) -> None:
    await world.deposited()
    (erased,) = await world.withdrawn()
    assert erased.name == "erased"
    assert world.nowhere


async def test_a_redelivered_withdrawal_says_erased_again_with_the_same_id_and_data(world: World) -> None:
    await world.deposited()
    (first,), (again,) = await world.withdrawn(), await world.withdrawn()
    assert (again.id, again.time, again.data) == (first.id, first.time, first.data)


async def test_a_deposit_that_comes_after_its_withdrawal_is_erased_not_moved(world: World) -> None:
    await world.withdrawn()
    world.staging.objects[world.story.document] = world.story.content
    assert names(await world.deposited()) == ["erased"]
    assert world.nowhere
    assert world.ged.writes == 0


async def test_a_withdrawal_during_the_move_erases_what_the_move_wrote(world: World) -> None:
    async def withdraw() -> None:
        await world.withdrawn()

    world.ged.before_store = withdraw
    assert names(await world.deposited()) == ["erased"]
    assert world.ged.writes == 1
    assert world.nowhere


async def test_a_withdrawal_before_the_read_is_no_failed_move(world: World) -> None:
    async def withdraw() -> None:
        await world.withdrawn()

    world.staging.before_read = withdraw
    assert names(await world.deposited()) == ["erased"]
    assert world.told() == []


async def test_the_tombstone_stands_before_anything_is_erased(world: World) -> None:
    await world.deposited()
    world.staging.down = True
    with pytest.raises(Unavailable):
        await world.withdrawn()
    assert world.records.records[world.story.document].withdrawn_at
    world.staging.down = False
    assert names(await world.deposited()) == ["erased"]


async def test_an_erased_document_leaves_no_personal_data_in_its_record(world: World) -> None:
    world.staging.down = True
    with pytest.raises(Unavailable):
        await world.deposited()
    world.staging.down = False
    await world.withdrawn()
    assert world.records.records[world.story.document].announced is None


async def test_a_locked_copy_is_not_said_to_be_erased(world: World) -> None:
    await world.deposited()
    await world.taken()
    with pytest.raises(ErasureRefused):
        await world.withdrawn()
    assert world.records.records[world.story.document].erased_at is None


async def test_a_document_taken_in_charge_is_locked_for_eleven_years(world: World) -> None:
    await world.deposited()
    (retained,) = await world.taken()
    assert (retained.data.until, retained.data.mode) == (LOCKED_UNTIL, "GOVERNANCE")
    (version,) = world.ged.versions[world.story.key]
    assert world.ged.locks[version.version_id] == Lock(LOCKED_UNTIL, "GOVERNANCE")


async def test_compliance_is_set_where_it_is_configured(world: World) -> None:
    await world.deposited()
    (retained,) = await retain_document(world.story.taken(), places=world.places, mode="COMPLIANCE")
    assert retained.data.mode == "COMPLIANCE"


async def test_a_document_taken_before_it_is_archived_is_put_off(world: World) -> None:
    with pytest.raises(Later) as later:
        await world.taken()
    assert 0 < later.value.delay <= 30
    await world.deposited()
    assert names(await world.taken()) == ["retained"]


async def test_a_lock_is_never_shortened(world: World) -> None:
    await world.deposited()
    (version,) = world.ged.versions[world.story.key]
    longer = Lock(LOCKED_UNTIL + timedelta(days=400), "GOVERNANCE")
    world.ged.locks[version.version_id] = longer
    (retained,) = await world.taken()
    assert retained.data.until == longer.until
    assert world.ged.locks[version.version_id] == longer


@pytest.mark.parametrize(("there", "wanted"), [("GOVERNANCE", "COMPLIANCE"), ("COMPLIANCE", "GOVERNANCE")])
@pytest.mark.parametrize("days", [-400, 400])
async def test_a_lock_of_another_mode_is_prolonged_as_it_is_and_told_as_it_is(
    world: World, there: Mode, wanted: Mode, days: int
) -> None:
    await world.deposited()
    (version,) = world.ged.versions[world.story.key]
    world.ged.locks[version.version_id] = Lock(LOCKED_UNTIL + timedelta(days=days), there)
    with structlog.testing.capture_logs() as logs:
        (retained,) = await retain_document(world.story.taken(), places=world.places, mode=wanted)
    assert retained.data.mode == there
    assert retained.data.until == max(LOCKED_UNTIL, LOCKED_UNTIL + timedelta(days=days))
    assert [each["event"] for each in logs] == ["lock_mode_differs"]


async def test_a_redelivered_taking_says_retained_again(world: World) -> None:
    await world.deposited()
    (first,), (again,) = await world.taken(), await world.taken()
    assert (again.id, again.data) == (first.id, first.data)


async def test_a_lock_that_is_not_read_back_is_not_announced(world: World) -> None:
    await world.deposited()
    world.ged.forgets_locks = True
    with pytest.raises(Later) as later:
        await world.taken()
    assert later.value.code == "retention_not_kept"


async def test_a_copy_that_vanished_cannot_be_locked(world: World) -> None:
    await world.deposited()
    world.ged.versions.clear()
    with pytest.raises(Rejected) as refusal:
        await world.taken()
    assert refusal.value.code == "ged_copy_missing"
