"""A stack that looks as if many documents had been deposited, archived and told of before anything is measured.

Two are deposited; the others are copies of what the first left, written straight into the streams and databases while
no service runs. The services' durables are then set behind all of it, as if each message had been acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import islice

from bson.raw_bson import RawBSONDocument
from catalog.chain import Link
from catalog.mongo_journal import MongoJournal
from pymongo import WriteConcern

from tests.support.running import RunningStack
from tests.support.samples import invoice

from .copies import Copies, Copy
from .crowd import Depositor
from .indexes import without_indexes
from .pipeline import SIZE, WITHIN, broker, intake_of
from .sender import Sender
from .traces import JOURNAL, STREAMS, Servers, Trace, servers_of

# They were deposited one after another over this time, and the last one now: the journal is not yet due to be sealed.
SPREAD = timedelta(hours=20)
# Documents that are written at once.
_BATCH = 400
# Seconds within which the broker drops what it is told twice, while nothing is: what it remembers for that, it does
# when it has been seeded for an hour as when it has not.
_SHORT_WINDOW = 1.0
_SYNCED, _UNSYNCED = "sync_interval: always", 'sync_interval: "2m"'


async def seed(stack: RunningStack, crowd: Sequence[Depositor], *, documents: int) -> None:
    """So many documents, each depositor's in turn. All services run before and afterwards."""
    first, other = await deposited(stack, crowd[0], count=2)
    services = [process.name for process in stack.plan.services()]
    await asyncio.gather(*(stack.down(name) for name in services))
    async with _unsynced(stack), servers_of(stack) as servers:
        copies = await _copies(servers, first, other, client=crowd[0].client)
        async with without_indexes(stack.endpoints["mongo"], copies.collections):
            await _fill(servers, copies, crowd, documents=documents)
        for consumer in await servers.consumers():
            last = (await servers.js.stream_info(consumer.stream_name)).state.last_seq
            await servers.js.reset_consumer(consumer.stream_name, consumer.name, last + 1)
    await asyncio.gather(*(stack.up(name) for name in services))


async def deposited(stack: RunningStack, depositor: Depositor, *, count: int) -> Sequence[Trace]:
    """What so many documents of theirs left, once everything that anybody does of them was done."""
    async with AsyncExitStack() as opened:
        heard, _ = await broker(stack, opened)
        servers = await opened.enter_async_context(servers_of(stack))
        sender = await opened.enter_async_context(Sender(intake_of(stack), token=depositor.token))
        sent = [await sender.deposit(invoice("facture", size=SIZE), steps=2) for _ in range(count)]
        # The intake's answer comes before anybody is told.
        await heard.all_of(sent, *WITHIN)
        await servers.heard_out()
        return [await servers.trace(document) for document in sent]


@asynccontextmanager
async def _unsynced(stack: RunningStack) -> AsyncIterator[None]:
    """The broker writes without waiting for the disk, and forgets soon what it was told; both only meanwhile."""
    file = stack.plan.etc / "nats.conf"
    synced = file.read_text(encoding="utf-8")
    assert _SYNCED in synced
    async with servers_of(stack) as servers:
        windows = await _set_windows(servers, {stream.name: _SHORT_WINDOW for stream in STREAMS})
    file.write_text(synced.replace(_SYNCED, _UNSYNCED), encoding="utf-8")
    await stack.restart("nats")
    try:
        yield
    finally:
        file.write_text(synced, encoding="utf-8")
        await stack.restart("nats")
        async with servers_of(stack) as servers:
            await _set_windows(servers, windows)


async def _set_windows(servers: Servers, windows: dict[str, float]) -> dict[str, float]:
    """The windows as they were before."""
    before = {}
    for name, window in windows.items():
        config = (await servers.js.stream_info(name)).config
        before[name] = config.duplicate_window or 0
        await servers.js.update_stream(config.evolve(duplicate_window=window))
    return before


async def _copies(servers: Servers, first: Trace, other: Trace, *, client: str) -> Copies:
    last = {stream.name: (await servers.js.stream_info(stream.name)).state.last_seq for stream in STREAMS}
    (archive,) = {each.database for each in first.records if each.collection == JOURNAL}
    end: Link | None = await MongoJournal(servers.database(archive)).last()
    assert end is not None
    return Copies(first, other, client=client, last=last, end=end)


async def _fill(servers: Servers, copies: Copies, crowd: Sequence[Depositor], *, documents: int) -> None:
    expected = {stream.name: (await servers.js.stream_info(stream.name)).state.last_seq for stream in STREAMS}
    made = (
        copies.of(
            number,
            client=crowd[number % len(crowd)].client,
            earlier=SPREAD * (documents - 1 - number) / documents,
        )
        for number in range(documents)
    )
    while batch := list(islice(made, _BATCH)):
        await asyncio.gather(_tell(servers, batch), _write(servers, batch))
    for stream, each in copies.told_each.items():
        told = (await servers.js.stream_info(stream)).state.last_seq - expected[stream]
        assert told == documents * each, f"{stream} has {told} more messages, not {documents * each}"


async def _tell(servers: Servers, batch: Sequence[Copy]) -> None:
    # Whoever awaits each message's acknowledgement waits for his own client; that of the last one says that those
    # before it are there too, and their count is looked at in the end.
    *some, last = batch
    for copy in some:
        for told in copy.messages:
            await servers.client.publish(told.subject, told.payload, headers=dict(told.headers))
    for told in last.messages:
        await servers.js.publish(told.subject, told.payload, headers=dict(told.headers), timeout=60)


async def _write(servers: Servers, batch: Sequence[Copy]) -> None:
    records: dict[tuple[str, str], list[RawBSONDocument]] = defaultdict(list)
    for copy in batch:
        for where, record in copy.records:
            records[where].append(RawBSONDocument(record))
    await asyncio.gather(*(_insert(servers, where, some) for where, some in records.items()))


async def _insert(servers: Servers, where: tuple[str, str], records: Sequence[RawBSONDocument]) -> None:
    database, collection = where
    into = servers.database(database)[collection].with_options(write_concern=WriteConcern(w=1, j=False))
    await into.insert_many(records, ordered=False)
