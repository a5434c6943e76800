"""How much the streams hold, and how many dead letters wait for somebody: gauges, for alerts."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from chassis import dead
from chassis.jetstream import Holding
from chassis.metrics import DEAD_LETTERS, STREAM_BYTES
from chassis.periodic import every

# Seconds between two looks.
PERIOD = 15.0


class Broker(Protocol):
    """Who knows the streams."""

    async def holds(self, stream: str, *, subjects: str) -> Holding:
        """How much a stream holds, and how many messages on each of `subjects`. Raises Unavailable."""


class StreamSizes:
    """`streams` are measured beside the dead letters. One service is enough to look: all would say the same."""

    def __init__(self, broker: Broker, streams: Sequence[str]) -> None:
        self._broker = broker
        self._streams = streams

    async def look(self) -> None:
        """Bring the metrics up to date. Raises Unavailable, and the last known numbers stand."""
        for stream in self._streams:
            STREAM_BYTES.labels(stream).set((await self._broker.holds(stream, subjects="")).size)
        letters = await self._broker.holds(dead.STREAM, subjects=dead.dead_subject("*"))
        # Whose last letter is gone is no longer named.
        DEAD_LETTERS.clear()
        for subject, count in letters.messages.items():
            DEAD_LETTERS.labels(subject.removeprefix(dead.dead_subject(""))).set(count)

    async def run(self, stop: asyncio.Event) -> None:
        """Look every quarter of a minute until `stop` is set."""
        await every(PERIOD, self.look, stop=stop, failing="streams_not_measured")
