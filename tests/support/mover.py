"""The mover as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Self

import httpx


class Mover:
    """One process of the service. A context manager: started, and ended in good order."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{env['GED_MOVER_PORT']}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "ged_mover"], env=self._env)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Has the process drain and end; it must do so by itself."""
        assert self._process
        self._process.terminate()
        assert self._process.wait(25) in (0, -signal.SIGTERM)

    async def ready(self) -> bool:
        async with httpx.AsyncClient() as http:
            try:
                return (await http.get(f"{self.url}/readyz", timeout=5)).status_code == 200
            except httpx.TransportError:
                return False
