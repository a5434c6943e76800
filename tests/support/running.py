"""A local stack under test: its addresses, and the hand that kills, stops and restarts its processes."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.local.plan import SERVERS, SERVICES, Plan, PortReservation, Process
from deploy.local.readiness import wait_ready
from deploy.local.signin import token_of
from deploy.local.stack import Stack
from deploy.local.supervision import start_process, stop_process

from .eventually import eventually

BACKENDS = frozenset(SERVERS) - {"caddy"}
EVERYTHING = frozenset((*SERVERS, *SERVICES))
# From here on, a block has ports that no part of a stack takes.
_DETOURS = 70


class RunningStack:
    """Real processes on free ports, under supervisord: one that dies comes back by itself.

    Those that are `detoured` (`mongo`, `nats`, `s3`, `smtp`, `clamd`, `upload`, `catalog`) are reached where the test
    listens, at `plan.detours`: by the services, and where they are services, by the gateway.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        only: frozenset[str] = BACKENDS,
        replicas: Mapping[str, int] | None = None,
        detoured: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._reservation = PortReservation()
        base = self._reservation.port_base
        self.plan = Plan(
            run_dir=run_dir,
            port_base=base,
            replicas=replicas or {},
            only=only,
            detours={name: base + _DETOURS + number for number, name in enumerate(detoured)},
            settings=settings or {},
        )
        self._stack = Stack(self.plan)
        self.endpoints: dict[str, Any] = {}
        """What `endpoints.json` holds."""

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises StackError with nothing left running."""
        try:
            with warnings.catch_warnings():
                # PyMongo leaves the sockets of refused attempts to the garbage collector.
                warnings.simplefilter("ignore", ResourceWarning)
                asyncio.run(self._stack.start())
                gc.collect()
        except BaseException:
            self._reservation.release()
            raise
        self.endpoints = self._stack.endpoints.model_dump(mode="json")

    def stop(self) -> None:
        """Stop everything and give the ports back."""
        self._stack.stop()
        self._reservation.release()

    def env(self, service: str) -> dict[str, str]:
        """The environment that the first replica of this service gets."""
        return dict(self.endpoints["services"][service]["env"])

    async def token(self, sub: str) -> str:
        """A person's bearer token, through the real sign-in."""
        return await asyncio.to_thread(token_of, sub, self._stack.endpoints)

    def pid(self, name: str) -> int:
        """The process id of `nats`, `mongod`, `weed`, `maildump`, `oidc`, `upload-1`…"""
        return int((self.plan.pids / f"{name}.pid").read_text())

    def kill(self, name: str) -> int:
        """`kill -9`; supervisord starts it again. Returns the id of the process that died."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    async def down(self, name: str) -> None:
        """Stop one process; it stays away until `up`."""
        await asyncio.to_thread(stop_process, self.plan, name)

    async def up(self, name: str) -> None:
        """Start one process that is `down`, and wait until it answers."""
        await asyncio.to_thread(start_process, self.plan, name)
        await self.ready(name)

    async def restart(self, name: str) -> None:
        """Stop one process in good order, start it again and wait until it answers."""
        await self.down(name)
        await self.up(name)

    async def replaced(self, name: str, pid: int) -> None:
        """Wait until the process that was killed as `pid` runs again and answers."""
        await eventually(lambda: self.pid(name) != pid, within=10)
        await self.ready(name)

    async def ready(self, name: str) -> None:
        """Wait until a process answers. Raises StackError when it doesn't within two minutes."""
        process = self._process(name)
        async with httpx.AsyncClient() as http:
            await wait_ready(process, plan=self.plan, http=http, is_running=lambda: self._stack.is_running)

    def _process(self, name: str) -> Process:
        return next(each for each in (*self.plan.servers(), *self.plan.services()) if each.name == name)
