"""The metric that says how long the oldest has waited."""

from datetime import UTC, datetime, timedelta

import pytest
from chassis.errors import Unavailable
from chassis.metrics import OLDEST_UNFINISHED
from chassis.unfinished import OldestUnfinished


def _age(kind: str) -> float:
    return float(OLDEST_UNFINISHED.labels(kind)._value.get())


@pytest.mark.parametrize(("minutes", "seconds"), [(5, 300), (-5, 0)])
async def test_the_age_of_the_oldest_is_told_and_none_before_its_time(minutes: int, seconds: float) -> None:
    async def since() -> datetime:
        return datetime.now(UTC) - timedelta(minutes=minutes)

    await OldestUnfinished({"test": since}).look()
    assert _age("test") == pytest.approx(seconds, abs=10)


async def test_it_is_nothing_once_nothing_waits() -> None:
    answers = iter([datetime.now(UTC) - timedelta(hours=1), None])

    async def since() -> datetime | None:
        return next(answers)

    looking = OldestUnfinished({"test": since})
    await looking.look()
    assert _age("test") >= 3600
    await looking.look()
    assert _age("test") == 0


async def test_while_the_database_is_away_the_last_known_age_stands() -> None:
    async def since() -> datetime | None:
        raise Unavailable("database_unavailable")

    OLDEST_UNFINISHED.labels("test").set(7)
    with pytest.raises(Unavailable):
        await OldestUnfinished({"test": since}).look()
    assert _age("test") == 7
