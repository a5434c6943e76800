"""Without a mail relay everything else goes on, and every mail arrives when it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.eventually import eventually
from tests.support.people import Person

from .load import Load
from .stage import Stage
from .verdict import Judge

_SECONDS = 15

Tell = Callable[[str], None]


@pytest.mark.timeout(600)
async def test_every_mail_arrives_when_the_relay_is_back(
    stage: Stage, depositor: Person, contact: str, judge: Judge, tell: Tell
) -> None:
    load, stop = Load(depositor, random.Random(1), contact=contact), asyncio.Event()  # noqa: S311 (reproducible)
    await stage.stack.down("maildump")
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(stop))
        await asyncio.sleep(_SECONDS)
        stop.set()
    for document in load.acknowledged:
        await eventually(partial(depositor.portal.archived, document), within=60)

    await stage.stack.up("maildump")
    verdict = await judge.settled(load.acknowledged)
    tell(str(verdict))
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    assert verdict.sent_twice == 0
