"""Year's end: every client of an office deposits at the same time.

`python -m tests.bench.year_end` starts a stack of its own, has 200 clients deposit 100 small documents each at once,
and looks meanwhile, once a second, how long people wait: for their list, for the accountant's, and to sign in.
Afterwards every document that was acknowledged must lie in the GED once with its SHA-256, be listed once, and each
deposit be one mail. Exit status 1 where one is not, and where somebody who read or signed in meanwhile was refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.errors import StackError
from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.portal import Portal
from tests.support.running import EVERYTHING, RunningStack
from tests.support.samples import Sample, invoice
from tests.support.store import Store
from tests.support.tus import Deposit, TusClient

from .crowd import ACCOUNTANT, ACCOUNTANT_SUB, OFFICE, Depositor, gather
from .processes import memory_of

SIZE = 20_000
# What comes from one address here comes from as many as there are clients at a year's end.
SETTINGS = {"LIMITS__ADDRESS__TRANSFERS": "none", "LIMITS__ADDRESS__REQUESTS": "none"}
# Seconds.
_PATIENCE, _LOOK_EVERY, _SETTLED_WITHIN = 900.0, 1.0, 1_800.0
_READ_AT_ONCE = 8


@dataclass
class Waits:
    """How long people waited for something, in seconds, and what failed."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def time(self, deed: Callable[[], Awaitable[object]]) -> None:
        """Do it and note how long it took."""
        started = time.monotonic()
        try:
            await deed()
        except (httpx.HTTPError, StackError) as error:
            self.failures.append(repr(error))
        self.seconds.append(time.monotonic() - started)

    def faults(self, what: str) -> list[str]:
        """Each kind of failure once."""
        return [f"{what} failed {count} times: {error}" for error, count in Counter(self.failures).items()]

    def told(self) -> dict[str, float]:
        """Milliseconds."""
        cut = statistics.quantiles(self.seconds, n=20) if len(self.seconds) > 1 else self.seconds * 19
        found = {"times": len(self.seconds), "median": cut[9], "p95": cut[18], "longest": max(self.seconds)}
        return {name: value if name == "times" else round(value * 1000) for name, value in found.items()} | {
            "failed": len(self.failures)
        }


@dataclass
class Figures:
    """What was seen. `memory` has resident MB a process, after so many documents each."""

    waits: dict[str, Waits] = field(default_factory=lambda: {"list": Waits(), "inbox": Waits(), "sign-in": Waits()})
    memory: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    acknowledged: dict[str, tuple[str, Sample]] = field(default_factory=dict)
    taking: float = 0.0
    settling: float = 0.0
    faults: list[str] = field(default_factory=list)


async def rush(stack: RunningStack, crowd: Sequence[Depositor], *, each: int, figures: Figures) -> None:
    """Everybody deposits, as fast as the platform takes it."""
    limits = httpx.Limits(max_connections=len(crowd) + 16, max_keepalive_connections=len(crowd) + 16)
    async with httpx.AsyncClient(timeout=120, limits=limits) as http:

        async def deposit(depositor: Depositor, number: int) -> None:
            client = TusClient(http, base=stack.endpoints["portal"], token=depositor.token)
            to = Deposit(size=each)
            for file in range(each):
                sample = invoice(f"{depositor.client}_{file:03}", size=SIZE, seed=number * each + file)
                document = await client.deposit(sample, to=to, at_once=True, within=_PATIENCE)
                figures.acknowledged[document] = (depositor.client, sample)

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, depositor in enumerate(crowd):
                group.create_task(deposit(depositor, number))
        figures.taking = time.monotonic() - started


async def look_on(stack: RunningStack, crowd: Sequence[Depositor], *, figures: Figures, every: int) -> None:
    """Until cancelled: be somebody who reads and signs in, and weigh the processes after every so many documents."""
    accountant = await stack.token(ACCOUNTANT_SUB)
    due = 0
    async with httpx.AsyncClient(base_url=stack.endpoints["portal"], timeout=60) as http:

        async def read(token: str, **query: Any) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            (await http.get("/api/documents", params=query, headers=headers)).raise_for_status()

        while True:
            if len(figures.acknowledged) >= due:
                figures.memory.append((len(figures.acknowledged), memory_of(stack.plan.pids)))
                due += every
            await figures.waits["list"].time(lambda: read(crowd[0].token, space="deposits"))
            await figures.waits["inbox"].time(lambda: read(accountant, inbox="true"))
            await figures.waits["sign-in"].time(lambda: stack.token(ACCOUNTANT_SUB))
            await asyncio.sleep(_LOOK_EVERY)


