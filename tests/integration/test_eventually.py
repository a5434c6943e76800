"""Waiting for something to become true."""

from itertools import count

import pytest

from tests.support.eventually import eventually


async def test_a_check_that_fails_is_asked_again_whether_or_not_it_is_awaited() -> None:
    asked = count(1)

    def third_time() -> int:
        number = next(asked)
        assert number % 3 == 0
        return number

    async def awaited() -> int:
        return third_time()

    assert await eventually(third_time) == 3
    assert await eventually(awaited) == 6


async def test_what_never_holds_is_the_failure_that_was_met() -> None:
    async def never() -> None:
        raise AssertionError("still dark")

    with pytest.raises(AssertionError, match="still dark"):
        await eventually(never, within=0.1)
