"""What the mover holds of one client, and its erasure. Everything here can be done again, and beside running replicas.

The tombstone of an erased document stays, ids alone: an event that comes late meets it, and brings nothing back.
"""

from collections.abc import Collection, Mapping
from typing import Any

from chassis.mongo import Database, translated

from ged_mover.mongo import COLLECTION

_TOMBSTONE = ("office", "client", "space", "attempt", "withdrawn_at", "erased_at")


async def documents(database: Database, *, office: str, client: str) -> frozenset[str]:
    """Ids of the client's documents. Raises Unavailable."""
    with translated():
        return frozenset(await database[COLLECTION].distinct("_id", _of(office, client)))


async def erased(database: Database, *, office: str, client: str) -> frozenset[str]:
    """Ids of those that no copy is left of. Raises Unavailable."""
    with translated():
        wanted = {**_of(office, client), "erased_at": {"$ne": None}}
        return frozenset(await database[COLLECTION].distinct("_id", wanted))


async def holdings(database: Database, *, office: str, client: str, kept: Collection[str]) -> Mapping[str, int]:
    """How many records `erase` would reduce to their tombstone once their documents are erased. Raises Unavailable."""
    with translated():
        records = database[COLLECTION].find({**_of(office, client), "_id": {"$nin": sorted(kept)}})
        return {COLLECTION: len([each["_id"] async for each in records if not _is_bare(each)])}


async def erase(database: Database, *, office: str, client: str) -> Mapping[str, int]:
    """Reduce the records of erased documents to their tombstones; returns how many. Raises Unavailable."""
    reduced = 0
    with translated():
        async for record in database[COLLECTION].find({**_of(office, client), "erased_at": {"$ne": None}}):
            if not _is_bare(record):
                bare = {name: record[name] for name in _TOMBSTONE if name in record}
                await database[COLLECTION].replace_one({"_id": record["_id"]}, bare)
                reduced += 1
    return {COLLECTION: reduced}


def _of(office: str, client: str) -> dict[str, Any]:
    return {"office": office, "client": client}


def _is_bare(record: Mapping[str, Any]) -> bool:
    # An event that is settled leaves an empty list.
    return all(name in ("_id", *_TOMBSTONE) for name, value in record.items() if value != [])
