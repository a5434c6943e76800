"""What the services take while nobody asks anything of them, and how soon each is ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from deploy.local.plan import SERVICES
from tests.support.ports import free_port
from tests.support.running import EVERYTHING, RunningStack
from tests.support.service import ServiceProcess

from .measuring import Aim, Row
from .processes import memory_of

# Seconds after which what the start took has been given back, and the first sweeps have been.
IDLE = 10.0


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """The memory of all four, then the start of each. `folder` is for the stacks' data."""
    idle = Row("four services idle, one process each", "MB", Aim(450, at_most=True))
    starts = {name: Row(f"{name} started alone, until ready", "s", Aim(2, at_most=True)) for name in SERVICES}
    for number in range(rounds):
        stack = RunningStack(folder / str(number), only=EVERYTHING)
        await asyncio.to_thread(stack.start)
        try:
            await asyncio.sleep(IDLE)
            memory = memory_of(stack.plan.pids)
            idle.ours.append(sum(memory[process.name] for process in stack.plan.services()))
            for name, row in starts.items():
                row.ours.append(await _start(name, stack.env(name)))
        finally:
            await asyncio.to_thread(stack.stop)
    for row in (idle, *starts.values()):
        yield row


async def _start(service: str, env: Mapping[str, str]) -> float:
    """Seconds until one more process of a service is ready; the others have nothing to do, but intake asks the catalog
    for its keys."""
    started = time.monotonic()
    async with ServiceProcess(service.replace("-", "_"), env, port=free_port()):
        return time.monotonic() - started
