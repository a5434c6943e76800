"""JetStream key-value buckets: a watched copy to read, and writes."""

import asyncio
import time
from collections.abc import Callable

from nats.js.api import StreamInfo
from nats.js.kv import KeyValue

from chassis.bus import Bus
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.jetstream_source import BROKER_DOWN
from chassis.logs import logger
from chassis.metrics import BUCKET_UNREADABLE

# Seconds. A watch is an ephemeral consumer that a restarted server no longer knows, and nats-py does not notice
# (nats.py #510); entries that expire or are purged leave without a word. So the copy is compared with the stream's
# counts, and read again where they differ, after a reconnection, and now and then in any case.
_COMPARE_EVERY = 20.0
_READ_EVERY = 3600.0
_LOOK_EVERY = 1.0

Change = Callable[[str, bytes | None, bytes | None], None]
"""Is told an entry's key, what it was and what it is now; None where there is none."""


class WatchedBucket:
    """All entries of a bucket, in memory, at most moments behind, or as long as it takes to read all again: what is
    written meanwhile comes last. `run` keeps it so; reading needs no I/O.

    Once filled it goes on serving what it last saw while the broker is away. It is read again in place: there is never
    a second copy, and nobody is told of what stayed the same.
    """

    def __init__(self, bus: JetStreamBus, bucket: str) -> None:
        self._bus = bus
        self._bucket = bucket
        self._entries: dict[str, bytes] = {}
        self._deleted: set[str] = set()
        """The keys of which the stream holds the mark of their deletion."""
        self._created: object = None
        """When the stream was made that was read last: one made anew may have the same counts."""
        self._heard = 0
        self._filled = asyncio.Event()
        self._followers: list[Change] = []
        self._unreadable: set[str] = set()

    @property
    def entries(self) -> dict[str, bytes]:
        """Key to value. Raises Unavailable before the first complete read."""
        if not self._filled.is_set():
            raise Unavailable("bucket_not_read", self._bucket)
        return self._entries

    def follow(self, change: Change) -> None:
        """Tell of each entry there is, and from then on of each change, at once."""
        for key, value in self._entries.items():
            change(key, None, value)
        self._followers.append(change)

    def note_unreadable(self, key: str) -> None:
        """For whoever reads the entries: this one makes no sense. It is told once and counted, until it is another."""
        if key not in self._unreadable:
            logger().error("bucket_entry_unreadable", bucket=self._bucket, key=key)
            self._unreadable.add(key)
            BUCKET_UNREADABLE.labels(self._bucket).set(len(self._unreadable))

    async def filled(self) -> None:
        """A readiness check. Raises Unavailable before the first complete read."""
        _ = self.entries

    async def first_read(self, timeout: float) -> dict[str, bytes]:
        """The entries, once all were read. Raises Unavailable when none came for `timeout` seconds."""
        while not self._filled.is_set():
            heard = self._heard
            try:
                await asyncio.wait_for(self._filled.wait(), timeout)
            except TimeoutError:
                if heard == self._heard:
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
        stream = await _stream(bucket)
        last, self._created = stream.state.last_seq, stream.created
        watcher = await bucket.watchall()

        def lasts() -> bool:
            return not stop.is_set() and generation == self._bus.generation

        try:
            seen = await self._read(bucket, watcher, last, lasts)
            if seen is not None:
                await self._keep(bucket, watcher, seen, lasts)
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py's

    async def _read(
        self, bucket: KeyValue, watcher: KeyValue.KeyWatcher, last: int, lasts: Callable[[], bool]
    ) -> int | None:
        """The sequence up to which all was read, at least `last`; None where the watch fell silent before."""
        unmet = {*self._entries, *self._deleted}
        lost_at = time.monotonic() + _COMPARE_EVERY
        while lasts() and time.monotonic() < lost_at:
            entry = await _next(watcher)
            if entry is not None:
                unmet.discard(entry.key)
                self._apply(entry)
                lost_at = time.monotonic() + _COMPARE_EVERY
            seen = _revision(entry)
            if seen >= last or entry is None:
                state = (await _stream(bucket)).state
                # What was overwritten since the watch began comes after all that there was then. The last message
                # there was may itself have been overwritten, purged or expired: then nothing more comes.
                if state.messages <= len(self._entries) + len(self._deleted) - len(unmet):
                    self._forget(unmet)
                    self._filled.set()
                    return max(seen, last)
                last = state.last_seq
        return None

    async def _keep(self, bucket: KeyValue, watcher: KeyValue.KeyWatcher, seen: int, lasts: Callable[[], bool]) -> None:
        """Until the copy is to be read again."""
        owed = 0
        until, compare_at = (time.monotonic() + each for each in (_READ_EVERY, _COMPARE_EVERY))
        while lasts() and time.monotonic() < until:
            entry = await _next(watcher)
            if entry is not None:
                self._apply(entry)
                seen = _revision(entry)
            if time.monotonic() >= compare_at:
                compare_at = time.monotonic() + _COMPARE_EVERY
                try:
                    stream = await _stream(bucket)
                except BROKER_DOWN:
                    continue  # that says nothing of what was missed, and asking again costs little
                if seen < owed or not self._agrees(stream, seen):
                    return
                owed = stream.state.last_seq

    def _agrees(self, stream: StreamInfo, seen: int) -> bool:
        """Whether nothing was missed. What is newer may be under way still: the next comparison asks for it."""
        state = stream.state
        same_number = state.messages == len(self._entries) + len(self._deleted)
        return stream.created == self._created and (state.last_seq > seen or (state.last_seq == seen and same_number))

    def _forget(self, unmet: set[str]) -> None:
        for key in unmet:
            self._deleted.discard(key)
            self._set(key, None)

    def _apply(self, entry: KeyValue.Entry) -> None:
        self._heard += 1
        if entry.operation in ("DEL", "PURGE"):
            self._deleted.add(entry.key)
            self._set(entry.key, None)
        else:
            self._deleted.discard(entry.key)
            self._set(entry.key, entry.value)

    def _set(self, key: str, value: bytes | None) -> None:
        before = self._entries.get(key)
        if value == before:
            return
        if value is None:
            del self._entries[key]
        else:
            self._entries[key] = value
        if key in self._unreadable:
            self._unreadable.remove(key)
            BUCKET_UNREADABLE.labels(self._bucket).set(len(self._unreadable))
        for change in self._followers:
            change(key, before, value)


async def put(bus: Bus, *, bucket: str, key: str, value: bytes) -> None:
    """Write one entry; it is durable when this returns. Raises Unavailable: it may or may not be written."""
    await bus.publish(f"$KV.{bucket}.{key}", value)


async def delete(bus: Bus, *, bucket: str, key: str) -> None:
    """Delete one entry, whether or not it is there. Raises Unavailable: it may or may not be deleted."""
    await bus.publish(f"$KV.{bucket}.{key}", b"", headers={"KV-Operation": "DEL"})


async def _stream(bucket: KeyValue) -> StreamInfo:
    return (await bucket.status()).stream_info


def _revision(entry: KeyValue.Entry | None) -> int:
    return (entry.revision or 0) if entry is not None else 0


async def _next(watcher: KeyValue.KeyWatcher) -> KeyValue.Entry | None:
    try:
        return await watcher.updates(timeout=_LOOK_EVERY)  # type: ignore[no-untyped-call,no-any-return]  # nats-py's
    except TimeoutError:
        return None
