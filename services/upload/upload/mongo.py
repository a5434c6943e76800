"""The records, in MongoDB: one document an upload, and one a closing of a deposit, with what it owes.

Leases are timed by the database's clock, so replicas need not agree on theirs.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.mongo import Collection, Database, translated
from chassis.owed import OwedEvent, to_document
from contracts.values import Space
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from upload import model
from upload.errors import LeaseLost
from upload.model import KEPT_AFTER_END, LEASE_SECONDS, Upload
from upload.rights import Owner

COLLECTION = "uploads"
# What a writer changes; the rest is written once, at the creation, or by the settlement alone.
_MUTABLE = {
    "creation", "state", "offset", "parts", "multipart", "tail", "saved_by", "due", "leftovers", "sha256",
    "content_type", "receipt", "code", "reason", "purge_at", "counted", "whole_at",
}  # fmt: skip
# What the creation alone tells.
_CREATED = ("creation", "metadata", "expected_sha256")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NEXT_TURN_MS = 4000
_UNFINISHED = {"$nin": list(model.ENDED)}
_HELD = {"$gt": ["$lease.beat", {"$subtract": ["$$NOW", int(LEASE_SECONDS * 1000)]}]}
_FREE = {"$expr": {"$not": [_HELD]}}
_RAISED = {"$add": ["$epoch", 1]}
_TAKEN = {"epoch": _RAISED, "lease": {"epoch": _RAISED, "beat": "$$NOW"}}


class MongoUploads:
    """See `Uploads`."""

    def __init__(self, database: Database) -> None:
        self._uploads: Collection = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        with translated():
            await self._uploads.create_index("creation", unique=True, partialFilterExpression={"creation": {"$gt": ""}})
            await self._uploads.create_index("due", partialFilterExpression={"due": {"$gt": _LONG_AGO}})
            await self._uploads.create_index("deposit.id")
            await self._uploads.create_index("purge_at", expireAfterSeconds=0)
            await self._uploads.create_index("counted", partialFilterExpression={"counted": {"$gt": ""}})

    async def open_under(self, key: str) -> int:
        """How many open uploads are counted under a key. Raises Unavailable."""
        with translated():
            return await self._uploads.count_documents({"counted": key})

    async def add(self, upload: Upload) -> Upload:
        """See `Uploads.add`."""
        try:
            with translated():
                await self._insert(upload)
        except DuplicateKeyError:
            if upload.creation is None:
                raise  # it is the id that is taken: no other upload answers for it
            # Gone again between the two: it was cancelled, so this is a new one after all.
            return await self.created(upload.creation) or await self.add(upload)
        return upload

    async def _insert(self, upload: Upload) -> None:
        record = upload.model_dump(exclude={"id"})
        if upload.lease is None:
            await self._uploads.insert_one({"_id": upload.id, **record})
            return
        # An insertion can't ask the database for the time. This matches nothing, so it inserts, or finds the id taken.
        del record["lease"]
        changes: dict[str, Any] = {
            "$setOnInsert": {**record, "lease.epoch": upload.lease.epoch},
            "$currentDate": {"lease.beat": True},
        }
        await self._uploads.update_one({"_id": upload.id, "state": {"$in": []}}, changes, upsert=True)

    async def created(self, creation: str) -> Upload | None:
        """See `Uploads.created`."""
        with translated():
            found = await self._uploads.find_one({"creation": creation})
        return _upload(found) if found else None

    async def note_announced(self, upload: Upload) -> None:
        """Note a document that was announced before its record was lost, or became again what it had been before that:
        whoever was at it then loses it, and what may lie beside it in staging is cleaned. One that is finished stays as
        it is. Raises Unavailable."""
        unfinished = {"_id": upload.id, "state": {"$nin": list(model.FINISHED)}}
        facts = upload.model_dump(exclude={"id", "epoch"})
        # Of these an announcement does not tell.
        told = {name: value for name, value in facts.items() if name not in _CREATED}
        beside = {"leftovers": True, "due": upload.created_at}
        with translated(), suppress(DuplicateKeyError):  # or else it is finished
            known = await self._uploads.update_one(
                {**unfinished, "depositor": {"$exists": True}},
                {"$set": {**told, **beside}, "$inc": {"epoch": 1}, "$unset": {"owed": ""}},
            )
            if not known.matched_count:
                await self._uploads.update_one(unfinished, {"$set": facts, "$inc": {"epoch": 1}}, upsert=True)

    async def get(self, document: str) -> Upload | None:
        """See `Uploads.get`."""
        with translated():
            found = await self._uploads.find_one({"_id": document, "depositor": {"$exists": True}})
        return _upload(found) if found else None

    async def claim(self, document: str, *, by: Owner, offset: int) -> Upload | None:
        """See `Uploads.claim`."""
        mine = {"_id": document, **_owned(by), "state": "receiving", "offset": offset}
        taken_if_free = {"$cond": [_HELD, "$lease", _TAKEN["lease"]]}
        return await self._claimed(mine, {"epoch": _RAISED, "lease": taken_if_free})

    async def claim_due(self, document: str) -> Upload | None:
        """See `Uploads.claim_due`."""
        # One that fails again and again must not keep the others back, so its next turn is a little later.
        changes = {**_TAKEN, "due": {"$add": ["$$NOW", _NEXT_TURN_MS]}}
        return await self._claimed({"_id": document, **overdue(datetime.now(UTC)), **_FREE}, changes)

    async def claim_any(self, document: str, *, by: Owner) -> Upload | None:
        """See `Uploads.claim_any`."""
        mine = {"_id": document, **_owned(by), "state": _UNFINISHED}
        return await self._claimed(mine, {"epoch": _RAISED})

    async def take(self, document: str, *, epoch: int) -> bool:
        """See `Uploads.take`."""
        lease = {"epoch": epoch, "beat": "$$NOW"}
        with translated():
            taken = await self._uploads.update_one(
                {"_id": document, "epoch": epoch, **_FREE}, [{"$set": {"lease": lease}}]
            )
            if taken.matched_count:
                return True
            if await self._uploads.count_documents({"_id": document, "epoch": epoch}, limit=1):
                return False
        raise LeaseLost

    async def beat(self, document: str, *, epoch: int, busy: bool) -> None:
        """See `Uploads.beat`."""
        mine = {"_id": document, "epoch": epoch, "lease.epoch": epoch}
        with translated():
            if busy:
                changed = await self._uploads.update_one(mine, [{"$set": {"lease.beat": "$$NOW"}}])
                held = changed.matched_count > 0
            else:
                held = await self._uploads.count_documents(mine, limit=1) > 0
        if not held:
            raise LeaseLost

    async def release(self, document: str, *, epoch: int) -> bool:
        """See `Uploads.release`."""
        held = {"_id": document, "lease.epoch": epoch}
        with translated():
            return (await self._uploads.update_one(held, {"$set": {"lease": None}})).matched_count > 0

    async def mark_overtaken(self, document: str) -> None:
        """See `Uploads.mark_overtaken`."""
        again = {"overtaken": True, "leftovers": True, "due": datetime.now(UTC)}
        with translated():
            # With the epoch raised, a removal that is under way can't note that nothing is left.
            await self._uploads.update_one(
                {"_id": document, "state": {"$in": list(model.ENDED)}}, {"$set": again, "$inc": {"epoch": 1}}
            )

    async def save(self, upload: Upload, *, owing: Sequence[OwedEvent] = (), release: bool = False) -> None:
        """See `Uploads.save`."""
        changes: dict[str, Any] = {"$set": upload.model_dump(include=_MUTABLE)}
        if release:
            changes["$set"]["lease"] = None
        if owing:
            changes["$push"] = {"owed": {"$each": [to_document(event) for event in owing]}}
        with translated():
            saved = await self._uploads.update_one({"_id": upload.id, "epoch": upload.epoch}, changes)
        if not saved.matched_count:
            raise LeaseLost

    async def mark_clean(self, document: str, *, epoch: int) -> None:
        """See `Uploads.mark_clean`."""
        nothing: dict[str, Any] = {
            "leftovers": False,
            "due": None,
            "parts": [],
            "multipart": None,
            "tail": None,
            "lease": None,
        }
        with translated():
            # Not `save`: the settlement may have moved the state on meanwhile.
            await self._uploads.update_one({"_id": document, "epoch": epoch}, {"$set": nothing})

    async def due(self, *, limit: int) -> Sequence[str]:
        """See `Uploads.due`."""
        with translated():
            found = self._uploads.find({**overdue(datetime.now(UTC)), **_FREE}, {"_id": 1}).sort("due").limit(limit)
            return [each["_id"] async for each in found]

    async def oldest_pending(self) -> datetime | None:
        """See `Uploads.oldest_pending`."""
        # Due it is for as long as it is pending: at once, or at the sweeper's next turn.
        soon = datetime.now(UTC) + timedelta(milliseconds=2 * _NEXT_TURN_MS)
        pending = {**overdue(soon), "state": {"$in": list(model.PENDING)}, "whole_at": {"$ne": None}}
        with translated():
            found = await self._uploads.find_one(pending, {"whole_at": 1}, sort=[("whole_at", 1)])
        return found["whole_at"] if found else None

    async def of_deposit(self, deposit: str, *, by: Owner) -> Sequence[Upload]:
        """See `Uploads.of_deposit`."""
        with translated():
            found = self._uploads.find({"deposit.id": deposit, **_owned(by)})
            return [_upload(each) async for each in found]

    async def is_full(self, deposit: str, *, by: Owner, limit: int) -> bool:
        """See `Uploads.is_full`."""
        anybodys = {"deposit.id": deposit}
        # Nearly always the index alone tells that it is not, without a record read.
        for wanted in (anybodys, {**anybodys, **_owned(by)}):
            with translated():
                if await self._uploads.count_documents(wanted, limit=limit) < limit:
                    return False
        return True

    async def add_closing(self, event: OwedEvent) -> None:
        """See `Uploads.add_closing`."""
        closing = {"owed": [to_document(event)], "purge_at": event.owed_since + KEPT_AFTER_END}
        with translated():
            await self._uploads.update_one({"_id": event.record}, {"$setOnInsert": closing}, upsert=True)

    async def settle(self, document: str, *, moved: bool = False) -> None:
        """See `Uploads.settle`."""
        now = datetime.now(UTC)
        kept = {"$cond": [{"$and": ["$returned", {"$ne": ["$final", True]}]}, None, now + KEPT_AFTER_END]}
        owed = {"$filter": {"input": {"$ifNull": ["$owed", []]}, "cond": {"$not": ["$$this.awaits_successor"]}}}
        changes: dict[str, Any] = {
            "state": "settled",
            "purge_at": {"$cond": [{"$eq": ["$state", "owed"]}, kept, "$purge_at"]},
            "owed": owed,
        }
        wanted: dict[str, Any] = {"_id": document, "state": "owed"}
        if moved:
            wanted |= {"state": {"$in": list(model.FINISHED)}, "moved": {"$ne": True}}
            changes |= {"moved": True, **_looked_at_again_if_overtaken(now)}
        with translated():
            await self._uploads.update_one(wanted, [{"$set": changes}])

    async def mark_returned(self, document: str, *, office: str, client: str, folder: str, space: Space) -> None:
        """See `Uploads.mark_returned`."""
        place = {"office": office, "client": {"id": client}, "folder": folder, "space": space}
        with translated():
            await self._uploads.update_one(
                {"_id": document}, {"$set": {"returned": True}, "$setOnInsert": place}, upsert=True
            )
            await self._uploads.update_one({"_id": document, "final": {"$ne": True}}, {"$set": {"purge_at": None}})

    async def mark_final(self, document: str) -> None:
        """See `Uploads.mark_final`."""
        with translated():
            await self._uploads.update_one({"_id": document}, {"$set": {"final": True}})
            await self._uploads.update_one(
                {"_id": document, "returned": True}, {"$set": {"purge_at": datetime.now(UTC) + KEPT_AFTER_END}}
            )

    async def is_replaceable(self, document: str, *, office: str, client: str) -> bool:
        """See `Uploads.is_replaceable`."""
        wanted = {
            "_id": document, "office": office, "client.id": client, "space": "deposits",
            "returned": True, "final": {"$ne": True},
        }  # fmt: skip
        with translated():
            return await self._uploads.count_documents(wanted, limit=1) > 0

    async def _claimed(self, wanted: dict[str, Any], changes: dict[str, Any]) -> Upload | None:
        with translated():
            found = await self._uploads.find_one_and_update(
                wanted, [{"$set": changes}], return_document=ReturnDocument.AFTER
            )
        return _upload(found) if found else None


def overdue(now: datetime) -> dict[str, Any]:
    """The filter for what the sweeper should look at, as the index that holds nothing else wants it."""
    return {"due": {"$gt": _LONG_AGO, "$lte": now}}


def _looked_at_again_if_overtaken(now: datetime) -> dict[str, Any]:
    """What `MongoUploads.mark_overtaken` changes, as steps of a pipeline."""
    return {
        "leftovers": {"$or": ["$leftovers", "$overtaken"]},
        "due": {"$cond": ["$overtaken", now, "$due"]},
        "epoch": {"$add": ["$epoch", {"$cond": ["$overtaken", 1, 0]}]},
    }


def _owned(by: Owner) -> dict[str, Any]:
    """The filter for what `Owner.owns`."""
    return {"depositor.sub": by.sub, "office": by.office, "client.id": {"$in": sorted(by.clients)}}


def _upload(found: dict[str, Any]) -> Upload:
    return Upload.model_validate({**found, "id": found["_id"]})
