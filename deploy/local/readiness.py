"""When each process counts as ready: it answers, asked over the network as its clients will."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import httpx

from .errors import StackError
from .plan import Plan, Process

READY_SECONDS = 120.0
_CLAMD_SECONDS = 240.0
"""With all signatures there are, clamd takes a minute or two."""

_POLL_SECONDS = 0.05
_MOST_LIVES = 4
"""Processes that one start may use up: a first one that ends may have met a server which was not there yet."""

_ASKED = {
    "nats": ("nats-monitor", "/healthz", 300),
    # The store refuses who doesn't sign, the gateway has nothing there: an answer is enough.
    "weed": ("s3", "/", 500),
    "caddy": ("portal", "/livez", 500),
    "maildump": ("mail", "/messages/", 300),
    "oidc": ("oidc", "/.well-known/openid-configuration", 300),
}
"""Endpoint, path, and the status below which the answer counts."""

Probe = Callable[[], Awaitable[bool]]


async def wait_ready(process: Process, *, plan: Plan, http: httpx.AsyncClient, is_running: Callable[[], bool]) -> None:
    """Returns once the process answers.

    Raises StackError when it doesn't within two minutes, when it keeps ending, or when `is_running` says no more.
    """
    probe = _probe_of(process, plan=plan, http=http)
    log = plan.logs / f"{process.name}.log"
    patience = _CLAMD_SECONDS if process.program == "clamd" else READY_SECONDS
    deadline = time.monotonic() + patience
    lives: set[str] = set()
    while not await probe():
        lives.add(_pid(plan, process))
        if len(lives) > _MOST_LIVES:
            raise StackError(f"{process.name} keeps ending right after its start: see {log}")
        if time.monotonic() > deadline:
            raise StackError(f"{process.name} is not ready after {patience:.0f} s: see {log}")
        if not is_running():
            raise StackError(f"supervisord ended: see {plan.logs / 'supervisord.out'}")
        await asyncio.sleep(_POLL_SECONDS)


def _pid(plan: Plan, process: Process) -> str:
    try:
        return (plan.pids / f"{process.name}.pid").read_text()
    except FileNotFoundError:
        return ""


def _probe_of(process: Process, *, plan: Plan, http: httpx.AsyncClient) -> Probe:
    if process.program == "mongod":
        return partial(_listens, plan.port("mongo"))
    if process.program == "clamd":
        return partial(_pongs, process.port)
    endpoint, path, below = _ASKED.get(process.program, (None, "/readyz", 300))
    port = plan.port(endpoint) if endpoint else process.port
    return partial(_answers, http, port, path, below=below)


async def _answers(http: httpx.AsyncClient, port: int, path: str, *, below: int) -> bool:
    # A whole request for every look would take a quarter of a core from those that are starting.
    if not await _listens(port):
        return False
    try:
        response = await http.get(f"http://127.0.0.1:{port}{path}", timeout=2)
    except httpx.TransportError:
        return False
    return response.status_code < below


async def _pongs(port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"zPING\0")
                return await reader.readuntil(b"\0") == b"PONG\0"
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
