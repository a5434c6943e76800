"""Without a mail relay everything else goes on, and every mail arrives when it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.eventually import eventually

from .depositors import Depositor
from .load import Load
from .stage import Stage
from .verdict import Judge

_SECONDS = 15

Tell = Callable[[str], None]


@pytest.mark.timeout(600)
async def test_every_mail_arrives_when_the_relay_is_back(
    stage: Stage, clients: tuple[Depositor, ...], judge: Judge, tell: Tell
) -> None:
    load, stop = Load(clients, random.Random(1)), asyncio.Event()  # noqa: S311 (reproducible)
    await stage.stack.down("maildump")
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(stop))
        await asyncio.sleep(_SECONDS)
        stop.set()
    for document, known in load.acknowledged.items():
        await eventually(partial(known.depositor.person.portal.archived, document), within=60)

    await stage.stack.up("maildump")
    verdict = await judge.settled(load.acknowledged)
    tell(str(verdict))
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    assert verdict.sent_twice == 0
