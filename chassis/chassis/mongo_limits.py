"""The counts that limits go by, in MongoDB: one document a person or address, changed in one atomic step.

They are worth no journal: what a crash of the database loses is allowed once more. Times are the database's, so
replicas need not agree on theirs.

Of open uploads the count only rises. Where it would refuse, they are counted and it is set to what there are and what
is being created right now, so it never stands below the truth.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument, UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from chassis.limits import (
    BYTES_PERIOD,
    KEPT_SECONDS,
    REQUESTS_PERIOD,
    Amounts,
    Limit,
    Limits,
    Refusal,
    Taken,
    person_key,
)
from chassis.mongo import Collection as Records
from chassis.mongo import Database, translated

COLLECTION = "limits"
# Seconds until a place among the transfers, or the open uploads, may be free.
_DELAYS: dict[str, float] = {"transfers": 2.0, "uploads": 30.0}
_DAY_MS = 24 * 3600 * 1000
_KEPT_UNTIL = {"$add": ["$$NOW", int(KEPT_SECONDS * 1000)]}
# An entry of an earlier version is one transfer's.
_PLACES = {"$ifNull": ["$$this.n", 1]}
_IS_HELD = {"$and": [{"$gt": ["$$this.until", "$$NOW"]}, {"$gt": [_PLACES, 0]}]}
_HELD = {"$filter": {"input": {"$ifNull": ["$held", []]}, "cond": _IS_HELD}}
# Nothing is taken ahead beyond this part of what is left: so all replicas together keep little from anybody.
_SHARE = 16
# So little drains meanwhile that it makes no difference, nor does what the clocks differ by.
_A_MOMENT = timedelta(seconds=60)
# A flood of refusals is not to be one of recounts.
_RECOUNT_EVERY = timedelta(seconds=1)


async def _none(_: str) -> int:
    return 0


class MongoCounts:
    """See `Counts`. `kept`: how long a count stays after the last request; `open_under` counts the open uploads of a
    key, and may raise Unavailable."""

    def __init__(
        self, database: Database, *, kept: timedelta, open_under: Callable[[str], Awaitable[int]] = _none
    ) -> None:
        self._counts = counts_in(database).with_options(write_concern=WriteConcern(w=1, j=False))
        # In whole days: so the index seldom changes.
        self._purge_at = {"$add": [{"$dateTrunc": {"date": "$$NOW", "unit": "day"}}, (kept.days + 1) * _DAY_MS]}
        self._open_under = open_under

    async def prepare(self) -> None:
        """Create the index. Idempotent; raises Unavailable."""
        with translated():
            await self._counts.create_index("purge_at", expireAfterSeconds=0)

    async def take(self, key: str, need: Amounts, limits: Limits, *, replica: str, ahead: int) -> Taken | Refusal:
        """See `Counts.take`."""
        if not (need.requests or need.transfers) and await self._add(key, need, limits):
            return Taken(need, is_roomy=True)
        steps = [{"$set": {"purge_at": self._purge_at}}, *_taking(need, limits, replica=replica, ahead=ahead)]
        count = await self._changed(key, steps)
        if count["refused"] == "uploads" and _is_due_for_recount(count):
            await self._recount(key, count)
            count = await self._changed(key, steps)
        refused: Limit | None = count["refused"]
        if refused is not None:
            return Refusal(refused, _delay(refused, count, need, limits))
        amounts = Amounts(**count["taken"], uploads=need.uploads, bytes=need.bytes)
        return Taken(amounts, is_roomy=limits.transfers is None or limits.transfers - count["places"] > _SHARE)

    async def give_back(self, idle: Mapping[str, Amounts], *, replica: str) -> None:
        """See `Counts.give_back`."""
        changes = [_giving_back(key, amounts, replica=replica) for key, amounts in idle.items()]
        if changes:
            with translated():
                await self._counts.bulk_write(changes, ordered=False)

    async def keep(self, keys: Sequence[str], *, replica: str) -> None:
        """See `Counts.keep`."""
        until = {"$cond": [_is_of(replica), _KEPT_UNTIL, "$$this.until"]}
        kept = {"$map": {"input": "$held", "in": {"$mergeObjects": ["$$this", {"until": until}]}}}
        with translated():
            await self._counts.update_many({"_id": {"$in": list(keys)}, "held.id": replica}, [{"$set": {"held": kept}}])

    async def _add(self, key: str, need: Amounts, limits: Limits) -> bool:
        """Count an upload where it surely fits, by the counts of a moment ago: that costs the database the least."""
        fits: dict[str, Any] = {"_id": key, "at": {"$gt": datetime.now(UTC) - _A_MOMENT}}
        if limits.uploads is not None:
            fits["uploads"] = {"$lte": limits.uploads - need.uploads}
        if limits.bytes_a_day is not None:
            fits["bytes"] = {"$lte": limits.bytes_a_day - need.bytes}
        with translated():
            added = await self._counts.update_one(fits, {"$inc": {"uploads": need.uploads, "bytes": need.bytes}})
        return added.matched_count > 0

    async def _changed(self, key: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        with translated():
            count: dict[str, Any] = await self._counts.find_one_and_update(
                {"_id": key}, steps, upsert=True, return_document=ReturnDocument.AFTER
            )
        return count

    async def _recount(self, key: str, seen: dict[str, Any]) -> None:
        """Bring the open uploads down to what there are. What is being created was admitted, and stands in `held`;
        where the count has changed since it was `seen`, somebody else has done it."""
        there = await self._open_under(key)
        with translated():
            now = min(seen["uploads"], there + seen["places"])
            await self._counts.update_one(
                {"_id": key, "uploads": seen["uploads"]}, [{"$set": {"uploads": now, "recounted_at": "$$NOW"}}]
            )


def counts_in(database: Database) -> Records:
    """The counts as they are at this moment, for no majority need have them in its journal."""
    return database[COLLECTION].with_options(read_concern=ReadConcern("local"))


async def counted_people(database: Database, *, office: str, subs: Collection[str]) -> int:
    """How many of these people are counted. Raises Unavailable."""
    with translated():
        return await counts_in(database).count_documents(_of_people(office, subs))


async def forget_people(database: Database, *, office: str, subs: Collection[str]) -> int:
    """Forget what these people are counted by; returns how many were. Raises Unavailable."""
    with translated():
        return (await database[COLLECTION].delete_many(_of_people(office, subs))).deleted_count


def _of_people(office: str, subs: Collection[str]) -> dict[str, Any]:
    return {"_id": {"$in": [person_key(office=office, sub=sub) for sub in sorted(subs)]}}


def _is_due_for_recount(counter: dict[str, Any]) -> bool:
    last: datetime | None = counter.get("recounted_at")
    return last is None or counter["at"] - last > _RECOUNT_EVERY


def _taking(need: Amounts, limits: Limits, *, replica: str, ahead: int) -> list[dict[str, Any]]:
    """The steps of a pipeline: the counts as they stand, the verdict, what is taken, the counts then."""
    places = {"$sum": {"$map": {"input": "$held", "in": _PLACES}}}
    taken = {
        "requests": _taken("$requests", need.requests, limits.requests, ahead),
        "transfers": _taken("$places", need.transfers, limits.transfers, ahead),
    }
    admitted = {"$eq": ["$refused", None]}
    counted: dict[str, Any] = {"requests": {"$add": ["$requests", "$taken.requests"]}}
    if need.transfers:
        mine = {"id": replica, "n": {"$add": [_held_by(replica), "$taken.transfers"]}, "until": _KEPT_UNTIL}
        others = {"$filter": {"input": "$held", "cond": {"$not": [_is_of(replica)]}}}
        counted["held"] = {"$cond": [admitted, {"$concatArrays": [others, [mine]]}, "$held"]}
    if need.uploads:
        counted["uploads"] = {"$cond": [admitted, {"$add": ["$uploads", need.uploads]}, "$uploads"]}
        counted["bytes"] = {"$cond": [admitted, {"$add": ["$bytes", need.bytes]}, "$bytes"]}
    return [
        {"$set": _as_it_stands(limits)},
        {"$set": {"places": places}},
        {"$set": {"refused": _verdict(need, limits)}},
        {"$set": {"taken": taken}},
        {"$set": counted},
    ]


def _as_it_stands(limits: Limits) -> dict[str, Any]:
    """The counts at this moment: drained, and without the places that were given up."""
    return {
        "requests": _drained("$requests", limits.requests, REQUESTS_PERIOD),
        "bytes": _drained("$bytes", limits.bytes_a_day, BYTES_PERIOD),
        "uploads": {"$max": [{"$ifNull": ["$uploads", 0]}, 0]},
        "held": _HELD,
        "at": "$$NOW",
    }


def _taken(level: str, need: int, limit: int | None, ahead: int) -> Any:
    """What is needed and, of what is then left, at most a share; a refusal takes a request that none was spared for."""
    if not need:
        return 0
    more: Any = need * ahead
    if limit is not None:
        share = {"$floor": {"$divide": [{"$subtract": [limit, {"$add": [level, need]}]}, _SHARE]}}
        more = {"$toInt": {"$max": [{"$min": [more, share]}, 0]}}
    refused = {"$cond": [{"$eq": ["$refused", "requests"]}, 0, need]} if level == "$requests" else 0
    return {"$cond": [{"$eq": ["$refused", None]}, {"$add": [need, more]}, refused]}


def _giving_back(key: str, amounts: Amounts, *, replica: str) -> UpdateOne:
    """Of uploads, bytes and requests less than nothing is none, once they are next looked at."""
    named = {
        "requests": amounts.requests,
        "uploads": amounts.uploads,
        "bytes": amounts.bytes,
        "held.$[mine].n": amounts.transfers,
    }
    less = {"$inc": {name: -count for name, count in named.items() if count}}
    if not amounts.transfers:
        return UpdateOne({"_id": key}, less)
    return UpdateOne({"_id": key, "held.id": replica}, less, array_filters=[{"mine.id": replica}])


def _is_of(replica: str) -> dict[str, Any]:
    return {"$eq": ["$$this.id", replica]}


def _held_by(replica: str) -> dict[str, Any]:
    mine = {"$filter": {"input": "$held", "cond": _is_of(replica)}}
    return {"$sum": {"$map": {"input": mine, "in": "$$this.n"}}}


def _drained(level: str, limit: int | None, period: float) -> dict[str, Any] | int:
    if limit is None:
        return 0
    elapsed = {"$max": [{"$subtract": ["$$NOW", {"$ifNull": ["$at", "$$NOW"]}]}, 0]}
    return {"$max": [{"$subtract": [{"$ifNull": [level, 0]}, {"$multiply": [elapsed, limit / (period * 1000)]}]}, 0]}


def _verdict(need: Amounts, limits: Limits) -> Any:
    """The limit that stands against it, or null."""
    asked: list[tuple[Limit, str, int, int | None]] = [
        ("requests", "$requests", need.requests, limits.requests),
        ("transfers", "$places", need.transfers, limits.transfers),
        ("uploads", "$uploads", need.uploads, limits.uploads),
        ("bytes", "$bytes", need.bytes, limits.bytes_a_day),
    ]
    branches = [
        {"case": {"$gt": [{"$add": [level, wanted]}, limit]}, "then": name}
        for name, level, wanted, limit in asked
        if wanted and limit is not None
    ]
    return {"$switch": {"branches": branches, "default": None}} if branches else None


def _delay(refused: Limit, counter: dict[str, Any], need: Amounts, limits: Limits) -> float:
    if refused == "requests" and limits.requests:
        return float((counter["requests"] + need.requests - limits.requests) * REQUESTS_PERIOD / limits.requests)
    if refused == "bytes" and limits.bytes_a_day:
        over = counter["bytes"] + need.bytes - limits.bytes_a_day
        return float(over * BYTES_PERIOD / limits.bytes_a_day)
    return _DELAYS[refused]
