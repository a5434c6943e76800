"""What the GED locks does not go."""

from datetime import timedelta

from connect_ops.retention import is_locked
from connect_ops.store import Version

from tests.suites.catalog_events import at

NOW = at(10)


def version(minutes: float | None) -> Version:
    return Version("v", 1, at(0), None if minutes is None else NOW + timedelta(minutes=minutes))


def test_one_locked_version_is_enough() -> None:
    assert is_locked([version(None), version(1)], now=NOW)
    assert not is_locked([version(None), version(0), version(-1)], now=NOW)
    assert not is_locked([], now=NOW)
