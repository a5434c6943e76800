"""The local stack as one thing: `start()` it, use its `endpoints`, `stop()` it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

import httpx
from contracts.subscribers import PLATFORM_ACCOUNT

from .credentials import Credentials, load_or_make
from .directory import load_demo_directory
from .endpoints import Endpoints, endpoints_of, write_endpoints
from .errors import StackError
from .plan import Plan, Process
from .preflight import check_machine, check_ports
from .progress import Progress
from .readiness import wait_ready
from .render import render_all
from .supervision import RunLock, is_supervising, start_group, start_supervisord, stop_everything


class Stack:
    """Real servers, and the services where the plan has them.

    `async with Stack(plan) as stack` starts and stops it. Start it in a thread that lives as long as it shall run.
    """

    def __init__(self, plan: Plan, *, progress: Progress | None = None) -> None:
        self.plan = plan
        self._progress = progress or Progress(quiet=True)
        self._lock = RunLock(plan)
        self._supervisord: subprocess.Popen[bytes] | None = None
        self._endpoints: Endpoints | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is. Only a started stack has any."""
        assert self._endpoints is not None, "the stack is not started"
        return self._endpoints

    @property
    def is_running(self) -> bool:
        return self._supervisord is not None and self._supervisord.poll() is None

    async def start(self) -> None:
        """Returns when every part is ready. Raises StackError, with nothing left running."""
        check_machine(self.plan)
        self._lock.take()
        try:
            await asyncio.to_thread(stop_everything, self.plan)
            check_ports(self.plan)
            credentials = self._prepare()
            self._supervisord = start_supervisord(self.plan)
            await self._wait_for_supervisord()
            async with httpx.AsyncClient() as http:
                await self._start_servers(credentials, http)
                await self._start_services(credentials, http)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops every process, within `STOP_SECONDS`. Data stays."""
        stop_everything(self.plan)
        if self._supervisord is not None:
            self._supervisord.wait()
            self._supervisord = None
        self._lock.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _prepare(self) -> Credentials:
        plan = self.plan
        for folder in (
            plan.etc,
            plan.logs,
            plan.pids,
            *(plan.data / n for n in ("mongo", "nats", "weed", "clamd", "scratch")),
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        credentials = load_or_make(plan)
        _adopt_streams(plan)
        render_all(plan, credentials)
        self._endpoints = endpoints_of(plan, credentials)
        write_endpoints(plan, self._endpoints)
        return credentials

    async def _wait_for_supervisord(self) -> None:
        while not is_supervising(self.plan):
            if not self.is_running:
                raise StackError(f"supervisord ended: see {self.plan.logs / 'supervisord.out'}")
            await asyncio.sleep(0.02)

    async def _start_servers(self, credentials: Credentials, http: httpx.AsyncClient) -> None:
        servers = [process for process in self.plan.servers() if process.program != "caddy"]
        with self._progress.step(f"Servers: {_names(servers)}"):
            await _together(self._start_server(process, credentials, http) for process in servers)

    async def _start_server(self, process: Process, credentials: Credentials, http: httpx.AsyncClient) -> None:
        # The clients take a second or two to import: meanwhile the servers start.
        from .provision import provision  # noqa: PLC0415

        await self._ready(process, http)
        await provision(process.program, plan=self.plan, credentials=credentials)

    async def _start_services(self, credentials: Credentials, http: httpx.AsyncClient) -> None:
        services = list(self.plan.services())
        if services:
            with self._progress.step(f"Services: {_names(services)}"):
                start_group(self.plan, "services")
                loading = [load_demo_directory(self.plan, credentials)] if "catalog" in self.plan.only else []
                await _together([*(self._ready(process, http) for process in services), *loading])
        gateway = [process for process in self.plan.servers() if process.program == "caddy"]
        if gateway:
            with self._progress.step(f"Gateway: {self.plan.portal_url}"):
                start_group(self.plan, "gateway")
                await _together(self._ready(process, http) for process in gateway)

    async def _ready(self, process: Process, http: httpx.AsyncClient) -> None:
        await wait_ready(process, plan=self.plan, http=http, is_running=lambda: self.is_running)


def _names(processes: Iterable[Process]) -> str:
    return ", ".join(process.name for process in processes)


async def _together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all at once; the first that fails stops the others and is what the caller sees."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except* Exception as failures:  # noqa: BLE001 (re-raised below, unwrapped)
        failed = failures.exceptions[0]
    else:
        return
    raise failed


def _adopt_streams(plan: Plan) -> None:
    """Streams from before there were accounts belong to the services' own."""
    streams = plan.data / "nats" / "jetstream"
    if (streams / "$G").is_dir() and not (streams / PLATFORM_ACCOUNT).exists():
        (streams / "$G").rename(streams / PLATFORM_ACCOUNT)
