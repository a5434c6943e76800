"""The watched copy of a key-value bucket on a real nats-server that is killed."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket

from chassis import kv
from tests.suites.nats_server import NatsServer
from tests.support.eventually import eventually


@pytest.fixture
async def bucket(bus: JetStreamBus) -> AsyncIterator[WatchedBucket]:
    bucket = WatchedBucket(bus, "DIRECTORY")
    stop = asyncio.Event()
    task = asyncio.create_task(bucket.run(stop))
    yield bucket
    stop.set()
    await asyncio.wait_for(task, 5)


def _is_filled(bucket: WatchedBucket) -> bool:
    try:
        return bucket.entries is not None
    except Unavailable:
        return False


async def test_a_bucket_that_was_never_read_is_unavailable(bus: JetStreamBus) -> None:
    with pytest.raises(Unavailable, match="DIRECTORY"):
        await WatchedBucket(bus, "DIRECTORY").filled()


async def test_an_empty_bucket_is_read_too(bucket: WatchedBucket) -> None:
    await eventually(lambda: _is_filled(bucket))
    assert bucket.entries == {}


async def test_writes_and_deletions_show(bus: JetStreamBus, bucket: WatchedBucket) -> None:
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"{}")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"1")
    await eventually(lambda: _is_filled(bucket) and bucket.entries == {"offices.14": b"{}", "offices.53": b"1"})
    version = bucket.version
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: bucket.entries == {"offices.53": b"2"})
    assert bucket.version > version


async def test_a_first_read_is_whole_while_others_write(bus: JetStreamBus) -> None:
    """Read while forty entries are overwritten without end, as an import does beside a starting service."""
    stop = asyncio.Event()

    async def overwrite() -> None:
        for number in itertools.cycle(range(40)):
            await kv.put(bus, bucket="DIRECTORY", key=f"people.14.{number}", value=b"x" * 200)
            if stop.is_set():
                return

    writers = [asyncio.create_task(overwrite()) for _ in range(8)]
    missed = 0
    for number in range(30):
        await kv.put(bus, bucket="DIRECTORY", key=f"offices.{number}", value=b"1")
        copy, done = WatchedBucket(bus, "DIRECTORY"), asyncio.Event()
        reading = asyncio.create_task(copy.run(done))
        read = await copy.first_read(10)
        missed += not {f"offices.{n}" for n in range(number + 1)} <= read.keys()
        done.set()
        await reading
    stop.set()
    await asyncio.gather(*writers)
    assert missed == 0


async def test_a_bucket_whose_entries_were_all_overwritten_or_expired_is_read(bus: JetStreamBus) -> None:
    client = await bus.ready()
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await client.jetstream().purge_stream("KV_DIRECTORY")
    copy, done = WatchedBucket(bus, "DIRECTORY"), asyncio.Event()
    reading = asyncio.create_task(copy.run(done))
    assert await copy.first_read(10) == {}
    done.set()
    await reading


async def test_the_copy_serves_while_the_server_is_away_and_catches_up_when_it_is_back(
    server: NatsServer, bus: JetStreamBus, bucket: WatchedBucket
) -> None:
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"1")
    await eventually(lambda: _is_filled(bucket) and len(bucket.entries) == 2)
    await server.kill()
    await eventually(lambda: _is_away(bus))
    assert bucket.entries == {"offices.14": b"1", "offices.53": b"1"}
    await server.start()
    await bus.ready(10)
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await kv.put(bus, bucket="DIRECTORY", key="offices.75", value=b"1")
    await eventually(lambda: bucket.entries == {"offices.53": b"1", "offices.75": b"1"})


async def _is_away(bus: JetStreamBus) -> bool:
    try:
        await bus.ready(0.05)
    except Unavailable:
        return True
    return False
