"""deploy/local: what supervisord is told of each process."""

from pathlib import Path

import pytest
from chassis.service import DRAIN_SECONDS

from deploy.local.commands import command_of
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


def test_who_has_sent_a_mail_is_given_the_time_to_note_it_also_without_a_peer(tmp_path: Path) -> None:
    assert _stop_seconds(tmp_path)["notify-1"][1] > DRAIN_SECONDS
