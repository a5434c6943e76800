"""`make alarms`: its copy of the rules differs from the shipped ones in times and sizes alone; no alert is left out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alarms.faults import EXCUSED, EXPECTED
from tests.alarms.rules import Alert, alerts_of, short, shortened, without_a_fault

_RULES = Path(__file__).parents[2] / "deploy" / "observability" / "alerts.yml"


def _one(expr: str, **more: str) -> str:
    rule = {"alert": "A", "expr": expr, "labels": {"severity": "page"}, **more}
    return yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]})


def _rule(rules: str) -> dict[str, Any]:
    [group] = yaml.safe_load(rules)["groups"]
    [rule] = group["rules"]
    assert isinstance(rule, dict)
    return rule


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("10m", 40), ("15m", 60), ("25h", 100), ("1d", 96), ("7d", 672), ("1h30m", 124), ("30s", 2), ("500ms", 0.033)],
)
def test_a_minute_and_an_hour_are_as_long_as_is_said(duration: str, seconds: float) -> None:
    assert short(duration, minute=4) == f"{round(seconds * 1000)}ms"


@pytest.mark.parametrize(
    ("expr", "written"),
    [
        ("rate(a[5m]) > 1", "rate(a[20000ms]) > 1"),
        ("a offset 25h", "a offset 100000ms"),
        ("max_over_time(a[7d] offset 25h) > 0", "max_over_time(a[672000ms] offset 100000ms) > 0"),
        ("max_over_time(rate(a[5m])[1h:1m])", "max_over_time(rate(a[20000ms])[4000ms:4000ms])"),
        ("a > 20 * 1024 * 1024 * 1024", "a > 20 * 1024 * 1024"),
        ('time() - a{of="5m"} > 25 * 3600', 'time() - a{of="5m"} > 25 * 3600'),
        ("predict_linear(a[6h], 86400) < 0", "predict_linear(a[24000ms], 86400) < 0"),
    ],
)
def test_what_looks_back_is_shortened_and_nothing_else(expr: str, written: str) -> None:
    assert _rule(shortened(_one(expr), minute=4))["expr"] == written


def test_what_has_to_hold_holds_for_a_shorter_time() -> None:
    rule = _rule(shortened(_one("up == 0", **{"for": "2m", "keep_firing_for": "1h"}), minute=4))
    assert (rule["for"], rule["keep_firing_for"]) == ("8000ms", "4000ms")


def test_of_the_shipped_rules_nothing_else_is_changed() -> None:
    def untimed(rule: str) -> str:
        return re.sub(r"\b(?:\d+(?:ms|[smhdw]))+\b", "…", rule.replace("1024 * 1024 * 1024", "1024 * 1024"))

    shipped = yaml.safe_load(_RULES.read_text(encoding="utf-8"))
    written = yaml.safe_load(shortened(_RULES.read_text(encoding="utf-8"), minute=4))
    assert written != shipped
    assert untimed(repr(written)) == untimed(repr(shipped))


@pytest.mark.needs("promtool")
def test_the_shortened_rules_are_rules(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(shortened(_RULES.read_text(encoding="utf-8"), minute=4), encoding="utf-8")
    run = subprocess.run(
        ["promtool", "check", "rules", "alerts.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_shipped_alert_has_a_fault_or_a_reason() -> None:
    caused = {expected.alert for expected in EXPECTED}
    alerts = alerts_of(_RULES.read_text(encoding="utf-8"))
    assert without_a_fault(alerts, caused=caused, excused=EXCUSED) == []


def test_an_alert_without_a_fault_is_named_and_so_is_a_fault_without_an_alert() -> None:
    alerts = [Alert("New", "page"), Alert("Known", "page"), Alert("Impossible", "ticket")]
    assert without_a_fault(alerts, caused={"Known", "Gone"}, excused={"Impossible": "it needs two clusters"}) == [
        "New: no fault causes it",
        "Gone: there is no such alert",
    ]
