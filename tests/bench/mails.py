"""Mails: how fast a backlog of deposits is told of, beside the mail relay alone, and how soon a large deposit is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from pathlib import Path

import httpx
import nats
from aiosmtplib import SMTP
from contracts.envelope import Envelope
from contracts.streams import DOCUMENTS
from nats.js import JetStreamContext

from tests.suites.catalog_events import OFFICE, announced, document_id
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.running import BACKENDS, RunningStack
from tests.support.service import ServiceProcess
from tests.support.upload_replicas import fill_directory

from .measuring import Aim, Row, side_by_side
from .rebuilding import tell

BACKLOG, LARGE = 1_000, 1_000
_ALERTED = f"connect.v1.documents.alerted.{OFFICE}"
# Document ids in one event, as the contract has it.
_IDS = 500
# Seconds.
_PATIENCE, _LOOK_EVERY = 300.0, 0.02


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """Both rows. `folder` is for the stack's data."""
    stack = RunningStack(folder, only=BACKENDS)
    await asyncio.to_thread(stack.start)
    try:
        await fill_directory(stack.endpoints["nats"])
        async with AsyncExitStack() as opened:
            where = stack.endpoints["nats"]
            connection = await nats.connect(where["url"], user=where["user"], password=where["password"])
            opened.push_async_callback(connection.close)
            http = await opened.enter_async_context(httpx.AsyncClient(base_url=stack.endpoints["mail"], timeout=60))
            office = Office(stack, connection.jetstream(), http)
            await office.backlog(1)  # declares its consumer, and leaves a mail to send again
            source = await office.last_mail()
            raw = partial(_raw, stack.plan.port("smtp"), source, BACKLOG)
            row = Row("mails of a backlog, a deposit of one document each", "mails/s", Aim(0.5), against="raw SMTP")
            yield await side_by_side(row, partial(office.backlog, BACKLOG), raw, rounds=rounds)
            row = Row(f"one mail of {LARGE:,} documents, from the last of them", "s", Aim(1, at_most=True))
            for _ in range(rounds):
                row.ours.append(await office.large(LARGE))
            yield row
    finally:
        await asyncio.to_thread(stack.stop)


class Office:
    """A client whose deposits are heard of by notify alone."""

    def __init__(self, stack: RunningStack, js: JetStreamContext, http: httpx.AsyncClient) -> None:
        self._env, self._js, self._http = stack.env("notify"), js, http
        self._numbers = count(1)

    async def backlog(self, deposits: int) -> float:
        """Mails a second, once the first has gone out, of that many deposits that had been made before notify began."""
        before = await self._told()
        await tell(self._js, islice(self._deposit(deposits, size=1), deposits))
        async with ServiceProcess("notify", self._env, port=free_port()):
            first = await self._told_more_than(before)
            started = time.monotonic()
            last = await self._told_more_than(before + deposits - 1)
            return (last - first) / max(time.monotonic() - started, _LOOK_EVERY)

    async def large(self, size: int) -> float:
        """Seconds from the last document of a deposit, the others having been heard of, to its one mail."""
        told, mails = await self._told(), len(await self._mails())
        events = self._deposit(size, size=size)
        async with ServiceProcess("notify", self._env, port=free_port()):
            await tell(self._js, islice(events, size - 1))
            await eventually(self._level, within=_PATIENCE)
            started = time.monotonic()
            await tell(self._js, events)
            await self._told_more_than(told + -(-size // _IDS) - 1)
            took = time.monotonic() - started
        assert len(await self._mails()) == mails + 1, "it was not one mail"
        return took

    async def last_mail(self) -> bytes:
        """The source of one that went out."""
        return (await self._http.get(f"/messages/{(await self._mails())[-1]}.source")).raise_for_status().content

    def _deposit(self, documents: int, *, size: int) -> Iterator[Envelope]:
        numbers = list(islice(self._numbers, documents))
        for number in numbers:
            deposit = {"id": document_id(numbers[0] if size > 1 else number), "size": size}
            yield announced(number, deposit=deposit, deposited_at=datetime.now(UTC))

    async def _mails(self) -> Sequence[int]:
        return sorted(int(each["id"]) for each in (await self._http.get("/messages/")).json()["messages"])

    async def _told(self) -> int:
        info = await self._js.stream_info(DOCUMENTS.name, subjects_filter=_ALERTED)
        return (info.state.subjects or {}).get(_ALERTED, 0)

    async def _told_more_than(self, seen: int) -> int:
        async def more() -> int:
            told = await self._told()
            return told if told > seen else 0

        return await eventually(more, within=_PATIENCE, every=_LOOK_EVERY)

    async def _level(self) -> bool:
        info = await self._js.consumer_info(DOCUMENTS.name, "notify-digests")
        return not info.num_pending and not info.num_ack_pending


async def _raw(port: int, source: bytes, mails: int) -> float:
    """Mails a second on one connection, as they are."""
    async with SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
        started = time.monotonic()
        for _ in range(mails):
            await smtp.sendmail("connect@example.org", ["j@cerfrance.example"], source)
        return mails / (time.monotonic() - started)
