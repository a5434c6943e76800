"""The journal and its seals as they stand: written, looked at whether they are whole, stamped."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contracts.envelope import Envelope

from catalog import ports
from catalog.chain import entry_of
from catalog.metrics import JOURNAL_ENTRIES
from catalog.seal_keys import SealKeys
from catalog.seals import Checks, said_by


class Scribe:
    """Writes what the stream tells into the journal, in the stream's order.

    A database that was restored lacks what was told since: before the first entry that this process writes, and before
    each seal, what is missing is read from the stream, so that each entry gets the place that it had.
    """

    def __init__(self, journal: ports.Journal, trail: ports.Trail) -> None:
        self._journal = journal
        self._trail = trail
        self._is_up_to_date = False

    async def write_entry(self, heard: tuple[Envelope, int]) -> Sequence[Envelope]:
        """Write an event of the audit trail, with its sequence in the stream, once. Causes no events."""
        event, sequence = heard
        if not self._is_up_to_date:
            await self.catch_up(before=sequence)
            self._is_up_to_date = True
        await self._write(event, sequence)
        return ()

    async def catch_up(self, *, before: int | None = None) -> None:
        """Write what was told since the last entry (and `before` a sequence). Any number may at once. Raises
        Unavailable."""
        async for event, sequence in self._trail.entries(after=await self._journal.heard()):
            if before is not None and sequence >= before:
                return
            await self._write(event, sequence)

    async def _write(self, event: Envelope, sequence: int) -> None:
        number = await self._journal.write(entry_of(event), heard=sequence)
        if number is not None:
            JOURNAL_ENTRIES.set(number)


@dataclass(frozen=True)
class Archive:
    """The journal, its seals and the keys that sign them."""

    journal: ports.Journal
    seals: ports.Seals
    keys: SealKeys

    async def stamp(self, stamper: ports.Stamper) -> None:
        """Have every seal stamped that isn't. A seal does not wait for its stamp. Raises Unavailable."""
        for seal in await self.seals.unstamped():
            await self.seals.keep_stamp(seal.number, await stamper.stamp(said_by(seal)))

    async def check(self, *, going_on: Callable[[], Awaitable[None]] | None = None) -> Checks:
        """Walk all entries and seals, with `going_on` awaited every some hundred; returns how many there are. Raises
        Broken, Unavailable."""
        checks = await asyncio.to_thread(Checks, await self.seals.all(), self.keys)
        async for links in self.journal.read():
            await asyncio.to_thread(checks.add, links)
            if going_on:
                await going_on()
        checks.end()
        return checks
