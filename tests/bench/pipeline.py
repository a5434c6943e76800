"""The whole way: documents archived, listed and told of, beside the store alone; how late; and what a replica adds."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path

import nats
from nats.js import JetStreamContext

from tests.suites.catalog_events import announced, document_id
from tests.support.fault_proxy import FaultProxies
from tests.support.ports import free_port
from tests.support.running import BACKENDS, EVERYTHING, RunningStack
from tests.support.samples import invoice
from tests.support.service import ServiceProcess
from tests.support.store import Store

from .crowd import OFFICE, gather
from .heard import ALERTED, ARCHIVED, LISTED, Heard, listening
from .measuring import Aim, Row, side_by_side
from .objects import Objects
from .rebuilding import tell
from .sender import Sender
from .workers import NO_LIMITS

DOCUMENTS = 2_000
SIZE, AT_ONCE = 60_000, 16
# Of intake; the other services are one process each.
WORKERS = 2
# Documents a second, and the milliseconds within which 95 of 100 of them are to be there.
PACE = 10
WITHIN = {LISTED: 150, ARCHIVED: 500, ALERTED: 1_000}
# Of one mover; what they move is small, for the line's delay is to be what takes time.
MOVES, MOVED_SIZE = 4, 2_000
_CALLED = {LISTED: "listed", ARCHIVED: "archived", ALERTED: "its mail accepted"}


async def rows(folder: Path, *, rounds: int, documents: int = DOCUMENTS) -> AsyncIterator[Row]:
    """Every row: of `documents` deposited ones for the movers, and of a half and a quarter of them for the whole way.
    `folder` is for the stacks' data."""
    async for row in _whole_way(folder / "whole", rounds=rounds, documents=documents):
        yield row
    yield await _movers(folder / "movers", rounds=rounds, documents=documents)


