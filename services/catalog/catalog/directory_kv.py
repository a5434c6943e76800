"""The bucket `DIRECTORY`, for who writes it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.bus import Bus
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket, delete, put
from contracts.streams import DIRECTORY

from catalog.settings import CatalogSettings

# Seconds that a command waits for the bus before it gives up.
_PATIENCE = 10.0


class DirectoryBucket:
    """Writes to the bucket. Each write is durable when it returns; all raise Unavailable."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def write(self, key: str, value: bytes) -> None:
        """Put one record in its place."""
        await put(self._bus, bucket=DIRECTORY.name, key=key, value=value)

    async def remove(self, key: str) -> None:
        """Take one record away, whether or not it is there."""
        await delete(self._bus, bucket=DIRECTORY.name, key=key)


@asynccontextmanager
async def opened(settings: CatalogSettings) -> AsyncIterator[tuple[DirectoryBucket, dict[str, bytes]]]:
    """The bucket and its entries as they are now, for a command. Raises Unavailable after ten seconds of silence."""
    async with JetStreamBus.of(settings, name="catalog-command") as bus:
        yield DirectoryBucket(bus), await entries_of(bus)


async def entries_of(bus: JetStreamBus) -> dict[str, bytes]:
    """The bucket's entries as they are now. Raises Unavailable after ten seconds of silence."""
    stop = asyncio.Event()
    copy = WatchedBucket(bus, DIRECTORY.name)
    watching = asyncio.create_task(copy.run(stop))
    try:
        return dict(await copy.first_read(_PATIENCE))
    finally:
        stop.set()
        await watching
