"""A stack in the foreground, and what others do to it: stop it, ask for its state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .endpoints import Endpoints
from .errors import StackError
from .plan import Plan
from .progress import Progress
from .scanner import has_real_signatures
from .stack import Stack
from .supervision import STOP_SECONDS, RunLock, process_states, stop_everything

_WATCH_SECONDS = 0.5
# Its own stop, and what an interpreter takes to end.
_STOPPED_SECONDS = STOP_SECONDS + 2


async def run_until_stopped(plan: Plan, *, progress: Progress) -> int:
    """Starts the stack, tells where to click, and stays until a signal.

    Raises StackError when supervisord ends by itself.
    """
    stopping = asyncio.Event()
    stack = Stack(plan, progress=progress)
    starting = asyncio.ensure_future(stack.start())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _stop, stopping, starting)
    try:
        await starting
    except asyncio.CancelledError:
        return 130
    _welcome(plan, stack.endpoints, progress.console)
    while stack.is_running and not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _WATCH_SECONDS)
    with progress.step("Stopped"):
        await asyncio.to_thread(stack.stop)
    if not stopping.is_set():
        raise StackError(f"supervisord ended: see {plan.logs / 'supervisord.log'}")
    return 0


def stop_running(run_dir: Path) -> int:
    """Stops the stack of this run folder, also one whose launcher is gone."""
    plan = _any_plan(run_dir)
    lock = RunLock(plan)
    deadline = time.monotonic() + _STOPPED_SECONDS
    if holder := lock.holder():
        os.kill(holder, signal.SIGTERM)
        while lock.holder() and time.monotonic() < deadline:
            time.sleep(0.1)
    stop_everything(plan)
    return 0


def show_status(run_dir: Path) -> int:
    """Prints the state of every process."""
    table = Table(box=None)
    for heading in ("process", "state", ""):
        table.add_column(heading)
    for process in process_states(_any_plan(run_dir)):
        table.add_row(process.name, process.state, process.description)
    Console().print(table)
    return 0


def _scanner_words(plan: Plan) -> str:
    if not plan.has_clamd:
        return "[bold red]none: files are taken UNSCANNED[/bold red] (apt-get install clamav-daemon)"
    if not has_real_signatures():
        return (
            "clamd, with [bold red]test signatures alone[/bold red]: it finds EICAR and no real virus "
            "(CLAMAV_DATABASE=/var/lib/clamav for those of freshclam)"
        )
    return f"clamd, with the signatures in {os.environ['CLAMAV_DATABASE']}"


def _any_plan(run_dir: Path) -> Plan:
    """Stopping and asking go by the folder alone: the ports don't matter."""
    return Plan(run_dir=run_dir, port_base=8080)


def _stop(stopping: asyncio.Event, starting: asyncio.Future[None]) -> None:
    stopping.set()
    starting.cancel()


def _welcome(plan: Plan, endpoints: Endpoints, console: Console) -> None:
    lines = {
        "caddy": f"The portal     [bold]{endpoints.portal}[/bold]",
        "maildump": f"The mailbox    [bold]{endpoints.mail}[/bold]",
        "oidc": "Sign in as     [bold]earl-du-chene[/bold], who deposits, or [bold]jeanny-jerome[/bold], who receives",
    }
    console.print()
    for part, line in lines.items():
        if part in plan.only:
            console.print(f"  {line}")
    console.print(f"  Virus scanner  {_scanner_words(plan)}")
    console.print(f"  All addresses  {plan.run_dir / 'endpoints.json'}")
    console.print("  Ctrl-C stops everything; the data stays.\n")
