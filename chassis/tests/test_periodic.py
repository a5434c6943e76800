import asyncio
import time

import pytest
from chassis.errors import Unavailable
from chassis.periodic import every, pause


async def test_a_pause_ends_with_its_time_or_at_once_with_the_stop() -> None:
    stop = asyncio.Event()
    await pause(stop, 0.01)
    stop.set()
    started = time.monotonic()
    await pause(stop, 60)
    assert time.monotonic() - started < 30


async def test_a_step_is_taken_again_until_the_stop_also_after_one_that_was_unavailable() -> None:
    stop, taken = asyncio.Event(), 0

    async def step() -> None:
        nonlocal taken
        taken += 1
        if taken == 3:
            stop.set()
        raise Unavailable("away")

    await every(0, step, stop=stop)
    assert taken == 3


async def test_a_bug_in_a_step_is_not_passed_over() -> None:
    async def step() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await every(0, step, stop=asyncio.Event())
