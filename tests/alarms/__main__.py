"""`python -m tests.alarms`: causes every alert's fault on a stack of its own, and says how long until it fired."""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from chassis.logs import configure_logs
from rich.console import Console
from rich.table import Column, Table

from deploy.local.demo import Demo
from deploy.local.endpoints import Endpoints
from deploy.local.scanner import clamd_path
from deploy.observability.rules import ALERTS

from .faults import EXCUSED, EXPECTED, ROUNDS, Fault
from .panels import unanswered
from .rules import alerts_of, shortened, without_a_fault
from .run import Rounds, Seen
from .stage import Parts, running, staged

_MINUTE = 4.0


def main() -> int:
    """The command. Returns 1 where an alert did not fire or end as it should, or has neither a fault nor a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.alarms", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--minute", type=float, default=_MINUTE, help=f"seconds of a minute, and an hour ({_MINUTE})")
    parser.add_argument("--only", nargs="+", help="the faults of these alerts alone", metavar="ALERT")
    parser.add_argument("--folder", type=Path, help="where the stack's data and logs are to stay (nowhere)")
    chosen = parser.parse_args()
    if shutil.which("prometheus") is None:
        parser.error("prometheus is missing: apt-get install prometheus")
    if clamd_path() is None:
        parser.error("clamd is missing: apt-get install clamav-daemon")
    if unknown := {*(chosen.only or ())} - {each.alert for each in EXPECTED}:
        parser.error(f"no fault causes {', '.join(sorted(unknown))}")
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    configure_logs(service="alarms", level="CRITICAL")
    with ExitStack() as cleanup:
        folder = chosen.folder or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="alarms-")))
        return _Command(Console(highlight=False, soft_wrap=True), chosen.minute).run(folder.resolve(), chosen.only)


class _Command:
    def __init__(self, console: Console, minute: float) -> None:
        self._console, self._minute = console, minute
        self._rules = ALERTS.read_text(encoding="utf-8")
        self._alerts = alerts_of(self._rules)

    def run(self, folder: Path, only: Collection[str] | None) -> int:
        rounds = [[fault for fault in faults if _is_wanted(fault, only)] for faults in ROUNDS]
        with running(folder, rules=shortened(self._rules, minute=self._minute), minute=self._minute) as parts:
            self._tell(
                f"Prometheus scrapes a stack; a minute, and an hour, has {self._minute:g} s, and a GiB is a MiB."
            )
            Demo(Endpoints.model_validate(parts[0].endpoints), self._console).run()
            seen, wrong = asyncio.run(self._go_through([faults for faults in rounds if faults], parts, whole=not only))
        wrong += without_a_fault(self._alerts, caused={each.alert for each in EXPECTED}, excused=EXCUSED)
        self._show(seen)
        for line in wrong:
            self._tell(line)
        well = {each.expected.alert for each in seen} - {each.expected.alert for each in seen if not each.is_well}
        self._tell(f"{len(well)} of {len(self._alerts)} alerts fired by their fault, and ended with it.")
        return 0 if not wrong and all(each.is_well for each in seen) else 1

    async def _go_through(
        self, rounds: Sequence[Sequence[Fault]], parts: Parts, *, whole: bool
    ) -> tuple[list[Seen], list[str]]:
        severities = {alert.name: alert.severity for alert in self._alerts}
        async with staged(*parts) as stage:
            told = Rounds(stage, severities=severities, tell=self._tell)
            wrong = [f"{name}: fires though nothing is wrong" for name in await told.firing_unasked()]
            seen = [each for faults in rounds for each in await told.run(faults)]
            # Of what never happened there is nothing to show.
            wrong += await unanswered(stage.prometheus, stage.http) if whole else []
        return seen, wrong

    def _show(self, seen: Sequence[Seen]) -> None:
        alert = Column("alert", min_width=max(len(each.name) for each in self._alerts))
        table = Table(alert, "fault", "fired after", "resolved after", "")
        for each in seen:
            table.add_row(
                " ".join((each.expected.alert, *each.expected.labels.values())),
                each.fault,
                *(_seconds(each.fired_after), _seconds(each.resolved_after), each.complaint),
            )
        for name, reason in EXCUSED.items():
            table.add_row(name, "–", "–", "–", reason)
        self._console.print(table)

    def _tell(self, line: str) -> None:
        self._console.print(line)


def _is_wanted(fault: Fault, only: Collection[str] | None) -> bool:
    return only is None or any(each.alert in only for each in fault.fires)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
