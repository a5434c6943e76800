"""Where faults strike: a whole stack, a bad line to each of its parts that another asks, and small disks."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.support.fault_proxy import FaultProxies
from tests.support.running import EVERYTHING, RunningStack

# To the servers, from the services; to intake from the gateway; to the catalog from both.
LINES = ("mongo", "nats", "s3", "smtp", "clamd", "upload", "catalog")
DISKS = ("mongo", "nats", "weed", "scratch")
# The store keeps the room of what was deleted for a while: in seven minutes of this load it takes 4 GB.
_ROOM = "12g"
_KIB = 1024
# Sooner than in earnest, so that what these are for comes to pass while somebody looks.
_SETTINGS = {"REPUBLISH_AFTER": "20", "SEAL_EVERY": "20"}


class Disks:
    """A file system of its own for each data folder, whose room is what it holds, on demand."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    def mount(self) -> None:
        """Lay an empty one over every folder. Raises CalledProcessError where that isn't allowed."""
        for folder in self._folders.values():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _mount("-t", "tmpfs", "-o", f"size={_ROOM},mode=0700", "connect-chaos", str(folder))

    def unmount(self) -> None:
        """Take them away again, whatever is still open."""
        for folder in self._folders.values():
            with suppress(subprocess.CalledProcessError):
                subprocess.run(("umount", "--lazy", str(folder)), check=True, capture_output=True)

    def fill(self, name: str) -> None:
        """Leave no room, but for what is written in the moment between looking and filling."""
        folder = self._folders[name]
        # Whoever writes fast is not outrun at the first go.
        for spare in (0, 256 * _KIB, 4096 * _KIB) * 20:
            room = os.statvfs(folder)
            used = (room.f_blocks - room.f_bfree) * room.f_frsize
            try:
                return _mount("-o", f"remount,size={max(used, room.f_frsize) + spare}", str(folder))
            except subprocess.CalledProcessError:
                continue
        raise AssertionError(f"{folder} can't be filled")

    def clear(self, name: str) -> None:
        """Give it room again."""
        _mount("-o", f"remount,size={_ROOM}", str(self._folders[name]))


class Stage:
    """Everything of a fault's world; a context manager."""

    def __init__(self, run_dir: Path) -> None:
        self.stack = RunningStack(run_dir, only=EVERYTHING, detoured=LINES, settings=_SETTINGS)
        self.disks = Disks({name: self.stack.plan.data / name for name in DISKS})
        plan = self.stack.plan
        self.lines = FaultProxies({name: (listens, plan.port(name)) for name, listens in plan.detours.items()})

    def __enter__(self) -> Stage:
        self.disks.mount()
        self.lines.start()
        try:
            self.stack.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.stop()
        self._close()

    def _close(self) -> None:
        self.lines.stop()
        self.disks.unmount()


def _mount(*arguments: str) -> None:
    subprocess.run(("mount", *arguments), check=True, capture_output=True)
