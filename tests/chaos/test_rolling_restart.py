"""Several replicas of every service share the work and none of it twice; one after another is restarted, and nobody
is refused."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.store import Store
from tests.support.tus import Deposit

from .depositors import Depositor, depositors
from .load import Acknowledged, Load
from .replicas import WHOLE, shares
from .verdict import Judge
from .watching import Watching

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1_000_000)))
ROUNDS = 3 if WHOLE else 1
_READERS = 4

Tell = Callable[[str], None]


@pytest.mark.timeout(3_600 if WHOLE else 1_500)
async def test_nobody_is_refused_while_every_replica_is_restarted(stack: RunningStack, tell: Tell) -> None:
    tell(f"CHAOS_SEED={SEED} repeats this run")
    watching = Watching()
    async with httpx.AsyncClient(transport=watching, timeout=30) as http, httpx.AsyncClient(timeout=30) as aside:
        clients = await depositors(stack, http)
        load, stop = Load(clients, random.Random(SEED)), asyncio.Event()  # noqa: S311 (reproducible)
        streams: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(stop))
            for line, by in enumerate(clients):
                group.create_task(_slow_line(by, load, stop, line=line))
            reader = clients[0].person
            readers = [group.create_task(_read(http, stack, reader, stop)) for _ in range(_READERS)]
            listener = group.create_task(_listen(http, stack, reader, streams))
            await _until_all_work(stack, aside)
            before = await shares(stack, aside)
            for _ in range(ROUNDS):
                for process in stack.plan.services():
                    await stack.restart(process.name)
                    await asyncio.sleep(1)
            stop.set()
            await asyncio.wait(readers)
            listener.cancel()

        store = Store(stack.endpoints["s3"])
        mailbox = Mailbox(aside, url=stack.endpoints["mail"])
        verdict = await Judge(stack, clients, mailbox, store).settled(load.acknowledged)
        store.close()
    tell(f"shares before the first restart: {before}")
    tell(f"{ROUNDS} × {len(list(stack.plan.services()))} restarts: {verdict}")
    tell(f"answers {dict(watching.statuses)}; {watching.handed_on} transfers handed on, live streams {dict(streams)}")
    assert not watching.refused, watching.refused
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    assert verdict.sent_twice == 0
    assert streams["ended"] >= ROUNDS
    assert streams["begun"] == streams["ended"] + 1


async def _read(http: httpx.AsyncClient, stack: RunningStack, person: Person, stop: asyncio.Event) -> None:
    """Somebody at the portal's pages."""
    headers = {"Authorization": f"Bearer {person.token}"}
    while not stop.is_set():
        for path in ("/documents", "/api/documents", "/api/contacts"):
            (await http.get(stack.endpoints["portal"] + path, headers=headers)).raise_for_status()
        await asyncio.sleep(0.05)


async def _listen(http: httpx.AsyncClient, stack: RunningStack, person: Person, streams: Counter[str]) -> None:
    """A page that is open: its stream ends with its replica, and another is there at the next go."""
    headers = {"Authorization": f"Bearer {person.token}"}
    while True:
        async with http.stream("GET", f"{stack.endpoints['portal']}/api/live", headers=headers, timeout=None) as live:
            assert live.status_code == 200
            streams["begun"] += 1
            async for _ in live.aiter_bytes():
                pass
        streams["ended"] += 1
        await asyncio.sleep(1)


async def _slow_line(by: Depositor, load: Load, stop: asyncio.Event, *, line: int) -> None:
    """Transfers of half a minute each: a replica that is restarted most often has one under way."""
    number, client = 0, by.person.tus
    while not stop.is_set():
        number += 1
        sample, deposit = invoice(f"slow_{line}_{number:03}", size=3_000_000, seed=1_000 * line + number), Deposit()
        path = await client.create(sample, deposit.metadata(sample))
        with suppress(httpx.HTTPError):  # noted by who watches
            await client.send_slowly(path, sample.content, seconds=30)
        document = await client.finish(path, sample)
        load.acknowledged[document] = Acknowledged(sample, by)


async def _until_all_work(stack: RunningStack, http: httpx.AsyncClient) -> None:
    async def all_have() -> bool:
        return all(done > 0 for done in (await shares(stack, http)).values())

    await eventually(all_have, within=120, every=1)
