"""The mover's records in MongoDB, collection `documents`, `_id` the document.

`tell_at` stands in a record only while its move is open and its trouble untold, so a sparse index finds the overdue.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chassis.bus import Outgoing
from chassis.mongo import Database, fields_known, translated
from chassis.owed import OwedEvent, owe, to_document
from contracts.events import Announced, Withdrawn
from pymongo import ReturnDocument

from ged_mover.model import TOLD_AFTER, Copy, Lock, Record

COLLECTION = "documents"
_MOVE = ("announced", "trying_since", "code", "given_up_at", "tell_at")
_FIELDS = {"owed": 0, "tell_at": 0}
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MongoRecords:
    """See `Records`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes it sweeps by. Idempotent; raises Unavailable."""
        with translated():
            await self._collection.create_index("tell_at", sparse=True)
            await self._collection.create_index("trying_since", sparse=True)

    async def begin(self, announced: Announced, *, now: datetime) -> Record:
        """See `Records.begin`."""
        fresh = {
            "office": announced.office,
            "client": announced.client.id,
            "space": announced.space,
            "announced": announced.model_dump(mode="json"),
            "attempt": 1,
            "trying_since": now,
            "tell_at": now + TOLD_AFTER,
        }
        with translated():
            found = await self._collection.find_one_and_update(
                {"_id": announced.document},
                {"$setOnInsert": fresh},
                _FIELDS,
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return _record(found)

    async def find(self, document: str) -> Record | None:
        """See `Records.find`."""
        with translated():
            found = await self._collection.find_one({"_id": document}, _FIELDS)
        return _record(found) if found else None

    async def note_trouble(self, document: str, code: str) -> None:
        """See `Records.note_trouble`."""
        with translated():
            await self._collection.update_one({"_id": document, "announced": {"$ne": None}}, {"$set": {"code": code}})

    async def note_archived(self, document: str, copy: Copy, *, owing: Sequence[Outgoing]) -> Record:
        """See `Records.note_archived`."""
        same = {"$eq": ["$archived.version_id", copy.version_id]}
        archived = {"$cond": [same, "$archived", {"$literal": asdict(copy)}]}
        now = datetime.now(UTC)
        first = {"$literal": [to_document(_owed(document, event, now).published(now)) for event in owing]}
        owed = {"$concatArrays": [{"$ifNull": ["$owed", []]}, {"$cond": ["$archived", [], first]}]}
        return await self._change_unless_withdrawn(
            document, [{"$set": {"archived": archived, "owed": owed}}, {"$unset": list(_MOVE)}]
        )

    async def give_up(self, document: str, *, code: str, now: datetime, owing: Outgoing) -> Record:
        """See `Records.give_up`."""
        return await self._change_unless_withdrawn(
            document,
            {
                "$set": {"code": code, "given_up_at": now},
                "$unset": {"tell_at": ""},
                "$push": {"owed": to_document(_owed(document, owing, now))},
            },
        )

    async def reopen(self, document: str, *, now: datetime) -> Record | None:
        """See `Records.reopen`."""
        with translated():
            await self._collection.update_one(
                {"_id": document, "given_up_at": {"$ne": None}},
                {
                    "$unset": {"given_up_at": "", "code": ""},
                    "$inc": {"attempt": 1},
                    "$set": {"trying_since": now, "tell_at": now + TOLD_AFTER},
                },
            )
        return await self.find(document)

    async def withdraw(self, withdrawn: Withdrawn, *, now: datetime) -> None:
        """See `Records.withdraw`."""
        known = {"office": withdrawn.office, "client": withdrawn.client, "space": withdrawn.space, "attempt": 1}
        with translated():
            await self._collection.update_one(
                {"_id": withdrawn.document},
                [
                    {"$set": {key: {"$ifNull": [f"${key}", {"$literal": value}]} for key, value in known.items()}},
                    {"$set": {"withdrawn_at": {"$ifNull": ["$withdrawn_at", now]}}},
                    {"$unset": list(_MOVE)},
                ],
                upsert=True,
            )

    async def note_erased(self, document: str, *, now: datetime) -> Record:
        """See `Records.note_erased`."""
        with translated():
            found = await self._collection.find_one_and_update(
                {"_id": document},
                [{"$set": {"erased_at": {"$ifNull": ["$erased_at", now]}}}],
                _FIELDS,
                return_document=ReturnDocument.AFTER,
            )
        return _record(found)

    async def note_lock(self, document: str, lock: Lock) -> None:
        """See `Records.note_lock`."""
        with translated():
            await self._collection.update_one({"_id": document}, {"$set": {"lock": asdict(lock)}})

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[Record]:
        """See `Records.overdue`."""
        with translated():
            cursor = self._collection.find({"tell_at": {"$lte": now}}, _FIELDS).sort("tell_at", 1).limit(limit)
            return [_record(found) async for found in cursor]

    async def oldest_open(self) -> datetime | None:
        """See `Records.oldest_open`."""
        open_move = {"trying_since": {"$gt": _LONG_AGO}}
        with translated():
            found = await self._collection.find_one(open_move, {"trying_since": 1}, sort=[("trying_since", 1)])
        return found["trying_since"] if found else None

    async def tell_trouble(self, document: str, *, owing: Outgoing) -> None:
        """See `Records.tell_trouble`."""
        now = datetime.now(UTC)
        with translated():
            await self._collection.update_one(
                {"_id": document, "tell_at": {"$lte": now}},
                {"$unset": {"tell_at": ""}, "$push": {"owed": to_document(_owed(document, owing, now))}},
            )

    async def _change_unless_withdrawn(self, document: str, change: Any) -> Record:
        with translated():
            changed = await self._collection.find_one_and_update(
                {"_id": document, "withdrawn_at": None}, change, _FIELDS, return_document=ReturnDocument.AFTER
            )
            found = changed or await self._collection.find_one({"_id": document}, _FIELDS)
        assert found, "a record is made before it is changed, and never removed"
        return _record(found)


def _owed(document: str, event: Outgoing, now: datetime) -> OwedEvent:
    # Nothing follows it for certain, so the event is published twice and then done with.
    return owe(document, event, now=now, awaits_successor=False)


def _record(found: dict[str, Any]) -> Record:
    fields = fields_known(Record, found)
    if fields.get("announced"):
        fields["announced"] = Announced.model_validate(fields["announced"])
    if fields.get("archived"):
        fields["archived"] = Copy(**fields_known(Copy, fields["archived"]))
    if fields.get("lock"):
        fields["lock"] = Lock(**fields_known(Lock, fields["lock"]))
    return Record(document=found["_id"], **fields)
