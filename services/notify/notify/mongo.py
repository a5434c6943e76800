"""The digests in MongoDB, one record each. No driver type leaves this module."""

from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chassis.mongo import Collection, Database, translated
from chassis.mongo_clock import MongoClock
from chassis.owed import OwedEvent, to_document
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from notify.mails import Part
from notify.model import WAIT_FOR_MORE, WAIT_UNANNOUNCED, Digest, Group
from notify.ports import Heard
from notify.records import entry_to, from_record, group_to, mail_to, part_to

COLLECTION, WITHDRAWN, ANSWERED = "digests", "withdrawn", "answered"
# An ordinary wake-up comes first; a record is woken again after as long as it has been overdue, within these bounds.
_GRACE = timedelta(seconds=1)
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(minutes=10)
# Seconds that a digest is kept after the last word of its deposit, once nobody is to be told of anything; and that a
# document was withdrawn, or a return answered. What comes later than that is no late event any more.
_KEPT = 365 * 24 * 3600


class MongoDigests:
    """See `Digests`. Each digest that is loaded has the `clock` told the time by which to judge it."""

    def __init__(self, database: Database, clock: MongoClock | None = None) -> None:
        self._clock = clock or MongoClock(database)
        self._digests: Collection = database[COLLECTION]
        self._withdrawn: Collection = database[WITHDRAWN]
        self._answered: Collection = database[ANSWERED]

    async def prepare(self) -> None:
        """Create the indexes it reads by. Idempotent; raises Unavailable."""
        with translated():
            await self._digests.create_index("look_at", sparse=True)
            await self._digests.create_index("wake_at", sparse=True)
            await self._digests.create_index("untold", sparse=True)
            await self._digests.create_index("deferred_since", sparse=True)
            await self._digests.create_index(
                "noted_at",
                name="forgotten",
                expireAfterSeconds=_KEPT,
                partialFilterExpression={"look_at": None, "owed": {"$eq": []}},
            )
            await self._withdrawn.create_index("at", name="forgotten", expireAfterSeconds=_KEPT)
            await self._answered.create_index("at", name="forgotten", expireAfterSeconds=_KEPT)

    async def add_document(self, group: Group, heard: Heard, *, now: datetime) -> Digest:
        """See `Digests.add_document`."""
        place = f"pending.{heard.document}"
        wake_at = now + (WAIT_FOR_MORE if heard.size else WAIT_UNANNOUNCED)
        told = {"client_name": heard.client_name, "person_name": heard.person_name}
        return await self._note(
            group,
            unless=_unknown(heard.document),
            update={
                "$push": {"untold": heard.document},
                "$set": {
                    place: entry_to(heard.entry),
                    "heard_at": now,
                    "wake_at": wake_at,
                    "look_at": wake_at,
                    **{name: value for name, value in told.items() if value},
                },
                **({"$max": {"size": heard.size}} if heard.size else {}),
            },
        )

    async def add_told(self, group: Group, document: str, *, at: datetime) -> Digest:
        """Note a document that people were told of before these records were lost: no mail is made of it. One that is
        known is left as it is. Raises Unavailable."""
        part = Part(documents=(document,), lines=(), latest=at, sealed_at=at)
        return await self._note(group, unless=_unknown(document), update={"$push": {"parts": part_to(part)}})

    async def waiting_for(self, kind: str, deposit: str, documents: Sequence[str]) -> Sequence[str]:
        """The ids of this deposit's digests that are yet to tell somebody of one of these. Raises Unavailable."""
        wanted = {"untold": {"$in": list(documents)}, "group.kind": kind, "group.deposit": deposit}
        return await self._yet_to_tell(wanted)

    async def add_unfinished(self, group: Group, document: str, *, size: int | None) -> Digest:
        """See `Digests.add_unfinished`."""
        update: dict[str, Any] = {"$push": {"unfinished": document}}
        if size:
            update["$max"] = {"size": size}
        return await self._note(group, unless={"unfinished": {"$ne": document}}, update=update)

    async def close(self, group: Group, documents: Sequence[str]) -> Digest:
        """See `Digests.close`."""
        return await self._note(group, unless={}, update={"$addToSet": {"closed": {"$each": list(documents)}}})

    async def note_withdrawn(self, document: str, *, now: datetime) -> Sequence[str]:
        """See `Digests.note_withdrawn`."""
        await _note_in(self._withdrawn, document, now)
        return await self._yet_to_tell({"untold": document})

    async def withdrawn_among(self, documents: Several[str]) -> frozenset[str]:
        """See `Digests.withdrawn_among`."""
        return await _noted_in(self._withdrawn, documents)

    async def note_answered(self, document: str, *, now: datetime) -> Sequence[str]:
        """See `Digests.note_answered`."""
        await _note_in(self._answered, document, now)
        return await self._yet_to_tell({"untold": document, "group.kind": "returned"})

    async def answered_among(self, documents: Several[str]) -> frozenset[str]:
        """See `Digests.answered_among`."""
        return await _noted_in(self._answered, documents)

    async def load(self, digest: str) -> Digest | None:
        """See `Digests.load`."""
        record = await self._clock.find_one(self._digests, {"_id": digest})
        return from_record(record) if record else None

    async def save(self, digest: Digest, *, owing: Sequence[OwedEvent] = ()) -> bool:
        """See `Digests.save`."""
        at = digest.next_at
        # Where nobody is to be told of anything, nothing is looked for here either.
        sought = {
            "wake_at": at,
            "look_at": at,
            "untold": sorted(digest.untold) if at else None,
            "deferred_since": digest.deferred_since,
        }
        gone = {name: "" for name, value in sought.items() if value is None}
        update: dict[str, Any] = {
            "$set": {
                "pending": {document: entry_to(entry) for document, entry in digest.pending.items()},
                "parts": [part_to(part) for part in digest.parts],
                "mails": {key: mail_to(mail) for key, mail in digest.mails.items()},
                "withdrawn": sorted(digest.withdrawn),
                **{name: value for name, value in sought.items() if value is not None},
            },
            "$inc": {"revision": 1},
            "$unset": gone,
        }
        if owing:
            update["$push"] = {"owed": {"$each": [to_document(event) for event in owing]}}
        with translated():
            result = await self._digests.update_one({"_id": digest.id, "revision": digest.revision}, update)
        return result.matched_count == 1

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[str]:
        """See `Digests.overdue`."""
        with translated():
            late = self._digests.find({"look_at": {"$lte": now - _GRACE}}, {"look_at": 1, "wake_at": 1}).limit(limit)
            return [record["_id"] async for record in late if await self._claim_wake_up(record, now)]

    async def oldest_due(self) -> datetime | None:
        """See `Digests.oldest_due`."""
        return await self._oldest("wake_at")

    async def oldest_deferred(self) -> datetime | None:
        """See `Digests.oldest_deferred`."""
        return await self._oldest("deferred_since")

    async def _yet_to_tell(self, wanted: Mapping[str, Any]) -> Sequence[str]:
        with translated():
            return [record["_id"] async for record in self._digests.find(wanted, {"_id": 1})]

    async def _oldest(self, field: str) -> datetime | None:
        # A version from before `deferred_since` leaves it behind where it settles a mail, but no `wake_at`.
        unsettled = {"wake_at": {"$exists": True}, field: {"$exists": True}}
        with translated():
            record = await self._digests.find_one(unsettled, {field: 1}, sort=[(field, 1)])
        return record[field] if record else None

    async def _claim_wake_up(self, record: Mapping[str, Any], now: datetime) -> bool:
        again = now + min(max(now - record["wake_at"], _SHORTEST), _LONGEST)
        seen = {"_id": record["_id"], "look_at": record["look_at"]}
        return (await self._digests.update_one(seen, {"$set": {"look_at": again}})).modified_count == 1

    async def _note(self, group: Group, *, unless: dict[str, Any], update: dict[str, Any]) -> Digest:
        """Apply an update to the group's record, made where there is none, unless it was applied before."""
        whole = {
            **update,
            "$inc": {"revision": 1},
            "$setOnInsert": {"group": group_to(group), "owed": []},
            "$currentDate": {"noted_at": True},
        }
        with translated():
            for upsert in (True, False):
                try:
                    record = await self._digests.find_one_and_update(
                        {"_id": group.id, **unless}, whole, upsert=upsert, return_document=ReturnDocument.AFTER
                    )
                except DuplicateKeyError:
                    # The record is there: another process made it just now, or this was noted before.
                    continue
                if record:
                    return from_record(record)
            known = await self._digests.find_one({"_id": group.id})
        assert known is not None
        return from_record(known)


async def _note_in(collection: Collection, document: str, now: datetime) -> None:
    with translated(), suppress(DuplicateKeyError):
        await collection.update_one({"_id": document}, {"$setOnInsert": {"at": now}}, upsert=True)


async def _noted_in(collection: Collection, documents: Several[str]) -> frozenset[str]:
    with translated():
        found = collection.find({"_id": {"$in": list(documents)}}, {"_id": 1})
        return frozenset([record["_id"] async for record in found])


def _unknown(document: str) -> dict[str, Any]:
    """The filter for digests that know nothing of a document."""
    return {
        f"pending.{document}": {"$exists": False},
        "parts.documents": {"$ne": document},
        "withdrawn": {"$ne": document},
    }
