"""MongoDB, by Motor. No Motor type leaves this module and a service's own `mongo.py`.

Motor is asked for and past its end of life; PyMongo's AsyncMongoClient has the same calls and can take its place here.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import UpdateMany, WriteConcern
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern

from chassis.errors import Unavailable
from chassis.owed import Due, OwedEvent, from_document

Collection = AsyncIOMotorCollection[dict[str, Any]]
Database = AsyncIOMotorDatabase[dict[str, Any]]

_DOWN = (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    ServerSelectionTimeoutError,
    # Not confirmed: a majority was too slow, or the server stops in the middle of it.
    WriteConcernError,
)
_TIMEOUT_MS = 5000
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# Lets the sparse index find the few records that owe something among all that ever did.
_OWING = {"owed.owed_since": {"$gt": _LONG_AGO}}
# A record whose TTL index reads `purge_at` outlives by this the last refusal of what it owes.
_KEPT_AFTER_REFUSAL = timedelta(days=30)


def fields_known(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a record's fields that a dataclass has: a newer version beside this one may have written more."""
    return {field.name: found[field.name] for field in fields(kind) if field.name in found}


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable for whatever says that the database cannot be reached or does not answer in time."""
    try:
        yield
    except _DOWN as error:
        raise Unavailable("database_unavailable") from error
    except BulkWriteError as error:
        # No write failed: their acknowledgement by a majority did not come in time.
        if error.details["writeErrors"]:
            raise
        raise Unavailable("database_unavailable") from error


@asynccontextmanager
async def connected(url: str, database: str) -> AsyncIterator[Database]:
    """The service's database; times are aware, in UTC.

    Every write is acknowledged by a majority, in the journal, and what is read was: so no answer tells of what a
    failover or a power cut may yet take back. Who wrote reads it: the acknowledgement waits until a majority read shows
    it, also that of a write that changed nothing, or was refused, for what another had written.
    """
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        url,
        serverSelectionTimeoutMS=_TIMEOUT_MS,
        connectTimeoutMS=_TIMEOUT_MS,
        socketTimeoutMS=4 * _TIMEOUT_MS,
        maxPoolSize=64,
    )
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
    try:
        yield client.get_database(
            database,
            codec_options=options,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        )
    finally:
        client.close()


def sibling(database: Database, name: str) -> Database:
    """Another database over the same connections, with the same promises."""
    return database.client.get_database(
        name,
        codec_options=database.codec_options,
        read_concern=database.read_concern,
        write_concern=database.write_concern,
    )


class MongoOwedStore:
    """Owed events as the list `owed` of a collection's records (see `chassis.owed`)."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        # A mark that a crash takes back costs a publication that the broker drops.
        self._marks = collection.with_options(write_concern=WriteConcern(w=1, j=False))
        # Which shows the marks at once; and what may yet be taken back, too.
        self._latest = collection.with_options(read_concern=ReadConcern("local"))

    async def prepare(self) -> None:
        """Create the indexes it reads by. Idempotent; raises Unavailable."""
        with translated():
            await self._collection.create_index("owed.id", sparse=True)
            await self._collection.create_index("owed.owed_since", sparse=True)
            await self._collection.create_index("owed.published_at", sparse=True)

    async def due(self, which: Due, *, limit: int) -> Sequence[OwedEvent]:
        """See `OwedStore.due`."""
        with translated():
            late = {"$or": _late(which), "refused_at": {"$not": {"$gte": which.refused}}}
            owing = self._latest.find({**_OWING, "owed": {"$elemMatch": late}}, {"owed": 1})
            cursor = owing.sort("owed.owed_since", 1).limit(limit)
            events = [from_document(str(found["_id"]), each) async for found in cursor for each in found["owed"]]
            due = sorted(filter(which.covers, events), key=lambda event: event.owed_since)
            kept = await self._kept([event.id for event in due]) if due else ()
        return [event for event in due if event.id in kept]

    async def _kept(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the events' ids that a majority has in its journal: the others may never have been owed."""
        owing = self._collection.find({"owed.id": {"$in": ids}}, {"owed.id": 1})
        return frozenset([each["id"] async for found in owing for each in found["owed"]])

    async def mark_published(self, events: Sequence[OwedEvent], at: datetime) -> None:
        """See `OwedStore.mark_published`."""
        among: dict[int, list[str]] = defaultdict(list)
        for event in events:
            among[event.published(at).repeated].append(event.id)
        with translated():
            await self._marks.bulk_write([_marking(repeated, ids, at) for repeated, ids in among.items()])

    async def set_aside(self, event: OwedEvent, at: datetime) -> None:
        """See `OwedStore.set_aside`."""
        until = at + _KEPT_AFTER_REFUSAL
        with translated():
            await self._collection.update_one({"owed.id": event.id}, {"$set": {"owed.$.refused_at": at}})
            # A record that is to be purged is kept for as long as it is refused, which is noted anew at every try.
            await self._collection.update_one(
                {"owed.id": event.id, "purge_at": {"$lt": until}}, {"$set": {"purge_at": until}}
            )

    async def settle(self, event: OwedEvent) -> None:
        """See `OwedStore.settle`."""
        await self.settle_ids([event.id])

    async def settle_ids(self, ids: Sequence[str]) -> None:
        """Take events out of their records, by their ids. Idempotent; raises Unavailable."""
        with translated():
            await self._collection.update_many({"owed.id": {"$in": ids}}, {"$pull": {"owed": {"id": {"$in": ids}}}})

    async def backlog(self) -> tuple[int, int, datetime | None]:
        """See `OwedStore.backlog`."""
        unpublished = {**_OWING, "owed": {"$elemMatch": {"published_at": None}}}
        with translated():
            waiting = await self._latest.count_documents(unpublished)
            awaiting = await self._latest.count_documents({"owed.published_at": {"$gt": _LONG_AGO}})
            oldest = await self._latest.find_one(unpublished, {"owed": 1}, sort=[("owed.owed_since", 1)])
        since = min((each["owed_since"] for each in oldest["owed"]), default=None) if oldest else None
        return waiting, awaiting, since

    async def oldest_unfollowed(self) -> datetime | None:
        """See `OwedStore.oldest_unfollowed`."""
        unfollowed = {**_OWING, "owed": {"$elemMatch": {"awaits_successor": True}}}
        with translated():
            oldest = await self._collection.find_one(unfollowed, {"owed": 1}, sort=[("owed.owed_since", 1)])
        owed = oldest["owed"] if oldest else ()
        return min((each["owed_since"] for each in owed if each["awaits_successor"]), default=None)


def _late(which: Due) -> list[dict[str, Any]]:
    """`Due.covers` as conditions, one of which holds for an event. Of an earlier version, it counts no repetitions."""
    last = len(which.repeated) - 1
    counts: list[dict[str, Any]] = [{"$in": [times, None] if times == 0 else [times]} for times in range(last)]
    repeated = zip([*counts, {"$gte": last}], which.repeated, strict=True)
    return [
        {"published_at": None},
        {"awaits_successor": False, "published_at": {"$lt": which.confirmed}},
        *({"awaits_successor": True, "repeated": count, "published_at": {"$lt": at}} for count, at in repeated),
    ]


def _marking(repeated: int, ids: Sequence[str], at: datetime) -> UpdateMany:
    changed = {"owed.$[each].published_at": at, "owed.$[each].repeated": repeated}
    taken = {"$set": changed, "$unset": {"owed.$[each].refused_at": ""}}
    return UpdateMany({"owed.id": {"$in": ids}}, taken, array_filters=[{"each.id": {"$in": ids}}])
