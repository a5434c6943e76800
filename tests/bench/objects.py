"""The store alone, asked by boto3 from threads: what a document costs that nobody checks, records or tells of."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from deploy.local.object_store import connect


class Objects:
    """`threads` threads at a store's endpoint, with the operator's keys. A context manager."""

    def __init__(self, s3: dict[str, Any], *, threads: int) -> None:
        self._buckets: dict[str, str] = s3["buckets"]
        self._pool = ThreadPoolExecutor(threads)
        self._client = connect(
            s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"], connections=threads
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._client.close()

    async def puts(self, content: bytes, *, count: int) -> float:
        """Write objects into staging; returns how many a second."""
        return await self._timed(lambda: self._put(content), count=count)

    async def journeys(self, content: bytes, *, count: int) -> float:
        """What a document's way asks of the store: put, get, put with a lock, delete; returns how many a second."""
        return await self._timed(lambda: self._journey(content), count=count)

    async def _timed(self, deed: Callable[[], object], *, count: int) -> float:
        loop, started = asyncio.get_running_loop(), time.monotonic()
        await asyncio.gather(*(loop.run_in_executor(self._pool, deed) for _ in range(count)))
        return count / (time.monotonic() - started)

    def _put(self, content: bytes) -> str:
        key = f"bench/{uuid.uuid4()}"
        self._client.put_object(Bucket=self._buckets["staging"], Key=key, Body=content)
        return key

    def _journey(self, content: bytes) -> None:
        key, staging, ged = self._put(content), self._buckets["staging"], self._buckets["ged"]
        read = self._client.get_object(Bucket=staging, Key=key)["Body"].read()
        self._client.put_object(
            Bucket=ged,
            Key=key,
            Body=read,
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=1),
        )
        self._client.delete_object(Bucket=staging, Key=key)
