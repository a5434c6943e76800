"""A replica that stands still for longer than its leases last has others do its work, and does none of it again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable

import httpx
import pytest

from tests.support.mailbox import Mailbox
from tests.support.running import RunningStack
from tests.support.store import Store

from .depositors import depositors
from .load import Load
from .replicas import shares
from .verdict import Judge

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1_000_000)))
# Longer than any lease, five seconds, and shorter than a client waits for an answer.
_STILL = 8.0

Tell = Callable[[str], None]


@pytest.mark.timeout(1_500)
async def test_what_a_replica_leaves_when_it_stands_still_is_done_once(stack: RunningStack, tell: Tell) -> None:
    tell(f"CHAOS_SEED={SEED} repeats this run")
    async with httpx.AsyncClient(timeout=30) as http:
        clients = await depositors(stack, http)
        load, stop = Load(clients, random.Random(SEED)), asyncio.Event()  # noqa: S311 (reproducible)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(stop))
            for process in stack.plan.services():
                pid = stack.pid(process.name)
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(_STILL)
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(1)
            stop.set()
        store = Store(stack.endpoints["s3"])
        verdict = await Judge(stack, clients, Mailbox(http, url=stack.endpoints["mail"]), store).settled(
            load.acknowledged
        )
        store.close()
        tell(f"{len(list(stack.plan.services()))} × {_STILL:.0f} s: {verdict}")
        assert all((await shares(stack, http)).values())
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
