"""A small disk of its own, to be filled."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_BYTES = 24 * 1024 * 1024
_PIECE = bytes(256 * 1024)
# Of all there is; the alert is for less.
_LEFT = 0.05


class SmallDisk:
    """A file system in a file, mounted at `folder` while its context is open; only root may do that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".img")

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(_BYTES)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.folder))

    def fill(self) -> None:
        """Leave a twentieth of it."""
        with (self.folder / "filling").open("wb", buffering=0) as filling:
            while self._left > _LEFT:
                filling.write(_PIECE)

    def clear(self) -> None:
        """Give the room back."""
        (self.folder / "filling").unlink()

    @property
    def _left(self) -> float:
        room = os.statvfs(self.folder)
        return room.f_bavail / room.f_blocks


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
