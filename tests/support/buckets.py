"""A service's copy of a bucket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket


@asynccontextmanager
async def watched(bus: JetStreamBus, bucket: str) -> AsyncIterator[WatchedBucket]:
    """A copy that is kept, as long as the body runs."""
    copy = WatchedBucket(bus, bucket)
    stop = asyncio.Event()
    task = asyncio.create_task(copy.run(stop))
    try:
        yield copy
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)
