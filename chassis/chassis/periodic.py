"""What is done again and again until the service stops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from chassis.errors import Unavailable
from chassis.logs import logger


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def every(
    seconds: float, step: Callable[[], Awaitable[object]], *, stop: asyncio.Event, failing: str = "sweep_unavailable"
) -> None:
    """Take the step, with a pause after each, until `stop` is set. One that is Unavailable is logged as `failing`, and
    tried again."""
    while not stop.is_set():
        try:
            await step()
        except Unavailable as down:
            logger().warning(failing, code=down.code)
        await pause(stop, seconds)
