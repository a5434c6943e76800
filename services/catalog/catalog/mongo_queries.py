"""A listing as MongoDB reads it: the filter, the order, and the indexes that both are read by."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.french import PARIS
from chassis.mongo import Collection
from motor.motor_asyncio import AsyncIOMotorCursor
from pymongo import ASCENDING, DESCENDING, IndexModel

from catalog.listing import Cursor, Listing, Sort
from catalog.model import State

# Strength 3 tells case and accents apart, so two ids never compare equal under it.
_FRENCH = {"locale": "fr", "strength": 3}
# Seconds. What replaced a document and was erased still leads to what replaced it in turn, so that stays.
_ERASED_KEPT = 365 * 24 * 3600
_FORGOTTEN = {"erased_at": {"$gt": datetime(2000, 1, 1, tzinfo=UTC)}, "replaced": None}
_FIELDS = {"name": "personal.name", "deposited_at": "deposited_at", "size": "size", "taken_at": "decision.at"}
_STATES: Mapping[State, Mapping[str, Any]] = {
    "erased": {"erased_at": {"$ne": None}},
    "withdrawn": {"erased_at": None, "decision.kind": "withdrawn"},
    "taken": {"erased_at": None, "decision.kind": "taken"},
    "returned": {"erased_at": None, "decision.kind": "returned"},
    "archived": {"erased_at": None, "decision": None, "archived": {"$ne": None}},
    "deposited": {"erased_at": None, "decision": None, "archived": None},
}
_SHOWN = {"erased_at": None, "decision.kind": {"$ne": "withdrawn"}}
# The rule of `projection` for what replaces a document, in MongoDB's words.
# The first step of it: a replacement that was withdrawn may have been replaced itself.
_REPLACING = {
    "$and": [
        {"$eq": ["$$this.owner", "$owner"]},
        {"$not": {"$in": ["$$this.document", {"$ifNull": ["$stood_down", []]}]}},
    ]
}
WAITING = {
    "space": "deposits",
    "erased_at": None,
    "decision.kind": {"$in": [None, "returned"]},
    "$expr": {"$eq": [[], {"$filter": {"input": {"$ifNull": ["$replaced", []]}, "cond": _REPLACING}}]},
}
# A waiting document's state.
WAITING_STATE = {
    "$cond": [
        {"$eq": ["$decision.kind", "returned"]},
        "returned",
        {"$cond": [{"$gt": ["$archived", None]}, "archived", "deposited"]},
    ]
}
INDEXES = [
    IndexModel([("owner", ASCENDING), ("space", ASCENDING), ("deposited_at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel(
        [("owner", ASCENDING), ("space", ASCENDING), ("personal.name", ASCENDING), ("_id", ASCENDING)],
        collation=_FRENCH,
        name="by_french_name",
    ),
    # An order under a collation can only be read together with an index under the same one.
    IndexModel([("owner", ASCENDING), ("personal.words", ASCENDING)], collation=_FRENCH, name="by_french_words"),
    IndexModel([("owner", ASCENDING), ("space", ASCENDING), ("size", ASCENDING), ("_id", ASCENDING)]),
    IndexModel([("owner", ASCENDING), ("changed_at", ASCENDING)]),
    IndexModel([("owner", ASCENDING), ("personal.words", ASCENDING)]),
    IndexModel([("owner", ASCENDING), ("personal.sha256", ASCENDING)]),
    IndexModel(
        [(field, ASCENDING) for field in ("owner", "space", "folder", "decision.kind", "erased_at")], name="by_folder"
    ),
    IndexModel([("owner", ASCENDING), ("decision.kind", ASCENDING), ("decision.at", DESCENDING)]),
    # What waits is little beside what was taken in charge in all the years.
    IndexModel(
        [("owner", ASCENDING), ("space", ASCENDING), ("decision.kind", ASCENDING), ("deposited_at", DESCENDING)],
        name="by_decision",
    ),
    IndexModel(
        [("erased_at", ASCENDING)],
        name="forgotten",
        expireAfterSeconds=_ERASED_KEPT,
        partialFilterExpression=_FORGOTTEN,
    ),
    IndexModel([("deposited_at", ASCENDING)], name="by_unarchived", partialFilterExpression={"archived": None}),
    # Written when a document is locked, and gone with it: a deposit does not touch it.
    IndexModel(
        [("retained.until", ASCENDING)],
        name="by_retention_end",
        partialFilterExpression={"retained.until": {"$exists": True}, "erased_at": None},
    ),
    IndexModel([("owner", ASCENDING)], name="by_stood_down", partialFilterExpression={"stood_down": {"$exists": True}}),
]
UNARCHIVED = {"archived": None, **_SHOWN, "owner": {"$ne": None}}
# What no list shows.
LISTED = {"sequences": 0, "personal.words": 0, "personal.receipt": 0}


def found(records: Collection, listing: Listing) -> AsyncIOMotorCursor[dict[str, Any]]:
    """The records of a page and one more, read away from the listing's cursor. Raises nothing before it is read."""
    # The page before is read backwards, from where this one begins.
    order = DESCENDING if listing.sort.descending != bool(listing.before) else ASCENDING
    sort = [(_FIELDS[listing.sort.key], order), ("_id", order)]
    cursor = records.find(conditions(listing), LISTED, sort=sort, limit=listing.limit + 1)
    return cursor.collation(collation(listing))


