"""supervisord and the processes under it: start, ask, stop, and clear away what an earlier launcher left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import sysconfig
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # it ships none

from .errors import StackError
from .plan import SERVICES, Plan

STOP_SECONDS = 10.0
"""How long the whole stack may take to stop, whatever hangs."""
_SERVICES_SECONDS = 6.0
"""How long of these its gateway and then its services may, so that the servers are still stopped in good order."""
_ASKED_SECONDS = _KILLED_SECONDS = 1.0
"""How long at the end what supervisord did not stop may take once it is asked, and once it is killed."""

_MARK = "CONNECT_RUN_DIR"


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says about one process. `description` is its pid and uptime, or why it isn't running."""

    name: str
    state: str
    description: str


def start_supervisord(plan: Plan) -> subprocess.Popen[bytes]:
    """Starts supervisord, which starts the servers.

    It gets SIGTERM when the thread that called this ends, so that no server outlives its launcher.
    """
    plan.supervisor_socket.unlink(missing_ok=True)
    supervisord = str(Path(sysconfig.get_path("scripts")) / "supervisord")
    with (plan.logs / "supervisord.out").open("ab") as output:
        return subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", sys.executable, supervisord, "-c", str(plan.etc / "supervisord.conf")),
            env={**os.environ, _MARK: str(plan.run_dir)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def is_supervising(plan: Plan) -> bool:
    """Whether supervisord answers. Asking also wakes it: it would only look at what to start once a second."""
    try:
        with _asking(plan) as supervisor:
            supervisor.getState()
    except OSError:
        return False
    return True


def start_group(plan: Plan, group: str) -> None:
    """Starts the processes of a group without waiting for them."""
    with _asking(plan) as supervisor:
        supervisor.startProcessGroup(group, False)


def stop_process(plan: Plan, name: str) -> None:
    """Stops one process, which then stays away; returns when it is gone."""
    with _asking(plan) as supervisor:
        supervisor.stopProcess(_full_name(supervisor, name))


def start_process(plan: Plan, name: str) -> None:
    """Starts one process that was stopped, without waiting for it."""
    with _asking(plan) as supervisor:
        supervisor.startProcess(_full_name(supervisor, name), False)


def process_states(plan: Plan) -> list[ProcessState]:
    """The state of every process. Raises StackError when no stack runs in this folder."""
    try:
        with _asking(plan) as supervisor:
            found: Any = supervisor.getAllProcessInfo()
    except OSError as error:
        raise StackError(f"Nothing runs in {plan.run_dir}.") from error
    return [ProcessState(p["name"], p["statename"], p["description"]) for p in found]


def stop_everything(plan: Plan) -> None:
    """Stops every process of this run folder, whoever started it: gateway, then services, then servers."""
    deadline = time.monotonic() + STOP_SECONDS - _KILLED_SECONDS - _ASKED_SECONDS
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = int((plan.pids / "supervisord.pid").read_text())
        if pid in _processes(plan):
            os.kill(pid, signal.SIGTERM)
            if not _wait_until_gone(plan, time.monotonic() + _SERVICES_SECONDS):
                _kill_services(plan)
                _wait_until_gone(plan, deadline)
    for kind, seconds in ((signal.SIGTERM, _ASKED_SECONDS), (signal.SIGKILL, _KILLED_SECONDS)):
        for pid in _processes(plan):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, kind)
        if _wait_until_gone(plan, time.monotonic() + seconds):
            break
    for leftover in (*plan.pids.glob("*.pid"), plan.supervisor_socket):
        leftover.unlink(missing_ok=True)


def _kill_services(plan: Plan) -> None:
    there = _processes(plan)
    for program in SERVICES:
        for file in plan.pids.glob(f"{program}-*.pid"):
            with contextlib.suppress(ValueError, ProcessLookupError, FileNotFoundError):
                if (pid := int(file.read_text())) in there:
                    os.kill(pid, signal.SIGKILL)


class RunLock:
    """The right to run a stack in this folder: given back by the kernel even when its holder is killed."""

    def __init__(self, plan: Plan) -> None:
        plan.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = plan.run_dir / "launcher.lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises StackError when a launcher is alive in this folder."""
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise StackError(
                f"A stack already runs in {self._path.parent} (process {self.holder()}): stop it with `make stop`, "
                "or choose another RUN_DIR and PORT_BASE."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> int | None:
        """The launcher that holds the lock now, if any."""
        if not self._path.exists():
            return None
        with self._path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
        return None


@contextlib.contextmanager
def _asking(plan: Plan) -> Iterator[Any]:
    """supervisord's own calls, over its socket. Raises OSError when it isn't there."""
    transport = SupervisorTransport(None, None, f"unix://{plan.supervisor_socket}")
    with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
        yield server.supervisor


def _full_name(supervisor: Any, name: str) -> str:
    return next(f"{each['group']}:{name}" for each in supervisor.getAllProcessInfo() if each["name"] == name)


def _processes(plan: Plan) -> set[int]:
    """Every process that was started for this run folder: the mark is inherited, and survives its launcher."""
    return set(_marked_processes(f"{_MARK}={plan.run_dir}".encode())) - {os.getpid()}


def _marked_processes(mark: bytes) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def _wait_until_gone(plan: Plan, deadline: float) -> bool:
    while _processes(plan):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
