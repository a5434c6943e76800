"""Make the document records anew from the stream, beside the ones that serve, and let them serve when they are level.

`python -m catalog rebuild` may be stopped and run again: it goes on where it was.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.bus import Consumer, Delivery, Source
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.logs import logger
from chassis.mongo import Collection, Database, translated
from chassis.periodic import every
from contracts.envelope import MalformedEvent, decode
from contracts.streams import DOCUMENTS
from contracts.subjects import every_office

from catalog.generations import Generations, durable_of
from catalog.mongo import MongoProjection, collection_of, prepare
from catalog.projection import PROJECTED, Numbered, Operation, merged, operations

BATCH = 500
# Seconds.
_FETCH_WAIT = 2.0
_LOOK_EVERY = 60.0
KEEP = timedelta(hours=1)


def consumer_of(generation: int) -> Consumer:
    """The durable that feeds a generation, from the stream's first message."""
    return Consumer(DOCUMENTS.name, durable_of(generation), tuple(map(every_office, PROJECTED)), max_ack_pending=1000)


async def rebuild(
    *,
    bus: JetStreamBus,
    database: Database,
    generations: Generations,
    note: Callable[[int, int], None] = lambda _, __: None,
) -> int:
    """Build the next generation until nothing is left to read, and let it serve; returns its number. `note` hears how
    many events were read, and how many are left.

    Raises Unavailable: what was built stays, and the next call goes on from there.
    """
    serving = await generations.read()
    generation = 1 + max([serving, *await generations.retired(before=datetime.now(UTC))])
    collection = collection_of(database, generation)
    with translated():
        begun = collection.name in await database.list_collection_names()
    if not begun:
        # One of that number may have read on in a database that was lost since: this one begins at the beginning.
        await bus.unsubscribe(DOCUMENTS.name, durable_of(generation))
    await prepare(collection)
    source = await bus.subscribe(consumer_of(generation))
    events, batch = 0, await _read(source)
    while batch.deliveries or await source.lag():
        # The next ones are read while the database writes these.
        following, _ = await asyncio.gather(_read(source), _write(batch, collection))
        events += len(batch.deliveries)
        note(events, await source.lag())
        batch = following
    if not await generations.serve(generation, instead_of=serving, now=datetime.now(UTC)):
        raise Unavailable("rebuilt_meanwhile")
    logger().info("generation_rebuilt", generation=generation, events=events)
    return generation


async def drop_retired(stop: asyncio.Event, *, bus: JetStreamBus, database: Database, generations: Generations) -> None:
    """Drop what has not served for an hour, until `stop` is set."""

    async def drop() -> None:
        await drop_older(datetime.now(UTC) - KEEP, bus=bus, database=database, generations=generations)

    await every(_LOOK_EVERY, drop, stop=stop, failing="retired_not_dropped")


async def drop_older(
    before: datetime, *, bus: JetStreamBus, database: Database, generations: Generations
) -> Sequence[int]:
    """Drop the generations retired before a time, their durables too; returns them. Raises Unavailable."""
    dropped = await generations.retired(before=before)
    for generation in dropped:
        await bus.unsubscribe(DOCUMENTS.name, durable_of(generation))
        with translated():
            await collection_of(database, generation).drop()
        await generations.forget(generation)
        logger().info("generation_dropped", generation=generation)
    return dropped


@dataclass(frozen=True)
class _Batch:
    """Events in the stream's order, and what they make of the records."""

    deliveries: Sequence[Delivery]
    made: Sequence[Operation]


async def _read(source: Source) -> _Batch:
    deliveries = await source.fetch(BATCH, _FETCH_WAIT)
    return _Batch(deliveries, merged(_operations(deliveries)))


async def _write(batch: _Batch, collection: Collection) -> None:
    if batch.made:
        await MongoProjection.write(collection, batch.made)
    for delivery in batch.deliveries[:-1]:
        await delivery.ack(confirmed=False)
    for delivery in batch.deliveries[-1:]:
        await delivery.ack()


def _operations(deliveries: Sequence[Delivery]) -> list[Operation]:
    made: list[Operation] = []
    for delivery in deliveries:
        try:
            event = decode(delivery.payload, delivery.subject)
        except MalformedEvent as malformed:
            # The live consumer has buried it when it came.
            logger().warning("event_left_out", code=malformed.code, sequence=delivery.sequence)
            continue
        made += operations(Numbered(event, delivery.sequence))
    return made