async def settled(stack: RunningStack, figures: Figures) -> None:
    """Wait until all lies in the GED, then look at each."""
    store, started = Store(stack.endpoints["s3"]), time.monotonic()
    keys = {f"{OFFICE}/{client}/{document}": sample for document, (client, sample) in figures.acknowledged.items()}
    try:
        while (versions := await store.versions(f"{OFFICE}/")).keys() != keys.keys() or await store.staged():
            if time.monotonic() - started > _SETTLED_WITHIN:
                break
            await asyncio.sleep(2)
        figures.settling = time.monotonic() - started
        figures.faults += [f"{key} is not in the GED" for key in keys.keys() - versions.keys()]
        figures.faults += [f"{key}: {count} versions" for key, count in versions.items() if count != 1]
        figures.faults += [f"{key} is in staging" for key in await store.staged()]
        await _read_each(store, {key: keys[key] for key in keys.keys() & versions.keys()}, figures)
    finally:
        store.close()


async def _read_each(store: Store, keys: dict[str, Sample], figures: Figures) -> None:
    gate = asyncio.Semaphore(_READ_AT_ONCE)

    async def read(key: str, sample: Sample) -> None:
        async with gate:
            if (await store.archived(key)).sha256 != sample.sha256:
                figures.faults.append(f"{key} has other content")

    await asyncio.gather(*(read(key, sample) for key, sample in keys.items()))


async def listed(stack: RunningStack, crowd: Sequence[Depositor], figures: Figures) -> None:
    """Everybody pages through what is theirs."""
    mine: dict[str, Counter[str]] = {depositor.client: Counter() for depositor in crowd}
    async with httpx.AsyncClient(timeout=60) as http:
        for depositor in crowd:
            portal = Portal(http, base=stack.endpoints["portal"], token=depositor.token)
            mine[depositor.client].update([each["id"] async for each in portal.all() if each["state"] == "archived"])
    for document, (client, _) in figures.acknowledged.items():
        if mine[client][document] != 1:
            figures.faults.append(f"{document} is listed {mine[client][document]} times as archived")


async def mailed(stack: RunningStack, crowd: Sequence[Depositor], figures: Figures) -> None:
    """The accountant has one mail a deposit."""
    async with httpx.AsyncClient(timeout=60) as http:
        mailbox = Mailbox(http, url=stack.endpoints["mail"])

        async def all_there() -> bool:
            return len(await mailbox.mails()) >= len(crowd)

        with suppress(AssertionError):
            await eventually(all_there, within=60, every=2)
        told = Counter(parseaddr(mail.to)[1] for mail in await mailbox.mails())
    if told != {ACCOUNTANT.email: len(crowd)}:
        figures.faults.append(f"mails: {dict(told)}, and there were {len(crowd)} deposits")


async def run(stack: RunningStack, *, clients: int, documents: int) -> Figures:
    """The whole of it."""
    figures = Figures()
    crowd = await gather(stack, count=clients)
    watching = asyncio.create_task(look_on(stack, crowd, figures=figures, every=max(1, documents // 8)))
    try:
        await rush(stack, crowd, each=documents // clients, figures=figures)
        await settled(stack, figures)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    figures.faults += [fault for name, wait in figures.waits.items() for fault in wait.faults(name)]
    figures.memory.append((len(figures.acknowledged), memory_of(stack.plan.pids)))
    await listed(stack, crowd, figures)
    await mailed(stack, crowd, figures)
    return figures


def show(figures: Figures, console: Console) -> None:
    """The figures, as tables."""
    count = len(figures.acknowledged)
    console.print(
        f"{count} documents acknowledged in {figures.taking:.0f} s ({count / figures.taking:.0f}/s), "
        f"all in the GED {figures.settling:.0f} s later; {len(figures.faults)} lost, doubled, left over or refused"
    )
    waits = Table("waiting for", "times", "median", "p95", "longest", "failed", title="Milliseconds meanwhile")
    for name, wait in figures.waits.items():
        waits.add_row(name, *(str(value) for value in wait.told().values()))
    memory = Table("process", *(f"{count}" for count, _ in figures.memory), title="Resident MB after documents")
    for process in figures.memory[0][1]:
        memory.add_row(process, *(f"{seen.get(process, 0):.0f}" for _, seen in figures.memory))
    console.print(waits, memory)
    for fault in figures.faults[:20]:
        console.print(fault, style="red")


def main() -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.year_end", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=200, help="how many deposit at once (200)")
    parser.add_argument("--documents", type=int, default=20_000, help="how many they deposit in all (20000)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="year-end-") as folder:
        stack = RunningStack(Path(folder), only=EVERYTHING, settings=SETTINGS)
        stack.start()
        try:
            figures = asyncio.run(run(stack, clients=chosen.clients, documents=chosen.documents))
        finally:
            stack.stop()
    show(figures, Console())
    if chosen.json:
        told = {
            "documents": len(figures.acknowledged),
            "taking_seconds": figures.taking,
            "settling_seconds": figures.settling,
            "waits_ms": {name: wait.told() for name, wait in figures.waits.items()},
            "resident_mb": figures.memory,
            "faults": figures.faults,
        }
        chosen.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
