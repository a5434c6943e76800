"""All that the services hold, to see whether a request has changed any of it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import bson
import nats
from nats.aio.client import Client as Nats
from pymongo import AsyncMongoClient

from deploy.local.object_store import connect

from .eventually import eventually

# Every request is counted in the one, also one that is refused; in the other replicas take turns, whatever is asked.
_PASSING = {"limits", "claims"}

Held = Mapping[str, object]


class World:
    """Looks with the operator's keys, at some services' databases. An async context manager."""

    def __init__(self, endpoints: Mapping[str, Any], *, databases: Sequence[str] = ("upload", "catalog")) -> None:
        self._endpoints = endpoints
        self._databases = databases

    async def __aenter__(self) -> Self:
        where, store = self._endpoints["nats"], self._endpoints["s3"]
        self._nats: Nats = await nats.connect(where["url"], user=where["user"], password=where["password"])
        self._mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self._endpoints["mongo"])
        keys = {name: store[name] for name in ("access_key", "secret_key")}
        self._s3 = connect(store["endpoint"], **keys)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._nats.close()
        await self._mongo.close()
        self._s3.close()

    async def held(self) -> Held:
        """What is stored now: a hash of each record, each stream's last sequence, each object's version and hash."""
        return {**await self._records(), **await self._streams(), **await asyncio.to_thread(self._objects)}

    async def mentioning(self, words: Iterable[str]) -> list[str]:
        """The records and objects that hold one of these words, whatever else goes on meanwhile."""
        found = list(await asyncio.to_thread(self._objects))
        for database in self._databases:
            for collection in await self._mongo[database].list_collection_names():
                records = await self._mongo[database][collection].find().to_list()
                found += [f"{database}/{collection}/{record}" for record in records]
        sought = re.compile("|".join(map(re.escape, words)))
        return [each for each in found if sought.search(each)]

    async def settled(self) -> Held:
        """What is stored once nothing has changed for a moment, and nothing waits for a sweeper."""
        before: Held = {}

        async def unchanged() -> bool:
            nonlocal before
            last, before = before, await self.held()
            return last == before and not await self._unpublished()

        await eventually(unchanged, within=20, every=0.1)
        return before

    async def _records(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for database in self._databases:
            for collection in set(await self._mongo[database].list_collection_names()) - _PASSING:
                for record in await self._mongo[database][collection].find().to_list():
                    found[f"{database}/{collection}/{record['_id']}"] = hashlib.sha256(bson.encode(record)).hexdigest()
        return found

    async def _unpublished(self) -> bool:
        owing = {"owed": {"$elemMatch": {"published_at": None}}}
        for database in self._databases:
            for collection in await self._mongo[database].list_collection_names():
                if await self._mongo[database][collection].find_one(owing):
                    return True
        return False

    async def _streams(self) -> dict[str, object]:
        return {info.config.name or "": info.state.last_seq for info in await self._nats.jetstream().streams_info()}

    def _objects(self) -> dict[str, object]:
        staged = self._s3.get_paginator("list_objects_v2").paginate(Bucket="staging")
        kept = self._s3.get_paginator("list_object_versions").paginate(Bucket="ged")
        versions = [each for page in kept for each in page.get("Versions", ())]
        return {
            **{f"staging/{each['Key']}": each["ETag"] for page in staged for each in page.get("Contents", ())},
            **{f"ged/{each['Key']}/{each['VersionId']}": each["ETag"] for each in versions},
        }
