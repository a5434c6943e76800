"""One replica of a service under test, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

import httpx

from .eventually import eventually


class ServiceProcess:
    """`python -m <package>` with an environment of its own, by another interpreter where one is named; an async
    context manager that ends it."""

    def __init__(self, package: str, env: Mapping[str, str], *, port: int, python: str = sys.executable) -> None:
        self._package, self._port, self._python = package, port, python
        self._env = {**os.environ, **env, f"{package.upper()}_PORT": str(port)}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> ServiceProcess:
        self._process = await asyncio.create_subprocess_exec(
            self._python, "-m", self._package, env=self._env, stdout=asyncio.subprocess.DEVNULL
        )
        async with httpx.AsyncClient() as http:
            await eventually(lambda: self._ready(http), within=60, every=0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def end(self, with_signal: signal.Signals) -> None:
        """End it, and wait until it has ended."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(with_signal)
        await self._process.wait()

    async def _ready(self, http: httpx.AsyncClient) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, f"{self._package} ended by itself"
        try:
            return (await http.get(f"http://127.0.0.1:{self._port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False
