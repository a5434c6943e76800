"""What the processes of a stack take, as Linux counts it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

_KIB = 1024
_MIB = 1024 * 1024


def memory_of(pids: Path) -> dict[str, float]:
    """Resident MiB of each process of a stack with its children, by its name; their supervisor's own are left out.

    `pids` is the folder of pid files.
    """
    files = [file for file in sorted(pids.glob("*.pid")) if file.stem != "supervisord"]
    return {file.stem: sum(map(_resident, _family(int(file.read_text())))) / _MIB for file in files}


def resident_of(pid: int) -> float:
    """The resident MiB of a process now, without its children."""
    return _resident(pid) / _MIB


def open_many_files() -> None:
    """Let this process, and those that it starts from now on, have as many connections as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def peak_of(pid: int) -> float:
    """The most resident MiB that a process had so far, without its children."""
    return _status(pid, "VmHWM:") / _MIB


def _resident(pid: int) -> int:
    return _status(pid, "VmRSS:")


def _status(pid: int, field: str) -> int:
    """Bytes; none where the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith(field))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return
    for child in children.split():
        yield from _family(int(child))
