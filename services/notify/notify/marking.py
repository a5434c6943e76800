"""How long it is tried to mark a mail that the relay has accepted: one that is not marked is sent again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chassis.errors import Unavailable

# Seconds. A service that is told to stop waits for it.
MARK_FOR, _MARK_EVERY = 60.0, 0.5

T = TypeVar("T")


async def insistently(mark: Callable[[], Awaitable[T]]) -> T:
    """What `mark` returns, called again while the database is away. Raises Unavailable when that is too long."""
    deadline = time.monotonic() + MARK_FOR
    while True:
        try:
            return await mark()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_MARK_EVERY)
