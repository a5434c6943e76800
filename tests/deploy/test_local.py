"""deploy/local: what supervisord is told of each process, and what the whole stack is given to stop."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from chassis.service import DRAIN_SECONDS

from deploy.local import supervision
from deploy.local.commands import Command, command_of
from deploy.local.credentials import load_or_make
from deploy.local.environment import drain_wait
from deploy.local.plan import Plan


def _stop_seconds(folder: Path, **replicas: int) -> dict[str, tuple[int, int]]:
    """Each service's wait for its gateway, and how long it may take to stop."""
    plan = Plan(run_dir=folder, port_base=19000, replicas=replicas)
    plan.secrets.mkdir(parents=True, exist_ok=True)
    credentials = load_or_make(plan)
    told = {each.name: command_of(each, plan=plan, credentials=credentials) for each in plan.services()}
    return {each.name: (drain_wait(each.program, plan=plan), told[each.name].stop_seconds) for each in plan.services()}


@pytest.mark.parametrize("service", ["upload", "catalog", "ged-mover", "notify"])
def test_a_replica_that_goes_alone_is_given_the_time_to_drain(service: str, tmp_path: Path) -> None:
    wait, seconds = _stop_seconds(tmp_path, **{service: 2})[f"{service}-2"]
    assert seconds > wait + DRAIN_SECONDS


_SUPERVISORD, _UPLOAD, _NATS = (2**30 + number for number in range(3))
_GATEWAY_SECONDS = 2
"""Its `grace_period`, and until supervisord looks again."""


class _Deaf:
    """Processes of a run folder that end by SIGKILL alone, and a clock that moves only while somebody waits."""

    def __init__(self, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.running = {_SUPERVISORD, _UPLOAD, _NATS}
        self.heard: dict[tuple[int, signal.Signals], float] = {}
        plan.pids.mkdir(parents=True)
        for name, pid in (("supervisord", _SUPERVISORD), ("upload-1", _UPLOAD), ("nats", _NATS)):
            (plan.pids / f"{name}.pid").write_text(str(pid))
        monkeypatch.setattr(supervision, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))
        monkeypatch.setattr(os, "kill", self._kill)
        monkeypatch.setattr(supervision, "_processes", lambda _: set(self.running))

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _kill(self, pid: int, kind: signal.Signals) -> None:
        self.heard.setdefault((pid, kind), self.now)
        if kind == signal.SIGKILL:
            self.running.remove(pid)


def test_what_ignores_sigterm_is_gone_within_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(run_dir=tmp_path, port_base=19000)
    deaf = _Deaf(plan, monkeypatch)
    supervision.stop_everything(plan)
    assert not deaf.running
    assert deaf.now <= supervision.STOP_SECONDS == 10


def test_services_have_their_time_before_they_are_killed_and_then_servers_have_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = _stop_seconds(tmp_path)["upload-1"][1]
    plan = Plan(run_dir=tmp_path, port_base=19000)
    deaf = _Deaf(plan, monkeypatch)
    supervision.stop_everything(plan)
    asked, killed = deaf.heard[_SUPERVISORD, signal.SIGTERM], deaf.heard[_UPLOAD, signal.SIGKILL]
    assert killed - asked >= _GATEWAY_SECONDS + upload
    assert deaf.heard[_NATS, signal.SIGKILL] - killed >= Command("nats", ()).stop_seconds
    assert deaf.heard[_NATS, signal.SIGTERM] < deaf.heard[_NATS, signal.SIGKILL]


def test_who_has_sent_a_mail_is_given_the_time_to_note_it_also_without_a_peer(tmp_path: Path) -> None:
    assert _stop_seconds(tmp_path)["notify-1"][1] > DRAIN_SECONDS
