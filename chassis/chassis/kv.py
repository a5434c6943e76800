"""JetStream key-value buckets: a watched copy to read, and writes."""

import asyncio
import time

from nats.js.api import StreamState
from nats.js.kv import KeyValue

from chassis.bus import Bus
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.jetstream_source import BROKER_DOWN
from chassis.logs import logger
from chassis.metrics import BUCKET_UNREADABLE

# Seconds. A watch is an ephemeral consumer that a restarted server no longer knows, and nats-py does not notice
# (nats.py #510): it is made anew after a reconnection, and now and then in any case.
_RENEW_EVERY = 60.0
_LOOK_EVERY = 1.0


class WatchedBucket:
    """All entries of a bucket, in memory, at most moments behind. `run` keeps it so; reading needs no I/O.

    Once filled it goes on serving what it last saw while the broker is away.
    """

    def __init__(self, bus: JetStreamBus, bucket: str) -> None:
        self._bus = bus
        self._bucket = bucket
        self._entries: dict[str, bytes] = {}
        self._filled = asyncio.Event()
        self._unreadable: dict[str, bytes | None] = {}
        self.version = 0
        """Another one whenever an entry is."""

    @property
    def entries(self) -> dict[str, bytes]:
        """Key to value. Raises Unavailable before the first complete read."""
        if not self._filled.is_set():
            raise Unavailable("bucket_not_read", self._bucket)
        return self._entries

    def note_unreadable(self, key: str) -> None:
        """For whoever reads the entries: this one makes no sense. It is told and counted until it is another."""
        logger().error("bucket_entry_unreadable", bucket=self._bucket, key=key)
        self._unreadable[key] = self._entries.get(key)
        BUCKET_UNREADABLE.labels(self._bucket).set_function(self._count_unreadable)

    def _count_unreadable(self) -> int:
        return sum(value is not None and self._entries.get(key) == value for key, value in self._unreadable.items())

    async def filled(self) -> None:
        """A readiness check. Raises Unavailable before the first complete read."""
        _ = self.entries

    async def first_read(self, timeout: float) -> dict[str, bytes]:
        """The entries, once all were read. Raises Unavailable when they were not within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._filled.wait(), timeout)
        except TimeoutError:
            raise Unavailable("bucket_not_read", self._bucket) from None
        return self._entries

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the copy until `stop` is set."""
        while not stop.is_set():
            try:
                await self._watch(stop)
            except (Unavailable, *BROKER_DOWN) as error:
                logger().warning("bucket_watch_interrupted", bucket=self._bucket, error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _watch(self, stop: asyncio.Event) -> None:
        client = await self._bus.ready()
        generation = self._bus.generation
        bucket = await client.jetstream().key_value(self._bucket)
        # The watch's own mark of a complete read comes too early while others write: entries would be missing.
        last = (await _state(bucket)).last_seq
        watcher = await bucket.watchall()
        fresh: dict[str, bytes] = {}
        complete = False
        until = time.monotonic() + _RENEW_EVERY
        try:
            while not stop.is_set() and time.monotonic() < until and generation == self._bus.generation:
                try:
                    entry = await watcher.updates(timeout=_LOOK_EVERY)  # type: ignore[no-untyped-call]  # nats-py's
                except TimeoutError:
                    entry = None
                if entry is not None:
                    _apply(fresh, entry)
                if not complete and (_reaches(entry, last) or (entry is None and await _all_gone(bucket, last))):
                    self.version += fresh != self._entries
                    self._entries, complete = fresh, True
                    self._filled.set()
                elif complete and entry is not None:
                    self.version += 1
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py's


async def put(bus: Bus, *, bucket: str, key: str, value: bytes) -> None:
    """Write one entry; it is durable when this returns. Raises Unavailable: it may or may not be written."""
    await bus.publish(f"$KV.{bucket}.{key}", value)


async def delete(bus: Bus, *, bucket: str, key: str) -> None:
    """Delete one entry, whether or not it is there. Raises Unavailable: it may or may not be deleted."""
    await bus.publish(f"$KV.{bucket}.{key}", b"", headers={"KV-Operation": "DEL"})


async def _state(bucket: KeyValue) -> StreamState:
    return (await bucket.status()).stream_info.state


def _reaches(entry: KeyValue.Entry | None, sequence: int) -> bool:
    return entry is not None and (entry.revision or 0) >= sequence


async def _all_gone(bucket: KeyValue, sequence: int) -> bool:
    """Whether the bucket holds nothing up to this sequence any more: all of it was overwritten or expired."""
    state = await _state(bucket)
    return state.messages == 0 or state.first_seq > sequence


def _apply(entries: dict[str, bytes], entry: KeyValue.Entry) -> None:
    if entry.operation in ("DEL", "PURGE"):
        entries.pop(entry.key, None)
    elif entry.value is not None:
        entries[entry.key] = entry.value
