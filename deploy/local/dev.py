"""`make dev`: beside a running stack, restarts the services whose code changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from .plan import SERVICES, Plan
from .supervision import process_states, start_process, stop_process

ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 1.0
_SHARED = ("chassis/chassis", "contracts/contracts")
Times = Mapping[Path, int]


def times_of(root: Path = ROOT) -> dict[Path, int]:
    """When each file of the services' code was changed, and of what they share."""
    folders = (*_SHARED, *(f"services/{each}/{each.replace('-', '_')}" for each in SERVICES))
    files = (path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".py", ".html"))
    return {path: path.stat().st_mtime_ns for path in files}


def changed_services(before: Times, after: Times, root: Path = ROOT) -> list[str]:
    """Whose code is another: everybody's where it is shared."""
    changed = {path.relative_to(root) for path, _ in set(before.items()) ^ set(after.items())}
    if any(path.parts[0] != "services" for path in changed):
        return list(SERVICES)
    return [each for each in SERVICES if any(path.parts[1] == each for path in changed)]


def follow(run_dir: Path) -> None:
    """Restart what changes, until Ctrl-C."""
    plan = Plan(run_dir=run_dir, port_base=8080)
    seen = times_of()
    print("Restarting the services whose code changes, until Ctrl-C.")
    while True:
        time.sleep(_LOOK_SECONDS)
        now = times_of()
        _restart(plan, changed_services(seen, now))
        seen = now


def _restart(plan: Plan, services: Iterable[str]) -> None:
    wanted = set(services)
    for process in process_states(plan) if wanted else ():
        if process.name.rpartition("-")[0] in wanted:
            stop_process(plan, process.name)
            start_process(plan, process.name)
            print(f"· {process.name} restarted")
