"""Work that goes on whether or not the client is still there, and that the service finishes before it ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from chassis.errors import Failure
from chassis.logs import logger

T = TypeVar("T")


class Background:
    """Keeps tasks until they end; an async context manager that waits for them when it is left.

    A bug in one that nobody awaits is logged; the sweeper takes its upload up. `draining` is done once the service is
    told to stop.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.draining: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run it; whoever waits for the task must not cancel it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def run(self, stop: asyncio.Event) -> None:
        """Pass the word on once `stop` is set."""
        await stop.wait()
        self.draining.set_result(None)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Failure):
            logger().error("background_work_failed", exc_info=error)
