"""NATS: the stream of the dead letters, which the catalog reads and never writes but for its own."""

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from chassis.dead import Letter
from chassis.errors import Unavailable
from chassis.jetstream import Stored
from contracts.streams import DEAD

from catalog.dead_letters import DeadLetter, Letters, letter_of

_MOST_TOLD = 100
# Each is asked of the broker by itself, and read whole, whosever it is.
_MOST_READ = 1000
# Seconds. However often admins ask, the broker is asked for the same again only after the first of them.
_KEPT = 3.0
_PATIENCE = 5.0


class Reading(Protocol):
    """What reads a stream: `JetStreamBus`."""

    async def stored(self, stream: str, subject: str, *, after: int | None = None) -> Stored | None:
        """See `JetStreamBus.stored`."""


class NatsDeadLetters:
    """See `ports.DeadLetters`. One reads at a time in each replica."""

    def __init__(self, bus: Reading) -> None:
        self._bus = bus
        self._turn = asyncio.Lock()
        # What was read last, and until when it counts.
        self._kept: dict[tuple[str, int], tuple[Letters, float]] = {}

    async def of(self, office: str, *, after: int = 0) -> Letters:
        """See `ports.DeadLetters`. Raises Unavailable, after some seconds at the latest."""
        try:
            async with asyncio.timeout(_PATIENCE), self._turn:
                return await self._lately(office, after)
        except TimeoutError:
            raise Unavailable("dead_letters_not_read") from None

    async def _lately(self, office: str, after: int) -> Letters:
        now = time.monotonic()
        self._kept = {asked: kept for asked, kept in self._kept.items() if kept[1] > now}
        if (office, after) not in self._kept:
            self._kept[office, after] = (await self._read(office, after), time.monotonic() + _KEPT)
        return self._kept[office, after][0]

    async def _read(self, office: str, after: int) -> Letters:
        found: list[DeadLetter] = []
        # One more than is told: only where there is something more does the list go on.
        for _ in range(_MOST_READ):
            stored = await self._bus.stored(DEAD.name, DEAD.subjects[0], after=after)
            if stored is None:
                return Letters(found, None)
            told: DeadLetter | None = None
            with suppress(ValueError):  # not written by a worker
                letter = Letter.of(stored.subject, stored.headers)
                told = letter_of(stored.sequence, letter, stored.payload, office=office)
            if told and len(found) == _MOST_TOLD:
                return Letters(found, after)
            found += [told] if told else []
            after = stored.sequence
        more = await self._bus.stored(DEAD.name, DEAD.subjects[0], after=after)
        return Letters(found, after if more else None)
