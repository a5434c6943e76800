"""The watched copy of a key-value bucket on a real nats-server that is killed."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import nats
import pytest
import structlog
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket
from nats.js.api import StreamInfo
from nats.js.kv import KeyValue
from prometheus_client import REGISTRY

from chassis import kv
from tests.suites.nats_server import NatsServer
from tests.support.buckets import watched
from tests.support.eventually import eventually


@pytest.fixture
async def bucket(bus: JetStreamBus) -> AsyncIterator[WatchedBucket]:
    async with watched(bus, "DIRECTORY") as bucket:
        yield bucket


def _unreadable() -> float | None:
    return REGISTRY.get_sample_value("connect_bucket_unreadable_entries", {"bucket": "DIRECTORY"})


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
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: bucket.entries == {"offices.53": b"2"})


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
        async with watched(bus, "DIRECTORY") as copy:
            read = await copy.first_read(10)
            missed += not {f"offices.{n}" for n in range(number + 1)} <= read.keys()
    stop.set()
    await asyncio.gather(*writers)
    assert missed == 0


async def test_a_bucket_whose_entries_were_all_overwritten_or_expired_is_read(bus: JetStreamBus) -> None:
    client = await bus.ready()
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await client.jetstream().purge_stream("KV_DIRECTORY")
    async with watched(bus, "DIRECTORY") as copy:
        assert await copy.first_read(10) == {}


async def test_a_bucket_whose_last_message_was_purged_is_read(bus: JetStreamBus) -> None:
    client = await bus.ready()
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"1")
    await client.jetstream().purge_stream("KV_DIRECTORY", subject="$KV.DIRECTORY.offices.53")
    async with watched(bus, "DIRECTORY") as copy:
        assert await copy.first_read(10) == {"offices.14": b"1"}


async def test_a_first_read_may_take_longer_than_its_patience_while_entries_come(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        await kv.put(bus, bucket="DIRECTORY", key=f"offices.{number}", value=b"1")
    following = kv._next

    async def slowly(watcher: KeyValue.KeyWatcher) -> KeyValue.Entry | None:
        await asyncio.sleep(0.1)
        return await following(watcher)

    monkeypatch.setattr(kv, "_next", slowly)
    async with watched(bus, "DIRECTORY") as copy:
        assert len(await copy.first_read(2)) == 40


async def test_a_first_read_of_which_nothing_comes_is_unavailable(bus: JetStreamBus) -> None:
    with pytest.raises(Unavailable, match="DIRECTORY"):
        await WatchedBucket(bus, "DIRECTORY").first_read(0.1)


async def test_a_follower_is_told_of_what_is_there_and_then_of_each_change(
    bus: JetStreamBus, bucket: WatchedBucket
) -> None:
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"1")
    await bucket.first_read(10)
    await eventually(lambda: len(bucket.entries) == 2)
    told: list[tuple[str, bytes | None, bytes | None]] = []
    bucket.follow(lambda *change: told.append(change))
    there = [("offices.14", None, b"1"), ("offices.53", None, b"1")]
    assert told == there
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: bucket.entries == {"offices.53": b"2"})
    assert told == [*there, ("offices.53", b"1", b"2"), ("offices.14", b"1", None)]


async def test_an_entry_that_cannot_be_read_is_told_once_and_counted_until_it_is_another(
    bus: JetStreamBus, bucket: WatchedBucket
) -> None:
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"{")
    await bucket.first_read(10)
    await eventually(lambda: len(bucket.entries) == 1)
    with structlog.testing.capture_logs() as logs:
        bucket.note_unreadable("offices.14")
        bucket.note_unreadable("offices.14")
    assert ([each["key"] for each in logs], _unreadable()) == (["offices.14"], 1)
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"{}")
    await eventually(lambda: bucket.entries == {"offices.14": b"{}"})
    assert _unreadable() == 0
    with structlog.testing.capture_logs() as logs:
        bucket.note_unreadable("offices.14")
    assert (len(logs), _unreadable()) == (1, 1)
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: bucket.entries == {})
    assert _unreadable() == 0


def _count_comparisons(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    counted, stream = 0, kv._stream

    async def counting(bucket: KeyValue) -> StreamInfo:
        nonlocal counted
        counted += 1
        return await stream(bucket)

    monkeypatch.setattr(kv, "_stream", counting)
    return lambda: counted


@pytest.fixture
async def often(monkeypatch: pytest.MonkeyPatch, bus: JetStreamBus) -> AsyncIterator[WatchedBucket]:
    """A copy that is compared with its stream at each look, of two entries."""
    monkeypatch.setattr(kv, "_COMPARE_EVERY", 0.2)
    monkeypatch.setattr(kv, "_LOOK_EVERY", 0.05)
    await kv.put(bus, bucket="DIRECTORY", key="offices.14", value=b"1")
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"1")
    async with watched(bus, "DIRECTORY") as copy:
        await copy.first_read(10)
        yield copy


async def test_a_first_read_that_falls_silent_is_begun_again(
    bus: JetStreamBus, often: WatchedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, watches = KeyValue.watchall, 0

    async def lost_at_first(self: KeyValue) -> KeyValue.KeyWatcher:
        nonlocal watches
        watches += 1
        return await (self.watch("offices.14") if watches == 1 else whole(self))

    monkeypatch.setattr(KeyValue, "watchall", lost_at_first)
    async with watched(bus, "DIRECTORY") as copy:
        assert await copy.first_read(10) == often.entries


async def test_a_write_during_a_read_is_no_reason_to_read_again(
    bus: JetStreamBus, often: WatchedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, watches = KeyValue.watchall, 0

    async def overwritten(self: KeyValue) -> KeyValue.KeyWatcher:
        nonlocal watches
        watches += 1
        await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
        return await whole(self)

    monkeypatch.setattr(KeyValue, "watchall", overwritten)
    compared = _count_comparisons(monkeypatch)
    async with watched(bus, "DIRECTORY") as copy:
        await copy.first_read(10)
        so_far = compared()
        # Both copies are compared.
        await eventually(lambda: compared() > so_far + 10)
    assert watches == 1


async def test_what_was_missed_is_read_again(bus: JetStreamBus, often: WatchedBucket) -> None:
    """The server no longer knows the watch, which nobody tells the client."""
    js = (await bus.ready()).jetstream()
    for lost in await js.consumers_info("KV_DIRECTORY"):
        await js.delete_consumer("KV_DIRECTORY", lost.name)
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: often.entries == {"offices.53": b"2"})


async def test_what_left_without_a_word_leaves_the_copy(bus: JetStreamBus, often: WatchedBucket) -> None:
    told: list[tuple[str, bytes | None, bytes | None]] = []
    often.follow(lambda *change: told.append(change))
    await (await bus.ready()).jetstream().purge_stream("KV_DIRECTORY", subject="$KV.DIRECTORY.offices.14")
    await eventually(lambda: often.entries == {"offices.53": b"1"})
    assert told[2:] == [("offices.14", b"1", None)]


async def test_a_bucket_that_is_made_anew_is_read_again(bus: JetStreamBus, often: WatchedBucket) -> None:
    js = (await bus.ready()).jetstream()
    await js.delete_key_value("DIRECTORY")
    await js.create_key_value(bucket="DIRECTORY", direct=True)
    await kv.put(bus, bucket="DIRECTORY", key="offices.75", value=b"1")
    await eventually(lambda: often.entries == {"offices.75": b"1"})


async def test_a_bucket_that_is_made_anew_with_as_many_writes_is_read_again(
    bus: JetStreamBus, often: WatchedBucket
) -> None:
    js = (await bus.ready()).jetstream()
    await js.delete_key_value("DIRECTORY")
    await js.create_key_value(bucket="DIRECTORY", direct=True)
    for office in ("75", "76"):
        await kv.put(bus, bucket="DIRECTORY", key=f"offices.{office}", value=b"1")
    await eventually(lambda: often.entries == {"offices.75": b"1", "offices.76": b"1"})


async def test_nobody_is_forgotten_whose_entry_is_written_while_all_are_read_again(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"people.14.{number}" for number in range(3_000)]

    async def write_all(value: bytes) -> None:
        for start in range(0, len(keys), 100):
            some = keys[start : start + 100]
            await asyncio.gather(*(kv.put(bus, bucket="DIRECTORY", key=key, value=value) for key in some))

    await write_all(b"1")
    monkeypatch.setattr(kv, "_READ_EVERY", 0.0)
    forgotten: list[str] = []
    async with watched(bus, "DIRECTORY") as copy:
        await copy.first_read(10)
        copy.follow(lambda key, _, now: forgotten.append(key) if now is None else None)
        for number in range(5):
            await write_all(b"%d" % number)
    assert forgotten == []


async def test_while_nothing_was_missed_nothing_is_read_again(
    bus: JetStreamBus, often: WatchedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = _count_comparisons(monkeypatch)
    js = (await bus.ready()).jetstream()
    before = [each.name for each in await js.consumers_info("KV_DIRECTORY")]
    await kv.put(bus, bucket="DIRECTORY", key="offices.53", value=b"2")
    await kv.delete(bus, bucket="DIRECTORY", key="offices.14")
    await eventually(lambda: often.entries == {"offices.53": b"2"})
    so_far = compared()
    await eventually(lambda: compared() > so_far + 5)
    assert [each.name for each in await js.consumers_info("KV_DIRECTORY")] == before


async def test_a_comparison_that_gets_no_answer_is_no_reason_to_read_again(
    bus: JetStreamBus, often: WatchedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    js = (await bus.ready()).jetstream()
    before = [each.name for each in await js.consumers_info("KV_DIRECTORY")]
    unanswered, stream = 0, kv._stream

    async def hardly_answering(bucket: KeyValue) -> StreamInfo:
        nonlocal unanswered
        if unanswered < 3:
            unanswered += 1
            raise nats.errors.TimeoutError
        return await stream(bucket)

    monkeypatch.setattr(kv, "_stream", hardly_answering)
    compared = _count_comparisons(monkeypatch)
    await eventually(lambda: compared() > 6)
    assert [each.name for each in await js.consumers_info("KV_DIRECTORY")] == before


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
