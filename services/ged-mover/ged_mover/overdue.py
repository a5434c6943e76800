"""Tells once that a move has been in trouble for five minutes.

While a store is down for everybody no message is handled to its end, so nothing but the clock can tell.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.periodic import every

from ged_mover.handlers import transfer_failed
from ged_mover.metrics import OVERDUE
from ged_mover.ports import Records

# Seconds between two looks, and records taken up at each.
PERIOD = 3.0
_BATCH = 200
# A move that was cut off, by a crash say, left no trouble of its own.
_UNEXPLAINED = "move_unfinished"


@dataclass(frozen=True)
class OverdueMoves:
    """Looks through the records; any number of replicas may do so, for each event has one id."""

    records: Records

    async def sweep(self) -> int:
        """Owe the event for every overdue move; returns how many there were. Raises Unavailable."""
        now = datetime.now(UTC)
        records = await self.records.overdue(now=now, limit=_BATCH)
        for record in records:
            event = transfer_failed(record, code=record.code or _UNEXPLAINED, retrying=True, now=now)
            await self.records.tell_trouble(record.document, owing=event)
            OVERDUE.inc()
        return len(records)

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every few seconds until `stop` is set."""
        await every(PERIOD, self.sweep, stop=stop)
