"""Wakes what is overdue: digests whose wake-up was lost, replaced by a later one, or never set."""

import asyncio
from functools import partial

from chassis.periodic import every

from notify.handlers import Clock
from notify.ports import Alarm, Digests

# Seconds.
PERIOD = 3.0
_BATCH = 100


async def sweep(*, digests: Digests, alarm: Alarm, clock: Clock) -> int:
    """Wake the overdue digests; returns how many. Raises Unavailable."""
    now = clock()
    overdue = await digests.overdue(now=now, limit=_BATCH)
    for digest in overdue:
        await alarm.set(f"digest.{digest}", now)
    return len(overdue)


async def run_sweeper(stop: asyncio.Event, *, digests: Digests, alarm: Alarm, clock: Clock) -> None:
    """Sweep every few seconds until `stop` is set."""
    await every(PERIOD, partial(sweep, digests=digests, alarm=alarm, clock=clock), stop=stop)
