"""How old the oldest is that a service has begun and not brought to its end: the one number that says "stuck"."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from chassis.metrics import OLDEST_UNFINISHED
from chassis.periodic import every

# Seconds between two looks.
PERIOD = 10.0

Since = Callable[[], Awaitable[datetime | None]]


class OldestUnfinished:
    """`since` tells, for each kind, since when its oldest has waited, None where there is none; it may raise
    Unavailable, and the last known age stands."""

    def __init__(self, since: Mapping[str, Since]) -> None:
        self._since = since

    async def look(self) -> None:
        """Bring the metric up to date. Raises Unavailable."""
        for kind, ask in self._since.items():
            since = await ask()
            age = (datetime.now(UTC) - since).total_seconds() if since else 0.0
            # Some wait for a time that is still to come.
            OLDEST_UNFINISHED.labels(kind).set(max(0.0, age))

    async def run(self, stop: asyncio.Event) -> None:
        """Look every ten seconds until `stop` is set."""
        await every(PERIOD, self.look, stop=stop, failing="unfinished_unknown")
