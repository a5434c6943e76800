"""What intake's records promise, in whichever database."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.owed import OwedEvent
from contracts.values import ClientRef, DepositRef, Person
from upload import model
from upload.errors import LeaseLost, Refused
from upload.model import Lease, Tail, Upload
from upload.ports import Uploads
from upload.rights import Owner


def an_upload(**changes: Any) -> Upload:
    """A fresh upload of 1000 bytes; `changes` as in the model."""
    document = str(uuid.uuid4())
    now = datetime.now(UTC).replace(microsecond=0)
    facts: dict[str, Any] = {
        "id": document,
        "office": "14",
        "client": ClientRef(id="earl-du-chene", name="EARL du Chêne"),
        "depositor": Person(sub="earl-du-chene", name="EARL du Chêne"),
        "space": "deposits",
        "folder": "comptable",
        "name": "facture été.pdf",
        "length": 1000,
        "deposit": DepositRef(id=document, size=1),
        "created_at": now,
        "due": now + timedelta(days=7),
        **changes,
    }
    return Upload.model_validate(facts)


def owner(upload: Upload) -> Owner:
    """Whose an upload is."""
    return Owner(upload.depositor.sub, upload.office, frozenset({upload.client.id}))


def an_event(record: str, *, awaits_successor: bool = True) -> OwedEvent:
    """An event that a record owes."""
    now = datetime.now(UTC).replace(microsecond=0)
    return OwedEvent(record, str(uuid.uuid4()), "connect.v1.documents.x.14", b"{}", now, None, awaits_successor)


# Another person; the same one without the account, with another one, and in another office.
STRANGERS = (
    Owner("second-client", "14", frozenset({"earl-du-chene"})),
    Owner("earl-du-chene", "14", frozenset()),
    Owner("earl-du-chene", "14", frozenset({"garage-du-pont"})),
    Owner("earl-du-chene", "53", frozenset({"earl-du-chene"})),
)


class UploadsBehaviour:
    """Subclasses provide the fixture `uploads`."""

    async def _claimed(self, uploads: Uploads, upload: Upload) -> Upload:
        claimed = await uploads.claim(upload.id, by=owner(upload), offset=upload.offset)
        assert claimed is not None
        return claimed

    async def test_what_was_added_is_read_back(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload(alert=["jeanny-jerome"], metadata="filename Zg=="))
        assert await uploads.get(upload.id) == upload
        assert await uploads.get(str(uuid.uuid4())) is None

    async def test_the_same_creation_is_added_once_however_many_try_at_once(self, uploads: Uploads) -> None:
        key = uuid.uuid4().hex
        added = await asyncio.gather(*(uploads.add(an_upload(creation=key)) for _ in range(5)))
        assert len({each.id for each in added}) == 1

    async def test_uploads_without_a_creation_key_are_all_added(self, uploads: Uploads) -> None:
        first, second = await uploads.add(an_upload()), await uploads.add(an_upload())
        assert first.id != second.id

    async def test_a_claim_raises_the_epoch_and_takes_a_free_lease(self, uploads: Uploads) -> None:
        claimed = await self._claimed(uploads, await uploads.add(an_upload()))
        assert claimed.epoch == 1
        assert claimed.is_held

    async def test_a_claim_at_another_offset_or_by_another_person_changes_nothing(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload())
        assert await uploads.claim(upload.id, by=owner(upload), offset=5) is None
        for stranger in STRANGERS:
            assert await uploads.claim(upload.id, by=stranger, offset=0) is None
        found = await uploads.get(upload.id)
        assert found is not None
        assert found.epoch == 0

    async def test_a_newer_claim_makes_the_older_powerless_and_waits_for_its_release(self, uploads: Uploads) -> None:
        older = await self._claimed(uploads, await uploads.add(an_upload()))
        newer = await self._claimed(uploads, older)
        assert newer.epoch == 2
        assert not newer.is_held
        with pytest.raises(LeaseLost):
            await uploads.save(older)
        with pytest.raises(LeaseLost):
            await uploads.beat(older.id, epoch=older.epoch, busy=True)
        with pytest.raises(LeaseLost):
            await uploads.take(older.id, epoch=older.epoch)
        assert not await uploads.take(newer.id, epoch=newer.epoch)
        assert await uploads.release(older.id, epoch=older.epoch)
        assert await uploads.take(newer.id, epoch=newer.epoch)
        await uploads.beat(newer.id, epoch=newer.epoch, busy=True)

    async def test_a_release_by_who_no_longer_holds_it_changes_nothing(self, uploads: Uploads) -> None:
        older = await self._claimed(uploads, await uploads.add(an_upload()))
        await uploads.release(older.id, epoch=older.epoch)
        newer = await self._claimed(uploads, older)
        assert not await uploads.release(older.id, epoch=older.epoch)
        found = await uploads.get(newer.id)
        assert found is not None
        assert found.is_held

    async def test_an_idle_beat_does_not_renew_the_lease(self, uploads: Uploads) -> None:
        claimed = await self._claimed(uploads, await uploads.add(an_upload()))
        await uploads.beat(claimed.id, epoch=1, busy=False)
        found = await uploads.get(claimed.id)
        assert found is not None
        assert found.lease == claimed.lease

    async def test_a_lease_that_comes_with_the_creation_begins_by_the_records_clock(self, uploads: Uploads) -> None:
        # As by a replica whose clock is years behind, and by one whose is years ahead.
        for year in (2020, 2090):
            beat, due = datetime(year, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
            upload = await uploads.add(an_upload(epoch=1, lease=Lease(epoch=1, beat=beat), due=due))
            found = await uploads.get(upload.id)
            assert found is not None
            assert found.lease is not None
            assert abs(datetime.now(UTC) - found.lease.beat) < timedelta(minutes=1)
            assert found == upload.model_copy(update={"lease": found.lease})
            assert await uploads.claim_due(upload.id) is None
            assert not (await self._claimed(uploads, upload)).is_held

    async def test_a_creation_with_a_lease_is_added_once_however_many_try_at_once(self, uploads: Uploads) -> None:
        key, lease = uuid.uuid4().hex, Lease(epoch=1, beat=datetime.now(UTC))
        added = await asyncio.gather(*(uploads.add(an_upload(creation=key, epoch=1, lease=lease)) for _ in range(5)))
        assert len({each.id for each in added}) == 1
        found = await uploads.created(key)
        assert found is not None
        assert found.id == added[0].id
        assert await uploads.created(uuid.uuid4().hex) is None

    async def test_progress_is_saved_and_read_back(self, uploads: Uploads) -> None:
        claimed = await self._claimed(uploads, await uploads.add(an_upload()))
        now = datetime.now(UTC).replace(microsecond=0)
        saved = model.received(claimed, offset=400, parts=(), tail=Tail(key="t", size=400), now=now)
        await uploads.save(saved, release=True)
        found = await uploads.get(claimed.id)
        assert found == saved.model_copy(update={"lease": None})

    async def test_the_oldest_that_awaits_its_verdict_is_dated_from_its_last_byte(self, uploads: Uploads) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        claimed = await self._claimed(uploads, await uploads.add(an_upload()))
        await uploads.save(claimed := model.received(claimed, offset=400, parts=(), tail=None, now=long_ago))
        assert await uploads.oldest_pending() != long_ago
        await uploads.save(whole := model.received(claimed, offset=1000, parts=(), tail=None, now=long_ago))
        assert await uploads.oldest_pending() == long_ago
        await uploads.save(assembled := model.assembled(whole, now=datetime.now(UTC).replace(microsecond=0)))
        assert await uploads.oldest_pending() == long_ago
        await uploads.save(model.refused(assembled, Refused("broken"), now=datetime.now(UTC).replace(microsecond=0)))
        assert await uploads.oldest_pending() != long_ago

    async def test_a_due_upload_that_nobody_holds_is_claimed_once(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload(due=datetime(2020, 1, 1, tzinfo=UTC)))
        assert upload.id in await uploads.due(limit=1000)
        claims = await asyncio.gather(*(uploads.claim_due(upload.id) for _ in range(4)))
        assert len([claim for claim in claims if claim is not None]) == 1
        assert upload.id not in await uploads.due(limit=1000)

    async def test_an_upload_that_is_held_or_not_due_is_not_the_sweepers(self, uploads: Uploads) -> None:
        later = await uploads.add(an_upload())
        assert await uploads.claim_due(later.id) is None
        held = await uploads.add(an_upload(due=datetime(2020, 1, 1, tzinfo=UTC)))
        await self._claimed(uploads, held)
        assert await uploads.claim_due(held.id) is None
        assert not {later.id, held.id} & set(await uploads.due(limit=1000))

    async def test_a_finished_upload_can_not_be_claimed(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload(state="owed"))
        assert await uploads.claim_any(upload.id, by=owner(upload)) is None
        assert await uploads.claim(upload.id, by=owner(upload), offset=0) is None

    async def test_cancelling_claims_whatever_holds_the_lease(self, uploads: Uploads) -> None:
        older = await self._claimed(uploads, await uploads.add(an_upload()))
        for stranger in STRANGERS:
            assert await uploads.claim_any(older.id, by=stranger) is None
        claimed = await uploads.claim_any(older.id, by=owner(older))
        assert claimed is not None
        assert (claimed.epoch, claimed.lease) == (2, older.lease)

    async def test_cleaning_does_not_undo_the_settlement(self, uploads: Uploads) -> None:
        claimed = await self._claimed(uploads, await uploads.add(an_upload(leftovers=True)))
        owed = claimed.model_copy(update={"state": "owed"})
        await uploads.save(owed, owing=[an_event(owed.id)], release=True)
        await uploads.settle(owed.id)
        await uploads.mark_clean(owed.id, epoch=owed.epoch)
        found = await uploads.get(owed.id)
        assert found is not None
        assert (found.state, found.leftovers, found.due) == ("settled", False, None)
        assert found.purge_at is not None

    async def test_a_document_is_replaceable_between_its_return_and_its_end(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload(state="owed"))
        place = {"office": "14", "client": "earl-du-chene"}
        assert not await uploads.is_replaceable(upload.id, **place)
        await uploads.mark_returned(upload.id, **place, folder="comptable", space="deposits")
        assert await uploads.is_replaceable(upload.id, **place)
        for other in ({"office": "53"}, {"client": "garage-du-pont"}):
            assert not await uploads.is_replaceable(upload.id, **{**place, **other})
        await uploads.mark_final(upload.id)
        assert not await uploads.is_replaceable(upload.id, **place)

    async def test_a_document_whose_record_was_purged_can_be_returned_and_replaced(self, uploads: Uploads) -> None:
        document = str(uuid.uuid4())
        place = {"office": "14", "client": "earl-du-chene"}
        for _ in range(2):
            await uploads.mark_returned(document, **place, folder="comptable", space="deposits")
        assert await uploads.is_replaceable(document, **place)
        assert await uploads.get(document) is None

    @pytest.mark.parametrize("first", ["settled", "returned"])
    async def test_a_returned_document_is_kept_until_its_end(self, uploads: Uploads, first: str) -> None:
        upload = await uploads.add(an_upload(state="owed"))
        for turn in (True, False):
            if turn is (first == "settled"):
                await uploads.settle(upload.id)
            else:
                await uploads.mark_returned(
                    upload.id, office="14", client="earl-du-chene", folder="comptable", space="deposits"
                )
        found = await uploads.get(upload.id)
        assert found is not None
        assert (found.state, found.purge_at) == ("settled", None)
        await uploads.mark_final(upload.id)
        found = await uploads.get(upload.id)
        assert found is not None
        assert found.purge_at is not None

    async def test_a_deposits_uploads_are_its_depositors_alone(self, uploads: Uploads) -> None:
        deposit = DepositRef(id=str(uuid.uuid4()))
        mine = await uploads.add(an_upload(deposit=deposit))
        await uploads.add(an_upload(deposit=deposit, depositor=Person(sub="second-client", name="x")))
        assert [each.id for each in await uploads.of_deposit(deposit.id, by=owner(mine))] == [mine.id]
        for stranger in STRANGERS[1:]:
            assert await uploads.of_deposit(deposit.id, by=stranger) == []

    async def test_a_deposit_is_full_of_its_depositors_uploads_alone(self, uploads: Uploads) -> None:
        deposit = DepositRef(id=str(uuid.uuid4()))
        mine = await uploads.add(an_upload(deposit=deposit))
        await uploads.add(an_upload(deposit=deposit, depositor=Person(sub="second-client", name="x")))
        assert await uploads.is_full(deposit.id, by=owner(mine), limit=1)
        assert not await uploads.is_full(deposit.id, by=owner(mine), limit=2)
        for stranger in STRANGERS[1:]:
            assert not await uploads.is_full(deposit.id, by=stranger, limit=1)
        await uploads.add(an_upload(deposit=deposit, state="refused"))
        assert await uploads.is_full(deposit.id, by=owner(mine), limit=2)

    async def test_closing_twice_is_closing_once(self, uploads: Uploads) -> None:
        event = an_event(f"closing:{uuid.uuid4()}", awaits_successor=False)
        await uploads.add_closing(event)
        await uploads.add_closing(event)
        assert await uploads.get(event.record) is None
