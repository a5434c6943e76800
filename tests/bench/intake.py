"""Intake: how fast documents are taken, beside the store alone, and how much memory that takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from tests.support.running import BACKENDS, RunningStack
from tests.support.samples import invoice
from tests.support.upload_replicas import fill_directory

from .measuring import Aim, Measure, Row, side_by_side
from .node_peer import node_peer
from .objects import Objects
from .processes import peak_of, peaks_of_children
from .sender import PIECE, Sender
from .workers import intake_workers

SMALL, LARGE, HUGE = 60_000, 20_000_000, 500_000_000
SMALL_COUNT, SMALL_AT_ONCE = 800, 16
PEER_COUNT = 200
LARGE_COUNT, LARGE_AT_ONCE = 24, 4
TRANSFERS, SLOW_SECONDS = 64, 30.0
WORKERS = 2
_INSPECTORS = "its processes that look into files, MB"


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """Every row of intake, as it is measured. `folder` is for the stack's data."""
    stack = RunningStack(folder, only=BACKENDS)
    await asyncio.to_thread(stack.start)
    try:
        await fill_directory(stack.endpoints["nats"])
        async for row in _speeds(stack, rounds=rounds):
            yield row
        async for row in _memory(stack, rounds=rounds):
            yield row
    finally:
        await asyncio.to_thread(stack.stop)


async def _speeds(stack: RunningStack, *, rounds: int) -> AsyncIterator[Row]:
    small, large = invoice("petit.pdf", size=SMALL), invoice("grand.pdf", size=LARGE)
    with intake_workers(stack, count=WORKERS) as workers:
        async with Sender(workers.bases, token=workers.token) as sender:
            send = partial(sender.many, small, count=SMALL_COUNT, at_once=SMALL_AT_ONCE)
            with Objects(stack.endpoints["s3"], threads=SMALL_AT_ONCE) as store:
                put = partial(store.puts, small.content, count=SMALL_COUNT)
                await put()  # as ours, before each row
                for steps, name, bound in ((2, "POST then PATCH", 0.60), (1, "one request", 0.70)):
                    await send(steps=steps)  # connections, caches, specialised bytecode
                    row = Row(f"intake of 60 kB, {name}", "documents/s", Aim(bound), against="PutObject")
                    yield await side_by_side(row, partial(send, steps=steps), put, rounds=rounds)
            yield await _beside_node(stack, partial(send, steps=2), rounds=rounds)
            if stack.plan.has_clamd:
                yield await _scanned(stack, partial(send, steps=2), rounds=rounds)
            with Objects(stack.endpoints["s3"], threads=LARGE_AT_ONCE) as store:
                ours = partial(sender.many, large, count=LARGE_COUNT, at_once=LARGE_AT_ONCE, steps=2)
                put = partial(store.puts, large.content, count=LARGE_COUNT)
                row = Row("intake of 20 MB", "documents/s", Aim(0.80), against="PutObject")
                yield await side_by_side(row, ours, put, rounds=rounds)


async def _beside_node(stack: RunningStack, ours: Measure, *, rounds: int) -> Row:
    small = invoice("petit.pdf", size=SMALL)
    async with node_peer(stack.endpoints["s3"]) as base, Sender([base], token="") as sender:
        theirs = partial(sender.many, small, count=PEER_COUNT, at_once=SMALL_AT_ONCE, steps=2)
        await theirs()
        row = Row("intake of 60 kB, POST then PATCH", "documents/s", Aim(4), against="the Node tus server")
        return await side_by_side(row, ours, theirs, rounds=rounds)


async def _scanned(stack: RunningStack, unscanned: Measure, *, rounds: int) -> Row:
    small = invoice("petit.pdf", size=SMALL)
    with intake_workers(stack, count=WORKERS, UPLOAD_SCANNER=stack.plan.scanner) as workers:
        async with Sender(workers.bases, token=workers.token) as sender:
            ours = partial(sender.many, small, count=SMALL_COUNT, at_once=SMALL_AT_ONCE, steps=2)
            await ours()
            row = Row("intake of 60 kB, scanned by clamd", "documents/s", Aim(0.75), against="not scanned")
            return await side_by_side(row, ours, unscanned, rounds=rounds)


async def _memory(stack: RunningStack, *, rounds: int) -> AsyncIterator[Row]:
    """What one worker takes at most, begun anew for each figure."""
    many = Row(f"peak of a worker, {TRANSFERS} slow transfers of 20 MB", "MB", Aim(200, at_most=True))
    one = Row("peak of a worker, one file of 500 MB", "MB", Aim(200, at_most=True))
    large, huge = invoice("grand.pdf", size=LARGE), invoice("très grand.pdf", size=HUGE)
    pause = SLOW_SECONDS * PIECE / LARGE
    for _ in range(rounds):
        with intake_workers(stack, count=1) as workers:
            async with Sender(workers.bases, token=workers.token) as sender:
                await asyncio.gather(*(sender.deposit(large, steps=2, pause=pause) for _ in range(TRANSFERS)))
                many.ours.append(peak_of(workers.pids[0]))
                many.also.setdefault(_INSPECTORS, []).append(peaks_of_children(workers.pids[0]))
        with intake_workers(stack, count=1, UPLOAD_MAX_SIZE=str(HUGE)) as workers:
            async with Sender(workers.bases, token=workers.token) as sender:
                await sender.deposit(huge, steps=2)
                one.ours.append(peak_of(workers.pids[0]))
                one.also.setdefault(_INSPECTORS, []).append(peaks_of_children(workers.pids[0]))
    yield many
    yield one
