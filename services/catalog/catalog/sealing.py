"""Closing the journal: by one process at a time, over what is whole, under a number that was never told before."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from chassis.errors import Unavailable
from chassis.owed import OwedEvent, owe
from contracts.audit import Seal, Sealed
from contracts.envelope import envelop

from catalog import ports
from catalog.auditing import Archive, Scribe
from catalog.chain import Broken, Link
from catalog.metrics import JOURNAL_ENTRIES, JOURNAL_SEALED, JOURNAL_SEALED_ENTRIES
from catalog.seals import Closing, check_fits, check_follows, hash_of, is_due

Announce = Callable[[Sequence[OwedEvent]], Awaitable[None]]
Offices = Callable[[], Iterable[str]]

_CLAIM = "seal"
# How long a process that died keeps others from sealing; renewed while entries are read. Whoever is overtaken all the
# same makes no second seal: its number is taken.
LEASE = timedelta(seconds=5)


@dataclass(frozen=True)
class Sealing:
    """What sealing needs: the archive, the stream that tells what it must hold, and the word of who is at it."""

    archive: Archive
    trail: ports.Trail
    claims: ports.Claims
    offices: Offices
    announce: Announce
    clock: ports.Clock = lambda: datetime.now(UTC)

    async def seal(self, *, every: timedelta = timedelta()) -> Seal | None:
        """Close the entries since the last seal, where they have waited for `every`; tell each office.

        None where there is nothing to close, or somebody else does it. What is not whole is not sealed. Raises Broken,
        Unavailable.
        """
        last = await self.archive.seals.last()
        if last:
            _tell_of(last)
        if every and not await self._is_time(last, every=every):
            return None
        return await self._alone(partial(self._sealed, every=every))

    async def restore(self) -> None:
        """Have what a restored database lacks, unless somebody else is at it. Raises Broken, Unavailable."""
        await self._alone(self._restored)

    async def _alone(self, step: Callable[[], Awaitable[Seal | None]]) -> Seal | None:
        now = self.clock()
        if not await self.claims.claim(_CLAIM, now=now, until=now + LEASE):
            return None
        try:
            return await step()
        finally:
            await self.claims.hold(_CLAIM, until=now)

    async def _is_time(self, last: Seal | None, *, every: timedelta) -> bool:
        """Whether there is something to close, by its first entry; where that is missing there is something to mend."""
        end = await self.archive.journal.last()
        entries, sealed = end.seq if end else 0, last.last if last else 0
        # Also where this process has not written any since it was started.
        JOURNAL_ENTRIES.set(entries)
        oldest = await self.archive.journal.at(sealed + 1)
        if oldest is None:
            return entries != sealed
        return is_due(last=last, oldest=oldest, now=self.clock(), every=every)

    async def _sealed(self, *, every: timedelta) -> Seal | None:
        last = await self._restored()
        if not await self._is_time(last, every=every):
            return None
        closing = await self._closing(last)
        if not closing.entries:
            return None
        seal = self.archive.keys.signed(closing.facts(after=last, at=self.clock()))
        owing = self._telling(seal)
        if not await self.archive.seals.save(seal, owing=owing):
            return None
        _tell_of(seal)
        await self.announce(owing)
        return seal

    async def _restored(self) -> Seal | None:
        """The last seal, once the entries and seals are here that were told and a restored database lacks."""
        await Scribe(self.archive.journal, self.trail).catch_up()
        last, told = await self.archive.seals.last(), await self.trail.last_seal(self.offices())
        if told is None or (last and told.number < last.number):
            return last
        if last and told.number == last.number:
            if hash_of(told) != hash_of(last):
                raise Broken(f"seal {last.number} is another than the offices were told")
            return last
        async for seal in self.trail.seals():
            if last is None or seal.number > last.number:
                await self._take_back(seal, after=last)
                last = seal
        return last

    async def _take_back(self, seal: Seal, *, after: Seal | None) -> None:
        check_follows(seal, after, keys=self.archive.keys)
        closing = await self._closing(after, last=seal.last)
        if closing.entries != seal.last - seal.first + 1:
            raise Broken(f"entry {seal.first + closing.entries} is missing: seal {seal.number} was made over it")
        check_fits(seal, closing.root)
        # Whoever was told already knows it by its hash.
        if not await self.archive.seals.save(seal, owing=self._telling(seal)):
            raise Unavailable("seal_number_taken")

    async def _closing(self, after: Seal | None, *, last: int | None = None) -> Closing:
        """The entries after a seal, each looked at in its place."""
        before: Link | None = None
        if after:
            before = await self.archive.journal.at(after.last)
            if before is None:
                end = await self.archive.journal.last()
                missing = min(after.last, end.seq + 1 if end else 1)
                raise Broken(f"entry {missing} is missing: a seal was made over it")
        closing = Closing(before)
        async for links in self.archive.journal.read(first=before.seq + 1 if before else 1, last=last):
            await asyncio.to_thread(closing.add, links)
            await self.claims.hold(_CLAIM, until=self.clock() + LEASE)
        return closing

    def _telling(self, seal: Seal) -> list[OwedEvent]:
        told = (envelop(Sealed(**seal.model_dump(), office=office), time=seal.at) for office in self.offices())
        return [owe(str(seal.number), event, now=seal.at, awaits_successor=False) for event in told]


def _tell_of(seal: Seal) -> None:
    """By metrics: it is the last one."""
    JOURNAL_SEALED.set(seal.at.timestamp())
    JOURNAL_SEALED_ENTRIES.set(seal.last)