async def _whole_way(folder: Path, *, rounds: int, documents: int) -> AsyncIterator[Row]:
    stack = RunningStack(folder, only=EVERYTHING - {"clamd"}, replicas={"upload": WORKERS}, settings=NO_LIMITS)
    await asyncio.to_thread(stack.start)
    try:
        async with AsyncExitStack() as opened:
            (depositor,) = await gather(stack, count=1)
            heard, _ = await broker(stack, opened)
            sender = await opened.enter_async_context(Sender(intake_of(stack), token=depositor.token))
            store = opened.enter_context(Objects(stack.endpoints["s3"], threads=AT_ONCE))
            way = WholeWay(sender, heard)
            await way.speed(2 * AT_ONCE)  # connections, caches, specialised bytecode
            half = documents // 2
            row = Row("the whole way of 60 kB", "documents/s", Aim(0.50), against="its calls to the store")
            calls = partial(store.journeys, way.sample.content, count=half)
            await store.journeys(way.sample.content, count=2 * AT_ONCE)
            yield await side_by_side(row, partial(way.speed, half), calls, rounds=rounds)
            late = {what: _late_row(what) for what in WITHIN}
            for _ in range(rounds):
                for what, p95 in (await way.lateness(documents // 4)).items():
                    late[what].ours.append(p95)
            for row in late.values():
                yield row
    finally:
        await asyncio.to_thread(stack.stop)


def _late_row(what: str) -> Row:
    name = f"p95 from acknowledged to {_CALLED[what]}, at {PACE} documents/s"
    return Row(name, "ms", Aim(WITHIN[what], at_most=True))


def intake_of(stack: RunningStack) -> Sequence[str]:
    """Where each process of the intake is."""
    return [f"http://127.0.0.1:{each.port}" for each in stack.plan.services("upload")]


async def broker(stack: RunningStack, opened: AsyncExitStack) -> tuple[Heard, JetStreamContext]:
    """What is heard of the crowd's office from now on, and the streams; until `opened` is closed."""
    where = stack.endpoints["nats"]
    connection = await nats.connect(where["url"], user=where["user"], password=where["password"])
    opened.push_async_callback(connection.close)
    heard = await opened.enter_async_context(listening(connection, office=OFFICE))
    return heard, connection.jetstream()


@dataclass(frozen=True)
class Rush:
    """Documents a second until all had come of all of them, and the 95th percentile of how long that took of one after
    intake's answer, in milliseconds."""

    speed: float
    p95: float


class WholeWay:
    """Clients whose every document is a deposit of its own, so each is told of at once."""

    def __init__(self, sender: Sender, heard: Heard) -> None:
        self._sender, self._heard = sender, heard
        self.sample = invoice("petit.pdf", size=SIZE)

    async def speed(self, documents: int) -> float:
        """Documents a second, from the first request until the last of them is archived, listed and told of."""
        return (await self.rush(documents)).speed

    async def rush(self, documents: int) -> Rush:
        """What comes of documents that are sent as fast as they are taken."""
        numbers, acknowledged = iter(range(documents)), dict[str, float]()

        async def line() -> None:
            for _ in numbers:
                document = await self._sender.deposit(self.sample, steps=2)
                acknowledged[document] = time.monotonic()

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(line())
        took = await self._heard.all_of(acknowledged, *WITHIN) - started
        done = {document: max(self._heard.at[what][document] for what in WITHIN) for document in acknowledged}
        return Rush(documents / took, _p95(acknowledged, done))

    async def lateness(self, documents: int) -> dict[str, float]:
        """Of documents sent at an even pace, the 95th percentile of how long after intake's answer each thing had
        come of them, in milliseconds."""
        acknowledged: dict[str, float] = {}

        async def deposit() -> None:
            document = await self._sender.deposit(self.sample, steps=2)
            acknowledged[document] = time.monotonic()

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(documents):
                await asyncio.sleep(started + number / PACE - time.monotonic())
                group.create_task(deposit())
        await self._heard.all_of(acknowledged, *WITHIN)
        return {what: _p95(acknowledged, self._heard.at[what]) for what in WITHIN}


def _p95(since: dict[str, float], until: dict[str, float]) -> float:
    # What has come before the answer was there did not keep anybody waiting.
    waits = [max(0.0, until[document] - moment) * 1_000 for document, moment in since.items()]
    return statistics.quantiles(waits, n=20)[18]


async def _movers(folder: Path, *, rounds: int, documents: int) -> Row:
    """Two movers beside one, where each call to the store takes at least as long as its line does."""
    stack = RunningStack(folder, only=BACKENDS - {"clamd"}, detoured=["s3"])
    await asyncio.to_thread(stack.start)
    line = FaultProxies({"s3": (stack.plan.detours["s3"], stack.plan.port("s3"))})
    line.start()
    line.put("s3", "late")
    try:
        async with AsyncExitStack() as opened:
            heard, js = await broker(stack, opened)
            backlog = Backlog(stack, heard, js)
            opened.callback(backlog.close)
            row = Row(f"a backlog of {documents:,} moves, two replicas", "documents/s", Aim(1.8), against="one replica")
            two, one = (partial(backlog.moved, documents, replicas=replicas) for replicas in (2, 1))
            return await side_by_side(row, two, one, rounds=rounds)
    finally:
        line.stop()
        await asyncio.to_thread(stack.stop)


class Backlog:
    """Documents that lie in staging, and whose events all come at once."""

    def __init__(self, stack: RunningStack, heard: Heard, js: JetStreamContext) -> None:
        self._env = stack.env("ged-mover") | {"GED_MOVER_MOVES_AT_ONCE": str(MOVES)}
        self._heard, self._js, self._store = heard, js, Store(stack.endpoints["s3"])
        self._sample, self._numbers = invoice("petit.pdf", size=MOVED_SIZE), count(1)

    def close(self) -> None:
        """Give the store's connections back."""
        self._store.close()

    async def moved(self, documents: int, *, replicas: int) -> float:
        """Documents a second that so many movers bring into the GED."""
        numbers = list(islice(self._numbers, documents))
        bucket = await self._staged(numbers)
        of_each = {"size": self._sample.size, "sha256": self._sample.sha256}
        events = [announced(each, **of_each, location={"bucket": bucket, "key": document_id(each)}) for each in numbers]
        async with AsyncExitStack() as running:
            for _ in range(replicas):
                await running.enter_async_context(ServiceProcess("ged_mover", self._env, port=free_port()))
            started = time.monotonic()
            await tell(self._js, events)
            last = await self._heard.all_of([document_id(each) for each in numbers], ARCHIVED)
            return documents / (last - started)

    async def _staged(self, numbers: Sequence[int]) -> str:
        """Write the documents; returns the bucket's name."""
        content = self._sample.content
        return (await asyncio.gather(*(self._store.stage(document_id(each), content) for each in numbers)))[0]
