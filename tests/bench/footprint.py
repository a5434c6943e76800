"""What the services take while nobody asks anything of them, and how soon each is ready."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from deploy.local.plan import SERVICES
from tests.support.ports import free_port
from tests.support.running import EVERYTHING, RunningStack
from tests.support.service import ServiceProcess

from .measuring import Aim, Row
from .processes import resident_of

# Seconds after which what the start took has been given back, and the first sweeps have been.
IDLE = 10.0
_ROOT = Path(__file__).parents[2]
_REQUIREMENTS = _ROOT / "requirements" / "services.txt"
_SOURCES = [_ROOT / "contracts", _ROOT / "chassis", *(_ROOT / "services" / name for name in SERVICES)]


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """The memory of all four, then the start of each. `folder` is for an environment and the stacks' data."""
    idle = Row("four services idle, one process each", "MB", Aim(450, at_most=True))
    starts = {name: Row(f"{name} started alone, until ready", "s", Aim(2, at_most=True)) for name in SERVICES}
    python = await asyncio.to_thread(_interpreter, folder / "environment")
    for number in range(rounds):
        stack = RunningStack(folder / str(number), only=EVERYTHING)
        await asyncio.to_thread(stack.start)
        try:
            async with AsyncExitStack() as running:
                processes = []
                for name, row in starts.items():
                    started = time.monotonic()
                    process = _process(name, stack, python=python)
                    processes.append(await running.enter_async_context(process))
                    row.ours.append(time.monotonic() - started)
                await asyncio.sleep(IDLE)
                idle.ours.append(sum(resident_of(process.pid) for process in processes))
        finally:
            await asyncio.to_thread(stack.stop)
    for row in (idle, *starts.values()):
        yield row


def _interpreter(folder: Path) -> str:
    """Of an environment with what an image has: some libraries load what else they find, and here is more. Raises
    CalledProcessError."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    quietly = ("--quiet", "--disable-pip-version-check", "--require-hashes")
    subprocess.run([python, "-m", "pip", "install", *quietly, "-r", _REQUIREMENTS], check=True)
    return str(python)


def _process(service: str, stack: RunningStack, *, python: str) -> ServiceProcess:
    """One more process of a service, beside the stack's own."""
    env = stack.env(service) | {"PYTHONPATH": os.pathsep.join(map(str, _SOURCES))}
    return ServiceProcess(service.replace("-", "_"), env, port=free_port(), python=python)
