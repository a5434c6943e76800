"""The chaos suite's own looks: what it calls clean, and what it tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.local.credentials import load_or_make
from deploy.local.environment import environment_of
from deploy.local.plan import SERVERS, SERVICES, Plan
from deploy.local.render import render_all
from tests.chaos import resting
from tests.chaos.faults import EVERY_FAULT, KILLS, STOPS, cut, killed
from tests.chaos.report import Report
from tests.chaos.stage import LINES
from tests.chaos.verdict import Verdict


@pytest.mark.parametrize(
    ("looks", "seen"),
    [
        ([["late"], [], []], []),
        ([[], ["doubled"], ["doubled"]], ["doubled"]),
        ([[], ["sealed anew"], [], []], []),
    ],
)
async def test_only_what_is_clean_twice_in_a_row_has_come_to_rest(
    looks: list[list[str]], seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "REST", 0.0)
    monkeypatch.setattr(resting, "LOOK_EVERY", 0.0)
    left = iter(looks)

    async def look() -> list[str]:
        return next(left, looks[-1])

    found, _ = await resting.at_rest(look, is_clean=lambda faults: not faults, within=0.2)
    assert found == seen
    assert next(left, None) is None


def test_every_part_of_a_stack_is_killed_and_stopped() -> None:
    parts = {*SERVERS, *(f"{service}-1" for service in SERVICES)}
    assert {fault.hits for fault in KILLS} == {fault.hits for fault in STOPS} == parts


def test_the_report_has_each_kind_of_fault_and_what_came_of_all() -> None:
    report = Report()
    for _ in range(2):
        report.note((killed("nats"),), 3)
    report.note((killed("nats"), cut("mongo", "hang")), 5)
    lines = report.told(Verdict(20, lost=["one"], doubled=["two", "three"])).splitlines()
    rows = [[cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")] for line in lines]
    assert ["kill -9", "2", "6", "", "", ""] in rows
    assert ["two at a time", "1", "5", "", "", ""] in rows
    assert ["all", "3", "20", "1", "2", "0"] in rows
    assert len({fault.name for fault in EVERY_FAULT}) == len(EVERY_FAULT)


def test_every_line_that_is_cut_is_the_one_that_is_used(tmp_path: Path) -> None:
    """No setting and no upstream of the gateway leads past the proxies."""
    plan = Plan(run_dir=tmp_path, port_base=20_000, detours={name: 21_000 + at for at, name in enumerate(LINES)})
    credentials = load_or_make(plan)
    render_all(plan, credentials)
    told = [(plan.etc / "Caddyfile").read_text()]
    for process in plan.services():
        own = environment_of(process, plan=plan, credentials=credentials)
        told += own.values()
    for name in LINES:
        assert not [each for each in told if re.search(rf"127\.0\.0\.1:{plan.port(name)}\b", each)], name
        assert name == "clamd" or any(str(plan.detours[name]) in each for each in told), (
            name
        )  # it need not be installed
