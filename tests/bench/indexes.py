"""Collections that are filled without their indexes: made at once afterwards, they cost a fraction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient


@asynccontextmanager
async def without_indexes(mongo: str, collections: Collection[tuple[str, str]]) -> AsyncIterator[None]:
    """Until the context is left, these (database, collection) have none but that of `_id`; then the same as before."""
    client: AsyncMongoClient[dict[str, Any]]
    # Its own, for it waits for as long as that takes.
    async with AsyncMongoClient(mongo) as client:
        specifications = {}
        for database, collection in collections:
            found = await client[database][collection].list_indexes()
            specifications[database, collection] = [
                {key: value for key, value in each.items() if key not in ("v", "ns")}
                async for each in found
                if each["name"] != "_id_"
            ]
            await client[database][collection].drop_indexes()
        yield
        for (database, collection), indexes in specifications.items():
            if indexes:
                await client[database].command({"createIndexes": collection, "indexes": indexes})
