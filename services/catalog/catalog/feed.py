"""The task that feeds the serving generation from the stream, and changes over when another one serves."""

import asyncio
from collections.abc import Awaitable, Callable

from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.periodic import pause
from chassis.worker import Worker

from catalog.generations import Generations

_PAUSE = 1.0


class Feed:
    """`prepare` makes a generation's collection ready, `worker_of` builds what listens for it."""

    def __init__(
        self,
        generations: Generations,
        *,
        prepare: Callable[[int], Awaitable[None]],
        worker_of: Callable[[int], Worker],
    ) -> None:
        self._generations = generations
        self._prepare = prepare
        self._worker_of = worker_of

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is under way."""
        while not stop.is_set():
            try:
                generation = await self._generations.read()
                await self._prepare(generation)
            except Unavailable as down:
                logger().warning("generation_not_prepared", code=down.code)
                await pause(stop, _PAUSE)
                continue
            logger().info("generation_serving", generation=generation)
            await self._work(self._worker_of(generation), stop)

    async def _work(self, worker: Worker, stop: asyncio.Event) -> None:
        changed = asyncio.Event()

        async def watch() -> None:
            await self._generations.changed(stop)
            changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            group.create_task(worker.run(changed))
