"""The example subscribers as processes of their own, to be killed and started again on what they kept."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from . import nodejs

EXAMPLES = Path(__file__).parents[2] / "examples" / "subscriber"


def python_command() -> Sequence[str]:
    """The one on nats-py."""
    return (sys.executable, str(EXAMPLES / "subscriber.py"))


def node_command() -> Sequence[str]:
    """The one on nats.js, with what its lock names."""
    nodejs.install(EXAMPLES / "node")
    return (nodejs.node(), str(EXAMPLES / "node" / "subscriber.js"))


class Subscriber:
    """One example with a database of its own."""

    def __init__(self, command: Sequence[str], folder: Path, credentials: Mapping[str, str]) -> None:
        self._command = command
        self._database = folder / "events.db"
        self._said = folder / "said.txt"
        self._errors = folder / "errors.txt"
        self._env = {**os.environ, **credentials, "DATABASE": str(self._database)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Go on."""
        with self._said.open("ab") as said, self._errors.open("ab") as errors:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=said, stderr=errors)

    def kill(self) -> None:
        """`kill -9`, unless it ended by itself, which is an AssertionError with its last words."""
        if self._process is not None:
            self._process.kill()
            status = self._process.wait()
            self._process = None
            assert status == -signal.SIGKILL, self._errors.read_text()

    def kept(self) -> dict[str, str | None]:
        """The data of each event by its id, as the database has it now; empty while there is none."""
        if not self._database.exists():
            return {}
        # Whoever may not write cannot read either what one that was killed has left half written.
        with closing(sqlite3.connect(f"file:{self._database}?mode=rw", uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
                return {}
            return dict(database.execute("SELECT id, data FROM events").fetchall())

    def said(self) -> list[str]:
        """The ids that it told as new, in all its lives."""
        return [line.split()[1] for line in self._said.read_text().splitlines() if len(line.split()) == 2]
