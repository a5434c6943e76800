"""What one replica may let in without asking the others: of what all count together it takes a little ahead.

Whoever asks again and again costs the database a question now and then, not several a request. Only requests, and
places among the transfers, are taken ahead; only where that leaves much room, so a limit that is nearly reached is met
exactly; and what is not used within a moment is given back, at once where there is little. Uploads and bytes are
counted one by one.
"""

import asyncio
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chassis.errors import Unavailable
from chassis.limits import KEPT_SECONDS, Amounts, Ask, Counts, Limits, Refusal
from chassis.periodic import pause

# The most that is taken ahead at a time.
_AHEAD = 16
# Seconds until what nobody used is given back.
_SPARE_SECONDS = 0.2


@dataclass
class _Allowance:
    """What this replica has under one key: `requests` and `places` to spare, and places in use.

    `asked` counts who came since it began; `fewest` is the smallest number of spare places since the last look.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0
    places: int = 0
    busy: int = 0
    asked: int = 0
    waiting: int = 0
    fewest: int = 0
    is_fresh: bool = True
    is_roomy: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing stands or happens here."""
        return not (self.requests or self.places or self.busy or self.waiting)

    def lacking(self, ask: Ask) -> Amounts:
        """What is to be taken before this can be let in."""
        return Amounts(
            requests=0 if self.requests else 1,
            transfers=1 if ask.transfer and not self.places else 0,
            uploads=0 if ask.length is None else 1,
            bytes=ask.length or 0,
        )

    def add(self, taken: Amounts) -> None:
        """It is ours."""
        self.requests += taken.requests
        self.places += taken.transfers

    def spend(self, ask: Ask) -> None:
        """Let it in."""
        self.requests -= 1
        if ask.transfer:
            self.places -= 1
            self.busy += 1
        self.fewest = min(self.fewest, self.places)

    def idle(self) -> Amounts:
        """What nobody has used since this was last asked; it is no longer ours."""
        requests = 0 if self.is_fresh else self.requests
        spare = min(self.fewest, self.places)
        self.requests -= requests
        self.places -= spare
        self.fewest, self.is_fresh = self.places, False
        return Amounts(requests=requests, transfers=spare)


class Allowances:
    """See `Counters`. `run` gives back and keeps what is held; one instance a process."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._replica = uuid.uuid4().hex
        self._here: dict[str, _Allowance] = {}
        self._kept_at = time.monotonic()

    async def admit(self, key: str, ask: Ask, limits: Limits) -> Refusal | None:
        """See `Counters.admit`."""
        mine = self._here.setdefault(key, _Allowance())
        mine.waiting += 1
        try:
            async with mine.lock:
                refusal = await self._provide(key, mine, ask, limits)
                if refusal is None:
                    mine.spend(ask)
                return refusal
        finally:
            mine.waiting -= 1

    async def leave(self, key: str, ask: Ask, *, undo: bool) -> None:
        """See `Counters.leave`."""
        mine = self._here[key]
        mine.busy -= 1
        back = Amounts(uploads=1, bytes=ask.length) if undo and ask.length is not None else Amounts()
        if mine.is_roomy:
            mine.places += 1
        else:
            back = replace(back, transfers=1)
        if not back.some:
            return
        try:
            await self._counts.give_back({key: back}, replica=self._replica)
        except Unavailable:
            mine.places += back.transfers  # else it would be kept for as long as anybody of this key comes
            raise

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and everybody has left."""
        while self._here or not stop.is_set():
            await self.tend()
            if stop.is_set():
                await asyncio.sleep(_SPARE_SECONDS)
            else:
                await pause(stop, _SPARE_SECONDS)

    async def tend(self) -> None:
        """Give back what is idle, and from time to time keep the places that are in use."""
        idle = {key: amounts for key, mine in self._here.items() if (amounts := mine.idle()).some}
        try:
            await self._counts.give_back(idle, replica=self._replica)
        except Unavailable:
            for key, amounts in idle.items():
                self._here[key].add(amounts)
        for key in [key for key, mine in self._here.items() if mine.is_empty]:
            del self._here[key]
        if time.monotonic() - self._kept_at > KEPT_SECONDS / 3:
            self._kept_at = time.monotonic()
            with suppress(Unavailable):  # the next time is before they run out
                await self._counts.keep(list(self._here), replica=self._replica)

    async def _provide(self, key: str, mine: _Allowance, ask: Ask, limits: Limits) -> Refusal | None:
        mine.asked, mine.is_fresh = mine.asked + 1, True
        need = mine.lacking(ask)
        if not need.some:
            return None
        # Somebody's first request takes nothing ahead: most come alone.
        taken = await self._counts.take(key, need, limits, replica=self._replica, ahead=min(mine.asked - 1, _AHEAD))
        if isinstance(taken, Refusal):
            # It counts as a request all the same: the shared count has it, or it was taken before.
            mine.requests -= 0 if need.requests else 1
            return taken
        mine.add(taken.amounts)
        if need.transfers:
            mine.is_roomy = taken.is_roomy
        return None
