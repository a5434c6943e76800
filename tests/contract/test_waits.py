"""Nothing waits longer than `docs/decisions/0011-how-long-anything-waits.md` says."""

import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest
from contracts.streams import REVOKED

DECISION = Path(__file__).parents[2] / "docs/decisions/0011-how-long-anything-waits.md"
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
# The rows of the decision's table.
LONGER = [line.split("|")[1] for line in DECISION.read_text("utf-8").splitlines() if line.startswith("|")][2:]
CEILINGS = {RETRY: 30, ACKNOWLEDGEMENT: 30, LEASES: 5, SWEEPS: 5}


def seconds_of(wait: timedelta | float) -> float:
    return wait.total_seconds() if isinstance(wait, timedelta) else wait


@pytest.mark.parametrize(
    ("wait", "ceiling"), [(wait, ceiling) for waits, ceiling in CEILINGS.items() for wait in waits]
)
def test_no_wait_is_longer_than_its_ceiling(wait: str, ceiling: float) -> None:
    module, _, name = wait.partition(":")
    assert 0 < seconds_of(getattr(importlib.import_module(module), name)) <= ceiling


@pytest.mark.parametrize(
    ("file", "said", "constant", "seconds"),
    [
        ("chassis/worker.py", "3 and 4½ minutes, the one before 90 s", "BUG_DELAYS", (90, 180, 270)),
        ("chassis/limits.py", "30 s", "KEPT_SECONDS", (30,)),
        ("notify/model.py", "an hour at most", "WAIT_AT_MOST", (3600,)),
        ("notify/mongo.py", "at least 5 s", "_SHORTEST", (5,)),
        ("notify/mongo.py", "at most 10 minutes", "_LONGEST", (600,)),
        ("chassis/owed.py", "ten minutes, an hour six times, then a day", "_REPEATED_AFTER", (600, *[3600] * 6, 86400)),
    ],
)
def test_what_waits_longer_waits_as_long_as_the_decision_says(
    file: str, said: str, constant: str, seconds: tuple[float, ...]
) -> None:
    (row,) = [row for row in LONGER if f"(`{file}`)" in row]
    assert said in row
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    value = getattr(module, constant)
    if constant == "_REPEATED_AFTER":  # in times of the first
        value = tuple(times * module.REPUBLISH_AFTER for times in value)
    values = tuple(map(seconds_of, value if isinstance(value, tuple) else (value,)))
    assert values[-len(seconds) :] == seconds


def test_no_other_file_s_waits_are_longer_on_purpose() -> None:
    named = {file for row in LONGER for file in re.findall(r"\(`(.*?\.py)`\)", row)}
    assert named == {
        "chassis/worker.py", "chassis/limits.py", "notify/model.py", "notify/mongo.py", "chassis/owed.py"
    }  # fmt: skip


def test_the_tries_after_a_bug_take_about_ten_minutes() -> None:
    delays = importlib.import_module("chassis.worker").BUG_DELAYS
    assert len(delays) == 7
    assert 540 <= sum(delays) <= 660


@pytest.mark.parametrize("page", ["retention.md", "personal-data.md"])
def test_who_was_signed_out_everywhere_is_remembered_for_as_long_as_the_pages_say(page: str) -> None:
    [row] = [
        each for each in (DECISION.parents[1] / page).read_text("utf-8").splitlines() if "bucket `REVOKED`" in each
    ]
    hours, seconds = divmod(REVOKED.ttl, 3600)
    assert f"| {hours:.0f} hours and {seconds / 60:.0f} minutes |" in row
