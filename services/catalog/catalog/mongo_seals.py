"""MongoDB: the seals. Collections `audit_seals` (`_id`, its number, and `seal`) and `audit_stamps` (`_id`, the same,
and `stamp`) are only ever added to: the catalog's user may do nothing else there.

What a seal owes is taken away once it was told, so it stands beside, in `sealings`.
"""

from collections.abc import Sequence
from typing import Any

from chassis.mongo import Database, MongoOwedStore, translated
from chassis.owed import OwedEvent, to_document
from contracts.audit import Seal, seal_digest
from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from catalog.chain import Broken


class MongoSeals:
    """See `ports.Seals`. `archive` is the database that is only added to, `database` the service's own."""

    def __init__(self, archive: Database, database: Database) -> None:
        # As with the journal: the next seal must follow one that stays.
        majority = ReadConcern("majority")
        self._seals = archive["audit_seals"].with_options(read_concern=majority)
        self._stamps = archive["audit_stamps"].with_options(read_concern=majority)
        self._telling = database["sealings"]
        self.owed = MongoOwedStore(self._telling)

    async def save(self, seal: Seal, *, owing: Sequence[OwedEvent]) -> bool:
        """See `ports.Seals`."""
        record: dict[str, Any] = {"_id": seal.number, "seal": seal.model_dump(mode="json")}
        telling = {"$setOnInsert": {"owed": [to_document(e) for e in owing]}}
        try:
            with translated():
                async with (
                    await self._seals.database.client.start_session() as session,
                    session.start_transaction(write_concern=self._seals.write_concern),
                ):
                    await self._seals.insert_one(record, session=session)
                    # Of two databases that were restored, one may know of a seal that the other lacks.
                    await self._telling.update_one({"_id": seal_digest(seal)}, telling, upsert=True, session=session)
        except DuplicateKeyError:
            return False
        except OperationFailure as error:
            # Two at once: one of both transactions is told to give way.
            if not error.has_error_label("TransientTransactionError"):
                raise
            return False
        return True

    async def last(self) -> Seal | None:
        """See `ports.Seals`."""
        with translated():
            record = await self._seals.find_one(sort=[("_id", DESCENDING)])
        return _seal(record) if record else None

    async def unstamped(self) -> Sequence[Seal]:
        """See `ports.Seals`."""
        with translated():
            stamped = [each["_id"] async for each in self._stamps.find({}, {"_id": 1})]
            wanted = self._seals.find({"_id": {"$nin": stamped}}).sort("_id", ASCENDING)
            return [_seal(each) async for each in wanted]

    async def keep_stamp(self, number: int, stamp: bytes) -> None:
        """See `ports.Seals`."""
        try:
            with translated():
                await self._stamps.insert_one({"_id": number, "stamp": stamp})
        except DuplicateKeyError:
            return  # it has one

    async def stamp_of(self, number: int) -> bytes | None:
        """See `ports.Seals`."""
        with translated():
            record = await self._stamps.find_one({"_id": number})
        return record["stamp"] if record else None

    async def all(self) -> Sequence[Seal]:
        """See `ports.Seals`."""
        with translated():
            return [_seal(each) async for each in self._seals.find().sort("_id", ASCENDING)]

    async def over(self, entries: Sequence[int]) -> Sequence[Seal]:
        """See `ports.Seals`."""
        if not entries:
            return []
        # Seals follow each other, so those between the first and the last entry are asked for, and few too many.
        within = {"seal.last": {"$gte": min(entries)}, "seal.first": {"$lte": max(entries)}}
        with translated():
            found = [_seal(each) async for each in self._seals.find(within).sort("_id", ASCENDING)]
        return [seal for seal in found if any(seal.first <= each <= seal.last for each in entries)]


def _seal(record: dict[str, Any]) -> Seal:
    try:
        return Seal.model_validate(record.get("seal"))
    except ValidationError:
        raise Broken(f"seal {record['_id']}: it is no seal any more") from None
