"""Nothing waits longer than `docs/decisions/0011-how-long-anything-waits.md` says."""

import importlib
from datetime import timedelta

import pytest

RETRY = (
    "chassis.lane:PROBE_LONGEST",
    "ged_mover.errors:_PATIENTLY",
    "ged_mover.errors:_SOON",
    "notify.seals:_UNKNOWN_OFFICE_WAIT",
    "notify.sending:_NO_RECIPIENT_WAIT",
    "notify.smtp:_RETRY_IN",
)
ACKNOWLEDGEMENT = ("chassis.bus:LONGEST_ACK_WAIT", "ged_mover.main:_ACK_WAIT")
LEASES = ("upload.model:LEASE_SECONDS", "notify.model:LEASE", "catalog.sealing:LEASE")
SWEEPS = (
    "chassis.owed:SWEEP_PERIOD",
    "upload.sweeper:PERIOD",
    "notify.sweeper:PERIOD",
    "ged_mover.overdue:PERIOD",
)
CEILINGS = {RETRY: 30, ACKNOWLEDGEMENT: 30, LEASES: 5, SWEEPS: 5}


@pytest.mark.parametrize(
    ("wait", "ceiling"), [(wait, ceiling) for waits, ceiling in CEILINGS.items() for wait in waits]
)
def test_no_wait_is_longer_than_its_ceiling(wait: str, ceiling: float) -> None:
    module, _, name = wait.partition(":")
    value = getattr(importlib.import_module(module), name)
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    assert 0 < seconds <= ceiling


def test_the_tries_after_a_bug_take_about_ten_minutes() -> None:
    delays = importlib.import_module("chassis.worker").BUG_DELAYS
    assert len(delays) == 7
    assert 540 <= sum(delays) <= 660
