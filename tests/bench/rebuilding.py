"""The records made anew from the stream, beside the same messages pulled and thrown away."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from itertools import islice

import nats
from catalog.generations import Generations
from catalog.rebuild import consumer_of, rebuild
from chassis.jetstream import JetStreamBus
from chassis.mongo import Database, connected
from contracts.envelope import Envelope
from contracts.streams import DOCUMENTS
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from tests.support.running import RunningStack

from .measuring import Aim, Row, side_by_side
from .records import history

# Two events each; how many are published, and how many pulled, at once.
HISTORIES = 20_000
_PUBLISHED, _PULLED = 64, 500


async def rows(stack: RunningStack, *, rounds: int) -> AsyncIterator[Row]:
    """The ratio, and the figure itself of the same rounds. Needs the servers alone."""
    async with AsyncExitStack() as opened:
        where, env = stack.endpoints["nats"], stack.env("catalog")
        connection = await nats.connect(where["url"], user=where["user"], password=where["password"])
        opened.push_async_callback(connection.close)
        js = connection.jetstream()
        await tell(js, (event for number in range(HISTORIES) for event in history(number)))
        database = await opened.enter_async_context(connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]))
        login = {name: env[f"CATALOG_NATS_{name.upper()}"] for name in ("url", "user", "password")}
        bus = JetStreamBus(**login, name="bench")
        await opened.enter_async_context(bus)
        row = Row("projection rebuilt from the stream", "events/s", Aim(0.3), against="raw pull")
        yield await side_by_side(row, lambda: _rebuilt(bus, database), lambda: _pulled(js), rounds=rounds)
        yield Row("projection rebuilt from the stream, of itself", "events/s", Aim(3_000), ours=list(row.ours))


async def tell(js: JetStreamContext, events: Iterable[Envelope]) -> None:
    """Publish events, many at once. Raises nats.errors.Error."""
    told = iter(events)
    while batch := list(islice(told, _PUBLISHED)):
        await asyncio.gather(*(_publish(js, event) for event in batch))


async def _publish(js: JetStreamContext, event: Envelope) -> None:
    await js.publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id, **event.headers})


async def _rebuilt(bus: JetStreamBus, database: Database) -> float:
    """Events a second until nothing was left to read; then it serves, two seconds later whatever the stream holds."""
    read, level = 0, time.monotonic()

    def note(events: int, _left: int) -> None:
        nonlocal read, level
        read, level = events, time.monotonic()

    started = time.monotonic()
    await rebuild(bus=bus, database=database, generations=Generations(database), note=note)
    return read / (level - started)


async def _pulled(js: JetStreamContext) -> float:
    durable = f"bench-{uuid.uuid4().hex}"
    wanted = list(consumer_of(0).filters)
    config = ConsumerConfig(durable_name=durable, filter_subjects=wanted, max_ack_pending=1_000)
    subscription = await js.pull_subscribe("", durable=durable, stream=DOCUMENTS.name, config=config)
    read, started = 0, time.monotonic()
    while read < 2 * HISTORIES:
        messages = await subscription.fetch(min(_PULLED, 2 * HISTORIES - read))
        # As the rebuild does: one that is lost brings its message again, which changes nothing.
        await asyncio.gather(*(message.ack() for message in messages[:-1]))
        await messages[-1].ack_sync()
        read += len(messages)
    took = time.monotonic() - started
    await js.delete_consumer(DOCUMENTS.name, durable)
    return read / took
