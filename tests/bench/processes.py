"""What the processes of a stack take, as Linux counts it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_KIB = 1024
_MB = 1_000_000
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def memory_of(pids: Path) -> dict[str, float]:
    """Resident MB of each process of a stack with its children, by its name; their supervisor's own are left out.

    `pids` is the folder of pid files.
    """
    return {name: sum(map(_resident, _family(pid))) / _MB for name, pid in _processes(pids)}


def cpu_of(pids: Path) -> dict[str, float]:
    """Seconds of CPU that each process of a stack took so far, by itself and for the system, with its children also
    where they have ended; as `memory_of`."""
    return {name: sum(map(_ticks, _family(pid))) / _TICKS_A_SECOND for name, pid in _processes(pids)}


def resident_of(pid: int) -> float:
    """The resident MB of a process now, without its children."""
    return _resident(pid) / _MB


def open_many_files() -> None:
    """Let this process, and those that it starts from now on, have as many connections as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def peak_of(pid: int) -> float:
    """The most resident MB that a process had so far, without its children."""
    return _status(pid, "VmHWM:") / _MB


def peaks_of_children(pid: int) -> float:
    """The same of its children, each at its own time."""
    return sum(_status(each, "VmHWM:") for each in _family(pid) if each != pid) / _MB


def _processes(pids: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(pids.glob("*.pid")):
        if file.stem != "supervisord":
            yield file.stem, int(file.read_text())


def _resident(pid: int) -> int:
    return _status(pid, "VmRSS:")


def _status(pid: int, field: str) -> int:
    """Bytes; none where the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith(field))


def _ticks(pid: int) -> int:
    """Of itself and of its children that have ended; none where it has ended itself."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    # The name before, in brackets, may hold anything.
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return
    for child in children.split():
        yield from _family(int(child))
