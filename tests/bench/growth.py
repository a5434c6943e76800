"""What a document costs where there are many already, and where they come from many clients.

The others were never deposited (see `seeding`). Some hundred real deposits are made on top of them, and what is judged
is the CPU that all services and servers took for one, beside the same on top of the fewest: it depends less than a
speed does on what else the machine does. Both stacks run all the time, and one of them has nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.running import EVERYTHING, RunningStack

from .crowd import gather
from .measuring import Aim, Row, side_by_side
from .pipeline import AT_ONCE, WORKERS, WholeWay, broker, intake_of
from .processes import cpu_of
from .seeding import seed
from .sender import Sender
from .traces import Servers, servers_of
from .workers import NO_LIMITS

DOCUMENTS, CLIENTS = (1_000, 10_000, 100_000, 1_000_000), (1, 10, 100, 1_000)
# Of whichever of both stays the same.
_USUAL_DOCUMENTS, _USUAL_CLIENTS = 10_000, 200
DEPOSITS = 500
# What costs up to so many times what it costs on top of the fewest is called flat.
FLAT = 1.3
# Seconds that are looked at; the seconds of CPU a second that all of a stack takes at rest, at most; and the seconds
# within which it comes to that: what was seeded is still being written out at first.
_LOOK, _REST, _PATIENCE = 5.0, 0.3, 900.0


@dataclass(frozen=True)
class Size:
    """How much there is before anything is measured."""

    documents: int
    clients: int


@dataclass
class Sized(Row):
    """A row of a size. `by` says what grows, `documents` or `clients`; `deposits` are those of a round; `processes` has
    what each process took of a document's milliseconds."""

    by: str = "documents"
    size: Size = Size(0, 0)
    deposits: int = DEPOSITS
    processes: dict[str, list[float]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """See `Row.told`."""
        size = {"documents": self.size.documents, "clients": self.size.clients}
        return super().told() | {"by": self.by, **size, "deposits": self.deposits, "processes": self.processes}


async def rows(
    folder: Path,
    *,
    rounds: int,
    documents: Sequence[int] = DOCUMENTS,
    clients: Sequence[int] = CLIENTS,
    deposits: int = DEPOSITS,
) -> AsyncIterator[Row]:
    """A row a size, by documents and then by clients; the others stand beside the first of each, which comes last."""
    by = {
        "documents": [Size(each, _USUAL_CLIENTS) for each in documents],
        "clients": [Size(_USUAL_DOCUMENTS, each) for each in clients],
    }
    for grows, (least, *larger) in by.items():
        async with Grown(folder / f"{grows}-least", least, deposits=deposits) as few:
            for size in larger:
                row = _row(grows, size, least, deposits=deposits)
                async with Grown(folder / f"{grows}-{getattr(size, grows)}", size, deposits=deposits) as many:
                    await side_by_side(row, many.cost, few.cost, rounds=rounds)
                row.also, row.processes = many.also, many.processes
                yield row
            while len(few.costs) < rounds:  # beside nothing
                await few.cost()
            row = _row(grows, least, least, deposits=deposits)
            row.ours = row.reference = few.costs
            row.also, row.processes = few.also, few.processes
            yield row


def _row(grows: str, size: Size, least: Size, *, deposits: int) -> Sized:
    return Sized(
        name=f"CPU a document, among {size.documents:,} of {size.clients:,} client{'s' * (size.clients > 1)}",
        unit="ms",
        aim=Aim(FLAT, at_most=True),
        against=f"among {getattr(least, grows):,}",
        by=grows,
        size=size,
        deposits=deposits,
    )


class Grown:
    """A stack with so much in it. An async context manager."""

    def __init__(self, folder: Path, size: Size, *, deposits: int) -> None:
        self._stack = RunningStack(
            folder, only=EVERYTHING - {"clamd"}, replicas={"upload": WORKERS}, settings=NO_LIMITS
        )
        self._size, self._deposits = size, deposits
        self._opened = AsyncExitStack()
        self.costs: list[float] = []
        self.processes: dict[str, list[float]] = defaultdict(list)
        self.also: dict[str, list[float]] = {"documents/s": [], "p95 ms": [], "at rest ms/s": []}

    async def __aenter__(self) -> Grown:
        await asyncio.to_thread(self._stack.start)
        self._opened.push_async_callback(asyncio.to_thread, self._stack.stop)
        try:
            await self._fill()
        except BaseException:
            await self._opened.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def cost(self) -> float:
        """Milliseconds of CPU a document, until everything that anybody does of it is done."""
        before = cpu_of(self._stack.plan.pids)
        rush = await self._way.rush(self._deposits)
        await self._servers.heard_out()
        for name, seconds in cpu_of(self._stack.plan.pids).items():
            self.processes[name].append((seconds - before[name]) / self._deposits * 1_000)
        cost = sum(values[-1] for values in self.processes.values())
        self.costs.append(cost)
        self.also["documents/s"].append(rush.speed)
        self.also["p95 ms"].append(rush.p95)
        return cost

    async def _fill(self) -> None:
        crowd = await gather(self._stack, count=self._size.clients)
        await seed(self._stack, crowd, documents=self._size.documents)
        first, *others = [depositor.token for depositor in crowd]
        sender = await self._opened.enter_async_context(Sender(intake_of(self._stack), token=first, others=others))
        heard, _ = await broker(self._stack, self._opened)
        self._servers: Servers = await self._opened.enter_async_context(servers_of(self._stack))
        self._way = WholeWay(sender, heard)
        await self._way.rush(2 * AT_ONCE)  # connections, caches, specialised bytecode
        self.also["at rest ms/s"].append(1_000 * await self._rested())

    async def _rested(self) -> float:
        """Wait until the stack is at rest; returns the seconds of CPU that it takes a second then."""
        until = time.monotonic() + _PATIENCE
        while True:
            before, started = self._cpu(), time.monotonic()
            await asyncio.sleep(_LOOK)
            taken = (self._cpu() - before) / (time.monotonic() - started)
            if taken <= _REST:
                return taken
            assert time.monotonic() < until, f"still busy: {taken:.2f} of a processor"

    def _cpu(self) -> float:
        return sum(cpu_of(self._stack.plan.pids).values())
