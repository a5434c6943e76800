"""Waiting until everything has come to rest: also what is doubled late is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

Seen = TypeVar("Seen")

# Seconds.
LOOK_EVERY = 2.0
REST = 8.0


@dataclass(frozen=True)
class Span:
    """When a look began and ended, in seconds. A look at thousands of documents takes a minute: what it finds in order
    came to be so in this time, or before it."""

    began: float = 0.0
    ended: float = 0.0

    def __str__(self) -> str:
        return f"{self.began:.0f} to {self.ended:.0f} s"


async def at_rest(
    look: Callable[[], Awaitable[Seen]], *, is_clean: Callable[[Seen], bool], within: float
) -> tuple[Seen, Span]:
    """What was seen at the second of two clean looks in a row, `REST` apart, and when the first was.

    Past `within` seconds, what is seen then, be it as it may.
    """
    started = time.monotonic()
    while True:
        began = time.monotonic() - started
        seen, ended = await look(), time.monotonic() - started
        if is_clean(seen):
            await asyncio.sleep(REST)
            seen = await look()
        if is_clean(seen) or ended > within:
            return seen, Span(began, ended)
        await asyncio.sleep(LOOK_EVERY)
