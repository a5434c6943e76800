"""MongoDB: what the catalog itself decides and notes. Never rebuilt from events; backed up.

Collections `decisions` (one record a document: the decision that holds and the events owed for it), `openings` and
`retries` (one record a document each). A withdrawal is forgotten a month after the document's own record is, and a
retry after a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from chassis.mongo import Database, MongoOwedStore, fields_known, translated
from chassis.owed import OwedEvent, to_document
from contracts.values import Person
from pymongo.errors import DuplicateKeyError

from catalog.model import Decision

# Seconds.
_WITHDRAWAL_KEPT = (365 + 30) * 24 * 3600
_RETRY_KEPT = 24 * 3600


class MongoDecisions:
    """See `ports.Decisions`."""

    def __init__(self, database: Database) -> None:
        self._records = database["decisions"]
        self.owed = MongoOwedStore(self._records)

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        await self.owed.prepare()
        with translated():
            await self._records.create_index(
                "decision.at",
                name="forgotten",
                expireAfterSeconds=_WITHDRAWAL_KEPT,
                partialFilterExpression={"decision.kind": "withdrawn", "owed": {"$eq": []}},
            )

    async def of(self, document: str) -> Decision | None:
        """See `ports.Decisions`."""
        with translated():
            record = await self._records.find_one({"_id": document}, {"decision": 1})
        return _decision(record) if record else None

    async def among(self, documents: Sequence[str]) -> Mapping[str, Decision]:
        """See `ports.Decisions`."""
        with translated():
            found = self._records.find({"_id": {"$in": list(documents)}}, {"decision": 1})
            return {record["_id"]: _decision(record) async for record in found}

    async def save(self, document: str, decision: Decision, *, over: int, owing: Sequence[OwedEvent]) -> bool:
        """See `ports.Decisions`."""
        stored = {**asdict(decision), "by": decision.by.model_dump()}
        owed = [to_document(event) for event in owing]
        with translated():
            if over == 0:
                return await self._insert({"_id": document, "decision": stored, "owed": owed})
            result = await self._records.update_one(
                {"_id": document, "decision.revision": over},
                {"$set": {"decision": stored}, "$push": {"owed": {"$each": owed}}},
            )
        return result.matched_count == 1

    async def settle(
        self, documents: Sequence[str], *, topics: Sequence[str] | None = None, published: bool = False
    ) -> None:
        """See `ports.Decisions`."""
        which: dict[str, Any] = {"awaits_successor": True}
        if published:
            which["published_at"] = {"$ne": None}
        if topics is not None:
            which["topic"] = {"$in": list(topics)}
        with translated():
            await self._records.update_many(
                {"_id": {"$in": list(documents)}, "owed.0": {"$exists": True}}, {"$pull": {"owed": which}}
            )

    async def _insert(self, record: dict[str, Any]) -> bool:
        try:
            await self._records.insert_one(record)
        except DuplicateKeyError:
            return False
        return True


def _decision(record: Mapping[str, Any]) -> Decision:
    found = record["decision"]
    return Decision(**{**fields_known(Decision, found), "by": Person.model_validate(found["by"])})


class MongoMarks:
    """See `ports.Marks`."""

    def __init__(self, database: Database) -> None:
        self._openings = database["openings"]
        self._retries = database["retries"]

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        with translated():
            await self._retries.create_index("at", name="forgotten", expireAfterSeconds=_RETRY_KEPT)

    async def note_opened(self, document: str, *, by: Person, at: datetime) -> bool:
        """See `ports.Marks`."""
        first = {"$setOnInsert": {"at": at, "by": by.model_dump()}}
        try:
            with translated():
                result = await self._openings.update_one({"_id": document}, first, upsert=True)
        except DuplicateKeyError:
            return False  # two at once, and the other was first
        return result.upserted_id is not None

    async def opened_at(self, document: str) -> datetime | None:
        """See `ports.Marks`."""
        with translated():
            record = await self._openings.find_one({"_id": document})
        return record["at"] if record else None

    async def openings(self, documents: Sequence[str]) -> Mapping[str, datetime]:
        """See `ports.Marks`."""
        with translated():
            found = self._openings.find({"_id": {"$in": list(documents)}}, {"at": 1})
            return {record["_id"]: record["at"] async for record in found}

    async def claim_retry(self, document: str, *, now: datetime, cooldown: float) -> bool:
        """See `ports.Marks`."""
        free = {"_id": document, "at": {"$lte": now - timedelta(seconds=cooldown)}}
        try:
            with translated():
                await self._retries.update_one(free, {"$set": {"at": now}}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def retried_at(self, document: str) -> datetime | None:
        """See `ports.Marks`."""
        with translated():
            record = await self._retries.find_one({"_id": document})
        return record["at"] if record else None

    async def release_retry(self, document: str) -> None:
        """See `ports.Marks`."""
        with translated():
            await self._retries.delete_one({"_id": document})
