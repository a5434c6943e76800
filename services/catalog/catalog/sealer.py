"""Has the journal sealed when it is time, and looks whether it is whole. Any number of replicas may: one does it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.periodic import pause

from catalog.chain import Broken
from catalog.metrics import JOURNAL_BROKEN, JOURNAL_VERIFIED, JOURNAL_VERIFIED_ENTRIES
from catalog.ports import Stamper
from catalog.sealing import Sealing

# Seconds between two looks.
_PERIOD = 60.0
_CLAIM = "check"
# What was found broken, or could not be read to its end, is looked at again after this, maybe by another replica. It is
# renewed while entries are read: a long journal takes longer.
_AGAIN = timedelta(hours=1)


class Sealer:
    """`every`: from one seal to the next, where there is anything to seal; `check_every`: from one look at all that was
    sealed to the next. Without a `stamper` no seal is stamped."""

    def __init__(
        self, sealing: Sealing, *, every: timedelta, check_every: timedelta, stamper: Stamper | None = None
    ) -> None:
        self._sealing = sealing
        self._every = every
        self._check_every = check_every
        self._stamper = stamper
        self._is_restored = False
        # What was found not to be whole at its last look.
        self._broken: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set."""
        while not stop.is_set():
            await self.look()
            await pause(stop, min(_PERIOD, self._every.total_seconds()))

    async def look(self) -> None:
        """Seal where it is time, have seals stamped, and look at all of it where that is due. What stands against it is
        said, and tried again."""
        if not self._is_restored:
            await self._try("restoring", self._restore)
        await self._try("sealing", self._seal)
        await self._try("stamping", self._stamp)
        await self._try("checking", self._check)

    async def _restore(self) -> bool:
        await self._sealing.restore()
        self._is_restored = True
        return True

    async def _seal(self) -> bool:
        seal = await self._sealing.seal(every=self._every)
        if seal:
            logger().info("journal_sealed", number=seal.number, first=seal.first, last=seal.last)
        return True

    async def _stamp(self) -> bool:
        if self._stamper:
            await self._sealing.archive.stamp(self._stamper)
        return True

    async def _check(self) -> bool:
        claims, clock = self._sealing.claims, self._sealing.clock
        now, lease = clock(), min(_AGAIN, self._check_every)
        if not await claims.claim(_CLAIM, now=now, until=now + lease):
            return False

        async def renew() -> None:
            await claims.hold(_CLAIM, until=clock() + lease)

        checks = await self._sealing.archive.check(going_on=renew)
        await claims.hold(_CLAIM, until=now + self._check_every)
        JOURNAL_VERIFIED.set(now.timestamp())
        JOURNAL_VERIFIED_ENTRIES.set(checks.entries)
        logger().info("journal_verified", entries=checks.entries, seals=checks.seals)
        return True

    async def _try(self, what: str, step: Callable[[], Awaitable[bool]]) -> None:
        try:
            has_looked = await step()
        except Unavailable as down:
            logger().warning(f"{what}_unavailable", code=down.code, reason=str(down))
        except Broken as broken:
            if what not in self._broken:
                logger().error("journal_broken", reason=str(broken), found_by=what)
            self._broken.add(what)
        else:
            if has_looked:
                self._broken.discard(what)
        JOURNAL_BROKEN.set(1 if self._broken else 0)
