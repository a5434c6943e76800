"""The faults, as a table: how each strikes, and how it ends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from tests.support.fault_proxy import LINES as FAULTS_OF_A_LINE
from tests.support.fault_proxy import Line

from .stage import DISKS, LINES, Stage

SERVICES = ("upload-1", "catalog-1", "notify-1", "ged-mover-1")
SERVERS = ("mongod", "nats", "weed", "maildump", "clamd", "oidc", "caddy")
# Whose disk it is; the scratch folder is the mover's and the intake's.
_WRITERS = {"mongo": "mongod", "nats": "nats", "weed": "weed", "scratch": "upload-1"}
Strike = Callable[[Stage], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """One of a `kind`. `strike` is under way for as long as its context is open. `hits` is what it takes away: two
    faults of one moment hit different things. `process` is one that has to start again afterwards."""

    kind: str
    name: str
    hits: str
    strike: Strike
    process: str | None = None


def killed(process: str) -> Fault:
    """`kill -9`; its supervisor starts it again."""

    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        stage.stack.kill(process)
        yield

    return Fault("kill -9", f"kill -9 {process}", process, strike, process)


def stopped(process: str) -> Fault:
    """SIGSTOP: its connections stay open and nobody answers."""

    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        pid = stage.stack.pid(process)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    return Fault("stop", f"stop {process}", process, strike)


def cut(to: str, line: Line) -> Fault:
    """The line to a server, or to a service that others ask."""

    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        await asyncio.to_thread(stage.lines.put, to, line)
        try:
            yield
        finally:
            await asyncio.to_thread(stage.lines.put, to, "sound")

    return Fault("line", f"line to {to}: {line}", to, strike)


def full(disk: str) -> Fault:
    """No room on the file system of a server's data."""

    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        async with _no_room(stage, disk):
            yield

    return Fault("full disk", f"full disk {disk}", disk, strike)


def started_full(disk: str) -> Fault:
    """Whoever writes there is killed, and has to start where there is no room."""
    process = _WRITERS[disk]

    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        async with _no_room(stage, disk):
            stage.stack.kill(process)
            yield

    return Fault("start on a full disk", f"start of {process} on a full disk", disk, strike, process)


@asynccontextmanager
async def _no_room(stage: Stage, disk: str) -> AsyncIterator[None]:
    """nats-server and SeaweedFS's index keep answering with the error of a write that found no room until they are
    started anew: their operator does."""
    stage.disks.fill(disk)
    try:
        yield
    finally:
        stage.disks.clear(disk)
        if disk in ("nats", "weed"):
            await stage.stack.restart(disk)


KILLS = tuple(map(killed, (*SERVICES, *SERVERS)))
STOPS = tuple(map(stopped, (*SERVICES, *SERVERS)))
CUTS = tuple(cut(to, line) for to in LINES for line in FAULTS_OF_A_LINE if line != "sound")
FULL = tuple(map(full, DISKS))
STARTED_FULL = tuple(map(started_full, DISKS))
EVERY_FAULT = (*KILLS, *STOPS, *CUTS, *FULL, *STARTED_FULL)


def schedule(chance: random.Random, *, whole: bool) -> list[tuple[Fault, ...]]:
    """What strikes when, one moment after another: every fault alone and as many pairs, or a short choice with every
    kind in it."""
    if whole:
        alone, pairs = list(EVERY_FAULT), len(EVERY_FAULT) // 2
    else:
        alone = [*KILLS, *chance.sample(STOPS, 3), *chance.sample(CUTS, 5), *FULL, *chance.sample(STARTED_FULL, 2)]
        pairs = 4
    chance.shuffle(alone)
    return [*((fault,) for fault in alone), *(_pair(chance) for _ in range(pairs))]


def _pair(chance: random.Random) -> tuple[Fault, ...]:
    while True:
        first, second = chance.sample(EVERY_FAULT, 2)
        if first.hits != second.hits:
            return first, second
