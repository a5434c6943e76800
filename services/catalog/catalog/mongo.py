"""MongoDB: the document records of one generation, written from events and read as lists.

Collection `documents_g<n>`, one record a document (its shape: see `projection`).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chassis.mongo import Collection, Database, translated
from pymongo import ReturnDocument, UpdateOne

from catalog.listing import Count, Listing, Page, Waiting, page_of
from catalog.model import Document
from catalog.mongo_queries import (
    INDEXES,
    LISTED,
    UNARCHIVED,
    WAITING,
    WAITING_STATE,
    collation,
    conditions,
    counting,
    found,
    grouping,
)
from catalog.projection import Numbered, Record, document_of, operations, passed_on_by, replaced_by

# More is not counted to tell how rare a word is.
_FREQUENT = 200
# What tells what replaces a document.
_PLACE = {"owner": 1, "replaced": 1, "stood_down": 1}


def collection_of(database: Database, generation: int) -> Collection:
    """The records of one generation."""
    return database[f"documents_g{generation}"]


async def prepare(collection: Collection) -> None:
    """Create the indexes the lists read by. Idempotent; raises Unavailable."""
    with translated():
        await collection.create_indexes(INDEXES)


class MongoProjection:
    """See `ports.Projection`. `generation` says which records are written."""

    def __init__(self, database: Database, generation: Callable[[], int]) -> None:
        self._database = database
        self._generation = generation

    async def apply(self, numbered: Numbered) -> Sequence[Document]:
        """See `ports.Projection`."""
        made = operations(numbered)
        collection = collection_of(self._database, self._generation())
        with translated():
            if len(made) == 1:
                found = await collection.find_one_and_update(
                    {"_id": made[0].record}, made[0].update, upsert=True, return_document=ReturnDocument.AFTER
                )
                records = [found]
            else:
                await self.write(collection, made)
                records = await collection.find({"_id": {"$in": [one.record for one in made]}}).to_list(None)
        return await told_by([record for record in records if record and "owner" in record], collection)

    @staticmethod
    async def write(collection: Collection, made: Sequence[Any]) -> None:
        """Many operations in one unordered write; they commute. Raises Unavailable."""
        with translated():
            await collection.bulk_write(
                [UpdateOne({"_id": one.record}, one.update, upsert=True) for one in made], ordered=False
            )


class MongoDocuments:
    """See `ports.Documents` and `ports.Lists`. `generation` says which records serve."""

    def __init__(self, database: Database, generation: Callable[[], int]) -> None:
        self._database = database
        self._generation = generation

    async def get(self, document: str) -> Document | None:
        """See `ports.Documents`."""
        with translated():
            record = await self._records().find_one({"_id": document, "owner": {"$ne": None}})
        found = await told_by([record] if record else [], self._records())
        return next(iter(found), None)

    async def several(self, documents: Sequence[str]) -> Sequence[Document]:
        """See `ports.Documents`."""
        wanted = {"_id": {"$in": list(documents)}, "owner": {"$ne": None}}
        with translated():
            records = await self._records().find(wanted, LISTED).to_list(None)
        return await told_by(records, self._records())

    async def page(self, listing: Listing) -> Page:
        """See `ports.Lists`."""
        cursor = found(self._records(), await self._looked_up(listing))
        with translated():
            records = await cursor.to_list(None)
        return page_of(await told_by(records, self._records()), listing)

    async def counts(self, owners: Sequence[str]) -> Sequence[Count]:
        """See `ports.Lists`."""
        pipeline = counting(owners)
        with translated():
            return [Count(**group["_id"], documents=group["n"]) async for group in self._records().aggregate(pipeline)]

    async def labels(self, owners: Sequence[str]) -> Sequence[str]:
        """See `ports.Lists`."""
        # Grouped, not `distinct`: that reads the records, and this only the index.
        pipeline: list[dict[str, Any]] = [
            {"$match": {"owner": {"$in": list(owners)}, "space": "published"}},
            {"$group": {"_id": "$folder"}},
            {"$sort": {"_id": 1}},
        ]
        with translated():
            used = self._records().aggregate(pipeline, hint="by_folder")
            return [group["_id"] async for group in used]

    async def groups(self, listing: Listing) -> frozenset[tuple[str, int]]:
        """See `ports.Lists`."""
        pipeline = grouping(await self._looked_up(listing))
        with translated():
            groups = self._records().aggregate(pipeline, collation=collation(listing))
            return frozenset([(group["_id"]["label"], group["_id"]["year"]) async for group in groups])

    async def count(self, listing: Listing, *, most: int) -> int:
        """See `ports.Lists`."""
        wanted = conditions(await self._looked_up(listing))
        with translated():
            return await self._records().count_documents(wanted, limit=most)

    async def oldest_unarchived(self) -> datetime | None:
        """See `ports.Lists`."""
        with translated():
            found = await self._records().find_one(UNARCHIVED, {"deposited_at": 1}, sort=[("deposited_at", 1)])
        return found["deposited_at"] if found else None

    async def _looked_up(self, listing: Listing) -> Listing:
        found = await self._rarest_first(listing)
        return replace(found, but=await self._still_replaced(found.owners)) if found.inbox else found

    async def _still_replaced(self, owners: Sequence[str]) -> list[str]:
        """What would wait, if what replaced it and was withdrawn had not been replaced in turn. There are few."""
        wanted = {"owner": {"$in": list(owners)}, "stood_down": {"$exists": True}, **WAITING}
        with translated():
            records = await self._records().find(wanted, _PLACE).to_list(None)
        passed_on = await _passed_on(records, self._records())
        return [record["_id"] for record in records if replaced_by(record, passed_on)]

    async def _rarest_first(self, listing: Listing) -> Listing:
        # Of several words the database looks up the first one, and reads all it finds for the others.
        if len(listing.words) < 2:
            return listing
        frequencies = await asyncio.gather(*(self._frequency(listing.owners, word) for word in listing.words))
        ranked = sorted(zip(frequencies, listing.words, strict=True))
        return replace(listing, words=[word for _, word in ranked])

    async def _frequency(self, owners: Sequence[str], word: str) -> int:
        wanted = {"owner": {"$in": list(owners)}, "personal.words": {"$regex": f"^{word}"}}
        with translated():
            return await self._records().count_documents(wanted, limit=_FREQUENT)

    async def waiting(self, owners: Sequence[str]) -> Sequence[Waiting]:
        """See `ports.Lists`."""
        by = {"owner": "$owner", "folder": "$folder", "state": WAITING_STATE}
        but = await self._still_replaced(owners)
        pipeline: list[dict[str, Any]] = [
            {"$match": {"owner": {"$in": list(owners)}, "_id": {"$nin": but}, **WAITING}},
            {"$group": {"_id": by, "n": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        with translated():
            groups = self._records().aggregate(pipeline)
            return [Waiting(**group["_id"], documents=group["n"]) async for group in groups]

    def _records(self) -> Collection:
        return collection_of(self._database, self._generation())


async def told_by(records: Sequence[Record], collection: Collection) -> list[Document]:
    """The documents that records tell of. Raises Unavailable."""
    passed_on = await _passed_on(records, collection)
    return [document_of(record, passed_on) for record in records]


async def _passed_on(records: Sequence[Record], collection: Collection) -> dict[str, Record]:
    passed_on: dict[str, Record] = {}
    places = records
    while wanted := set().union(*map(passed_on_by, places)) - passed_on.keys():
        with translated():
            places = await collection.find({"_id": {"$in": list(wanted)}}, _PLACE).to_list(None)
        passed_on |= {place["_id"]: place for place in places}
    return passed_on
