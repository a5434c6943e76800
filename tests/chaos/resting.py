"""Waiting until everything has come to rest: also what is doubled late is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Seen = TypeVar("Seen")

# Seconds.
LOOK_EVERY = 2.0
REST = 8.0


async def at_rest(
    look: Callable[[], Awaitable[Seen]], *, is_clean: Callable[[Seen], bool], within: float
) -> tuple[Seen, float]:
    """What was seen at the second of two clean looks in a row, `REST` apart, and how many seconds the first took.

    Past `within` seconds, what is seen then, be it as it may.
    """
    started = time.monotonic()
    while True:
        seen, seconds = await look(), time.monotonic() - started
        if is_clean(seen):
            await asyncio.sleep(REST)
            seen = await look()
        if is_clean(seen) or seconds > within:
            return seen, seconds
        await asyncio.sleep(LOOK_EVERY)
