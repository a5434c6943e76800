"""Every process, line and disk fails under a load of deposits: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from .depositors import Depositor
from .faults import Fault, schedule
from .load import Load
from .report import Report
from .stage import Stage
from .verdict import Judge

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1_000_000)))
WHOLE = bool(os.environ.get("CHAOS_WHOLE"))

Tell = Callable[[str], None]


@pytest.mark.timeout(3_600 if WHOLE else 1_500)
async def test_nothing_acknowledged_is_lost_or_doubled_whatever_fails(
    stage: Stage, clients: tuple[Depositor, ...], judge: Judge, tell: Tell
) -> None:
    tell(f"CHAOS_SEED={SEED} repeats this run")
    chance = random.Random(SEED)  # noqa: S311 (reproducible, not secret)
    load, stop = Load(clients, chance), asyncio.Event()
    moments, report = schedule(chance, whole=WHOLE), Report()
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(stop))
        for moment in moments:
            await asyncio.sleep(chance.uniform(0.5, 1.5))
            before = len(load.acknowledged)
            await _strike(stage, moment, seconds=chance.uniform(1, 5))
            report.note(moment, len(load.acknowledged) - before)
            tell(f"{' and '.join(fault.name for fault in moment)}: {len(load.acknowledged)} documents so far")
        stop.set()

    verdict = await judge.settled(load.acknowledged)
    tell(f"{len(moments)} moments of failure: {verdict}\n{report.told(verdict)}")
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)


async def _strike(stage: Stage, moment: tuple[Fault, ...], *, seconds: float) -> None:
    async with AsyncExitStack() as under_way:
        for fault in moment:
            await under_way.enter_async_context(fault.strike(stage))
        await asyncio.sleep(seconds)
    for fault in moment:
        if fault.process:
            await stage.stack.ready(fault.process)
