"""What intake holds of one client, and its erasure. Everything here can be done again, and beside running replicas."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.mongo import Database, translated
from chassis.mongo_limits import COLLECTION as LIMITS
from chassis.mongo_limits import counted_people, forget_people
from contracts.envelope import MalformedEvent, decode
from contracts.subjects import subject_of

from upload import model
from upload.mongo import COLLECTION as UPLOADS

_OPEN = {"$nin": [*model.FINISHED, "refused", "abandoned"]}
# Not settled, or bytes of it may lie in staging, or an event of it was never published.
_IN_MOTION = {
    "$or": [
        {"state": _OPEN, "depositor": {"$exists": True}},
        {"state": "owed"},
        {"leftovers": True},
        {"owed.published_at": None, "owed.0": {"$exists": True}},
    ]
}


async def documents(database: Database, *, office: str, client: str) -> frozenset[str]:
    """Ids of the client's documents. Raises Unavailable."""
    with translated():
        finished = {**_of(office, client), "state": {"$in": list(model.FINISHED)}}
        return frozenset(await database[UPLOADS].distinct("_id", finished))


async def depositors(database: Database, *, office: str, client: str) -> frozenset[str]:
    """The `sub` of whoever deposited for the client. Raises Unavailable."""
    with translated():
        wanted = {**_of(office, client), "space": "deposits", "depositor": {"$exists": True}}
        return frozenset(await database[UPLOADS].distinct("depositor.sub", wanted))


async def stop(database: Database, *, office: str, client: str) -> int:
    """Abandon the uploads that are not finished, and take them from whoever writes; returns how many. The sweeper of a
    replica removes their bytes, once the writer is gone. Nobody is told, for nothing of them is to be kept. Raises
    Unavailable."""
    now = datetime.now(UTC)
    ended: dict[str, Any] = {"state": "abandoned", "code": "cancelled", "creation": None, "counted": []}
    removal = {"leftovers": True, "due": now, "purge_at": now + model.KEPT_AFTER_REFUSAL}
    with translated():
        stopped = await database[UPLOADS].update_many(
            {**_of(office, client), "state": _OPEN, "depositor": {"$exists": True}},
            {"$inc": {"epoch": 1}, "$set": {**ended, **removal}},
        )
    return stopped.modified_count


async def in_motion(database: Database, *, office: str, client: str) -> int:
    """Uploads that intake has yet to bring to their end. Raises Unavailable."""
    with translated():
        return await database[UPLOADS].count_documents({**_of(office, client), **_IN_MOTION})


async def holdings(database: Database, *, office: str, client: str, subs: Collection[str]) -> Mapping[str, int]:
    """How many records `erase` would remove, by collection. Raises Unavailable."""
    with translated():
        uploads = await database[UPLOADS].count_documents(_of(office, client))
    limits = await counted_people(database, office=office, subs=subs)
    return {UPLOADS: uploads + len(await _closings(database, office, client)), LIMITS: limits}


async def erase(database: Database, *, office: str, client: str, subs: Collection[str]) -> Mapping[str, int]:
    """Remove the client's records, and what `subs` are counted by; returns how many, by collection. To be called once
    nothing is in motion. Raises Unavailable."""
    closings = await _closings(database, office, client)
    with translated():
        uploads = await database[UPLOADS].delete_many({**_of(office, client), "$nor": [_IN_MOTION]})
        closed = await database[UPLOADS].delete_many({"_id": {"$in": closings}})
    limits = await forget_people(database, office=office, subs=subs)
    return {UPLOADS: uploads.deleted_count + closed.deleted_count, LIMITS: limits}


def _of(office: str, client: str) -> dict[str, Any]:
    return {"office": office, "client.id": client}


async def _closings(database: Database, office: str, client: str) -> list[str]:
    """The closings of the client's deposits that are still owed; they hold nothing but the event."""
    owing = {"owed.topic": subject_of("deposit_closed", office), "depositor": {"$exists": False}}
    with translated():
        found = await database[UPLOADS].find(owing, {"owed": 1}).to_list(None)
    return [each["_id"] for each in found if any(_tells_of(owed, client) for owed in each["owed"])]


def _tells_of(owed: Mapping[str, Any], client: str) -> bool:
    try:
        return bool(decode(owed["payload"], owed["topic"]).data.client == client)
    except MalformedEvent:
        return False
