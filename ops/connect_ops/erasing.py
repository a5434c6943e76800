"""The erasure of one client, in steps that can each be done again.

  1. The client's entry leaves the directory, so nobody signs in for the account any more; what its people are sending
     is stopped.
  2. What the law does not hold is withdrawn, as any document is: the mover erases every copy, and says so.
  3. Once the services have acknowledged all of the client's events, no message can come again, and what tells of the
     client is removed: records, dead letters, copies that were put off, and the events themselves.

It is over when twice in a row there was nothing left to do. What a replica had in hand at that moment meets the
tombstones, and a later call finds it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import ged_mover.erasure
import notify.erasure
import upload.erasure
from catalog.erasure import Account

from connect_ops.holdings import Holdings, generation_of, look_up
from connect_ops.places import Places

# Seconds between two looks: longer than what is owed waits for its sweeper.
_PAUSE = 3.5
_QUIET_LOOKS = 2


@dataclass
class Erasure:
    """One call of the command. `removed` counts what it removed, by place."""

    places: Places
    office: str
    client: str
    note: Callable[[str], None] = lambda _: None
    removed: Counter[str] = field(default_factory=Counter)

    @property
    def account(self) -> Account:
        """The client's part of the catalog."""
        return Account(self.places.catalog, self.places.catalog_audit, self.office, self.client)

    async def run(self, first: Holdings, *, patience: float) -> tuple[Holdings, list[str]]:
        """Erase; returns what there is afterwards, and what is still waited for when `patience` (seconds) is over.

        Raises Unavailable: what was done stays done.
        """
        until, quiet, held = time.monotonic() + patience, 0, first
        while True:
            changed = await self._withdraw(held)
            waits = [] if changed else await self._waits(held)
            if not changed and not waits:
                quiet = 0 if await self._remove(held) else quiet + 1
            if quiet == _QUIET_LOOKS or time.monotonic() > until:
                return held, waits
            for wait in waits:
                self.note(f"waiting: {wait}")
            await asyncio.sleep(_PAUSE)
            held = await look_up(self.places, office=self.office, client=self.client, subs=held.subs)

    async def _withdraw(self, held: Holdings) -> bool:
        """Close the account, and withdraw what goes; whether that changed anything."""
        changed = held.entry
        if held.entry:
            await self.places.broker.remove_entry(self.office, self.client)
            self._count({"directory": 1})
        stopped = await upload.erasure.stop(self.places.upload, office=self.office, client=self.client)
        withdrawn = 0
        for document in sorted(held.going.difference(held.erased)):
            lapsed = held.locks.get(document) is not None
            withdrawn += await self.account.withdraw(document, held.known.get(document), lapsed=lapsed)
        self._count({"uploads stopped": stopped, "documents withdrawn": withdrawn})
        return bool(changed or stopped or withdrawn)

    async def _waits(self, held: Holdings) -> list[str]:
        """What the services have yet to do, in words."""
        of = {"office": self.office, "client": self.client}
        unerased = held.going.difference(held.erased)
        left = held.going.intersection(held.locks) | await self.places.buckets.staged(held.going)
        moving = await upload.erasure.in_motion(self.places.upload, **of)
        owing = await self.account.in_motion(held.documents)
        late = await self.places.broker.late(held.last, generation=await generation_of(self.places))
        waits = {
            f"upload has {moving} uploads to bring to their end": moving,
            f"catalog has to publish what {owing} records owe, and to write it into the journal": owing,
            f"ged-mover has to erase {len(unerased)} documents": unerased,
            f"copies of {len(left)} documents lie in the buckets": left,
            f"events are not acknowledged by {', '.join(late)}": late,
        }
        return [wait for wait, is_so in waits.items() if is_so]

    async def _remove(self, held: Holdings) -> int:
        """Remove what tells of the client; returns how much there was."""
        of, places = {"office": self.office, "client": self.client}, self.places
        before = self.removed.total()
        # First what would say again what the records are made of.
        for stream, sequences in held.messages.items():
            gone = [await places.broker.erase(stream, sequence) for sequence in sorted(sequences)]
            self._count({stream: sum(gone)})
        found = {
            "upload": await upload.erasure.erase(places.upload, **of, subs=held.subs),
            "catalog": await self.account.erase(held.documents, kept=held.kept, erased=held.erased, subs=held.subs),
            "notify": await notify.erasure.erase(places.notify, **of),
            "ged_mover": await ged_mover.erasure.erase(places.ged_mover, **of),
        }
        for service, counts in found.items():
            self._count({f"{service}.{name}": n for name, n in counts.items()})
        return self.removed.total() - before

    def _count(self, counts: Mapping[str, int]) -> None:
        for what, n in counts.items():
            if n:
                self.removed[what] += n
                self.note(f"{what}: {n}")
