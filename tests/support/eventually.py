"""Waiting for something to become true, by asking for it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T | None]], *, within: float = ..., every: float = ...) -> T: ...
@overload
async def eventually(check: Callable[[], T | None], *, within: float = ..., every: float = ...) -> T: ...
async def eventually(check: Callable[[], Any], *, within: float = 30.0, every: float = 0.05) -> Any:
    """Ask `check` until it answers something true, and return that. Seconds both.

    A `check` that raises AssertionError counts as not yet. Past `within`, its last AssertionError is raised, or one
    that shows its last answer; any other error is raised at once.
    """
    deadline = time.monotonic() + within
    while True:
        failure: AssertionError | None = None
        answer: Any = None
        try:
            answer = check()
            if inspect.isawaitable(answer):
                answer = await answer
        except AssertionError as not_yet:
            answer, failure = None, not_yet
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"still {answer!r} after {within} s")
        await asyncio.sleep(every)
