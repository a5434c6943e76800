"""The shipped alert rules as this run has them: nobody waits for ten minutes, or for twenty-five hours.

What is made smaller is the time for which a condition has to hold (`for`, `keep_firing_for`), how far an expression
looks back (ranges, subqueries, `offset`), and sizes in GiB. All else is as it is shipped, bounds in seconds too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# Seconds; those of a minute are an hour's, too, and a day has 24 of them.
_UNITS = {"ms": 0.001, "s": 1.0}
_HOURS = {"m": 1, "h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_LOOKS_BACK = re.compile(rf"(?<=\[){_DURATION}(?=[\]:])|(?<=:){_DURATION}(?=\])|(?<=\boffset ){_DURATION}\b")
_GIB, _MIB = "1024 * 1024 * 1024", "1024 * 1024"
_WAITS = ("for", "keep_firing_for")


@dataclass(frozen=True)
class Alert:
    """What a rule says of its alert."""

    name: str
    severity: str


def alerts_of(rules: str) -> list[Alert]:
    """Every alert of a rules file, in its order."""
    return [Alert(rule["alert"], rule["labels"]["severity"]) for rule in _alerting(yaml.safe_load(rules))]


def shortened(rules: str, *, minute: float) -> str:
    """The rules with minutes, and hours, of so many seconds, and a GiB of a MiB."""
    written = yaml.safe_load(rules)
    for rule in _alerting(written):
        for wait in _WAITS:
            if wait in rule:
                rule[wait] = short(rule[wait], minute=minute)
        rule["expr"] = _LOOKS_BACK.sub(lambda found: short(found[0], minute=minute), rule["expr"]).replace(_GIB, _MIB)
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)


def short(duration: str, *, minute: float) -> str:
    """A duration of Prometheus', such as `1h30m`, in milliseconds. Seconds are a share of the minute."""
    seconds = sum(
        int(count) * (_HOURS[unit] * minute if unit in _HOURS else _UNITS[unit] * minute / 60)
        for count, unit in _PART.findall(duration)
    )
    return f"{round(seconds * 1000)}ms"


def without_a_fault(alerts: Collection[Alert], *, caused: Collection[str], excused: Mapping[str, str]) -> list[str]:
    """What is wrong with a table of faults: an alert that none of them causes and nothing excuses, or a name that is
    no alert's."""
    names = [alert.name for alert in alerts]
    missing = [f"{name}: no fault causes it" for name in names if name not in {*caused, *excused}]
    return [*missing, *(f"{name}: there is no such alert" for name in sorted({*caused, *excused} - {*names}))]


def _alerting(written: Any) -> Iterator[dict[str, Any]]:
    for group in written["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)
