"""Live updates: many browsers at one replica of the catalog, all of them concerned by each deposit."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.catalog import CatalogProcess, Scene
from tests.support.running import BACKENDS, RunningStack

from .measuring import Aim, Row
from .processes import open_many_files, resident_of

STREAMS, UPDATES = 2_000, 10
# Seconds from one update to the next, and until one must have come.
_PAUSE, _PATIENCE = 1.0, 60.0
_LONGEST_LINE = 1024 * 1024


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """Memory and delay, measured on a fresh replica a round. `folder` is for the stack's data."""
    memory = Row(f"catalog with {STREAMS:,} live streams, more than with none", "MB", Aim(150, at_most=True))
    delay = Row(f"p95 from a deposit's event to {STREAMS:,} live streams", "s", Aim(1, at_most=True))
    open_many_files()
    stack = RunningStack(folder, only=BACKENDS)
    await asyncio.to_thread(stack.start)
    try:
        for _ in range(rounds):
            # All streams are one person's.
            unlimited = dict.fromkeys(("REQUESTS__PERSON", "STREAMS__PERSON", "STREAMS__ADDRESS"), "none")
            env = stack.env("catalog") | {f"CATALOG_{name}": limit for name, limit in unlimited.items()}
            with CatalogProcess(env, log=folder / "catalog.log") as catalog:
                await catalog.ready()
                async with Scene(stack.endpoints, catalog) as scene:
                    await _measure(scene, catalog, memory=memory, delay=delay)
    finally:
        await asyncio.to_thread(stack.stop)
    yield memory
    yield delay


async def _measure(scene: Scene, catalog: CatalogProcess, *, memory: Row, delay: Row) -> None:
    await scene.tell(first := scene.announced())
    await scene.shown(scene.browser("client"), first)
    before = resident_of(catalog.pid)
    async with _watching(catalog.url, token=scene.token("client")) as said:
        delays: list[float] = []
        for _ in range(UPDATES):
            sent = time.monotonic()
            await scene.tell(event := scene.announced())
            heard = json.loads(await asyncio.wait_for(said.readline(), _PATIENCE))
            assert heard["document"] == event.data.document, "another document was told of"
            delays += [moment - sent for moment in heard["at"]]
            await asyncio.sleep(_PAUSE)
        memory.ours.append(resident_of(catalog.pid) - before)
    delay.ours.append(statistics.quantiles(delays, n=20)[18])


@asynccontextmanager
async def _watching(url: str, *, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """What the watchers' process says, once all are listening."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.watchers", url, str(STREAMS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(token.encode() + b"\n")
        assert await asyncio.wait_for(process.stdout.readline(), _PATIENCE) == b"ready\n", "they did not get to listen"
        yield process.stdout
    finally:
        process.stdin.close()
        await process.wait()
