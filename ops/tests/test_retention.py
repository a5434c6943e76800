"""What the GED locks does not go, and who only looks is told when there is something to do."""

from datetime import timedelta

import pytest
from connect_ops.retention import is_locked, status_of
from connect_ops.store import Version

from tests.suites.catalog_events import at

NOW = at(10)


def version(minutes: float | None) -> Version:
    return Version("v", 1, at(0), None if minutes is None else NOW + timedelta(minutes=minutes))


def test_one_locked_version_is_enough() -> None:
    assert is_locked([version(None), version(1)], now=NOW)
    assert not is_locked([version(None), version(0), version(-1)], now=NOW)
    assert not is_locked([], now=NOW)


@pytest.mark.parametrize(
    ("free", "over", "left", "status"),
    [
        (0, None, None, 0),
        (5, None, None, 0),
        (0, 0, None, 0),
        (1, 0, None, 1),
        (5, 5, None, 0),
        (6, 5, None, 1),
        (2, None, [], 0),
        (2, None, ["a"], 3),
    ],
)
def test_the_exit_status_tells_that_more_may_go_than_one_wants_to_know_of(
    free: int, over: int | None, left: list[str] | None, status: int
) -> None:
    assert status_of(free, over=over, left=left) == status