def collation(listing: Listing) -> Mapping[str, Any] | None:
    """What a listing's conditions and order compare texts by; None is by their bytes."""
    return _FRENCH if listing.sort.key == "name" else None


def lapsing(*, office: str | None, now: datetime) -> dict[str, Any]:
    """What was taken in charge and whose retention has ended, of an office or of all, as a filter."""
    ended: dict[str, Any] = {"retained.until": {"$lte": now}, "erased_at": None, "decision.kind": "taken"}
    return ended if office is None else {**ended, "owner": {"$regex": f"^{re.escape(office)}/"}}


def counting(owners: Sequence[str]) -> list[dict[str, Any]]:
    """The pipeline that counts what each folder shows, as `Count`s with `n`."""
    # Grouped by all that tells what is shown, and left out only then: so the index alone answers.
    told = {"kind": "$decision.kind", "gone": {"$gt": ["$erased_at", None]}}
    folder = {"owner": "$owner", "space": "$space", "folder": "$folder"}
    return [
        {"$match": {"owner": {"$in": list(owners)}}},
        {"$group": {"_id": {**folder, **told}, "n": {"$sum": 1}}},
        {"$match": {"_id.gone": False, "_id.kind": {"$ne": "withdrawn"}}},
        {"$group": {"_id": {name: f"$_id.{name}" for name in folder}, "n": {"$sum": "$n"}}},
        {"$sort": {"_id": 1}},
    ]


def grouping(listing: Listing) -> list[dict[str, Any]]:
    """The pipeline that finds the label and the year, in Paris, of whatever a listing has."""
    year = {"$year": {"date": "$deposited_at", "timezone": PARIS.key}}
    return [{"$match": conditions(listing)}, {"$group": {"_id": {"label": "$folder", "year": year}}}]


def conditions(listing: Listing) -> dict[str, Any]:
    """A listing as a MongoDB filter."""
    wanted: list[Mapping[str, Any]] = [{"owner": {"$in": list(listing.owners)}}]
    plain = {"space": listing.space, "folder": listing.folder, "personal.sha256": listing.sha256}
    wanted += [{field: value} for field, value in plain.items() if value is not None]
    if listing.states:
        wanted.append({"$or": [_STATES[state] for state in listing.states]})
    elif listing.changed_since is None:
        wanted.append(_SHOWN)
    if listing.discreet and listing.tells_content:
        wanted.append({"$or": [{"space": "deposits"}, _SHOWN]})
    for word in listing.words:
        # Words hold letters and digits only, so none needs escaping.
        wanted.append({"personal.words": {"$regex": f"^{word}"}})
        if listing.sort.key == "name" and word.isascii():
            wanted.append(_begins_with(word))
    if listing.changed_since is not None:
        wanted.append({"changed_at": {"$gte": listing.changed_since}})
    if listing.inbox:
        wanted.append(WAITING)
    if listing.but:
        wanted.append({"_id": {"$nin": list(listing.but)}})
    if listing.decided_from:
        wanted.append({"decision.at": {"$gte": listing.decided_from}})
    if listing.decided_before:
        wanted.append({"decision.at": {"$lt": listing.decided_before}})
    if listing.after:
        wanted.append(_beyond(listing.after, sort=listing.sort, descending=listing.sort.descending))
    if listing.before:
        wanted.append(_beyond(listing.before, sort=listing.sort, descending=not listing.sort.descending))
    return {"$and": wanted}


def _begins_with(word: str) -> Mapping[str, Any]:
    # Says nothing that the regular expression doesn't, but that one cannot bound an index under a collation. U+FFFF
    # sorts after every letter there. Source: Unicode TR35, 1.4 (collation). Other scripts are left to the expression:
    # in some of them a beginning doesn't sort as it reads.
    return {"personal.words": {"$elemMatch": {"$gte": word, "$lt": f"{word}\uffff"}}}


def _beyond(cursor: Cursor, *, sort: Sort, descending: bool) -> Mapping[str, Any]:
    field, beyond = _FIELDS[sort.key], "$lt" if descending else "$gt"
    # The first condition says nothing new, but bounds the index: what lies before is not even looked at.
    return {
        field: {f"{beyond}e": cursor.value},
        "$or": [{field: {beyond: cursor.value}}, {"_id": {beyond: cursor.id}}],
    }
