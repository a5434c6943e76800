"""A broker in memory that keeps JetStream's promises, as far as the worker leans on them.

It stores once what comes twice with the same id, delivers again what is not acknowledged in time, holds no more than
`max_ack_pending` messages out at once, and sends scheduled messages, the newest of a subject in place of the older.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chassis.bus import Consumer, Delivery, Refused, Source
from chassis.errors import Unavailable
from contracts.streams import STREAMS, Stream

from chassis import jetstream

_TICK = 0.01


@dataclass(frozen=True)
class Stored(jetstream.Stored):
    """A message as a stream keeps it."""

    published_at: datetime


@dataclass
class _Log:
    stream: Stream
    messages: dict[int, Stored] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    last: int = 0


class FakeBus:
    """`reachable` set to False makes every call fail, as a server that is away does; messages on topics that are in
    `refused` it never takes."""

    def __init__(self) -> None:
        self.reachable = True
        self.refused: set[str] = set()
        self._logs = {stream.name: _Log(stream) for stream in STREAMS}
        self._sources: dict[str, _FakeSource] = {}

    def stored(self, subject: str) -> list[Stored]:
        """All messages on subjects that match."""
        logs = self._logs.values()
        return [each for log in logs for each in log.messages.values() if matches(subject, each.subject)]

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """See `Bus.publish`."""
        await self.reach()
        if topic in self.refused:
            raise Refused(topic)
        return self._store(topic, payload, {**(headers or {}), **({"Nats-Msg-Id": message_id} if message_id else {})})

    async def subscribe(self, consumer: Consumer) -> Source:
        """See `Bus.subscribe`."""
        await self.reach()
        known = self._sources.get(consumer.durable)
        if known is None:
            known = self._sources[consumer.durable] = _FakeSource(self, consumer, self._logs[consumer.stream])
        known.consumer = consumer
        return known

    async def reach(self) -> None:
        """One round trip."""
        await asyncio.sleep(0)
        if not self.reachable:
            raise Unavailable("broker_unreachable")

    def _store(self, topic: str, payload: bytes, headers: Mapping[str, str]) -> int:
        log = next(log for log in self._logs.values() if any(matches(each, topic) for each in log.stream.subjects))
        identity = headers.get("Nats-Msg-Id", "")
        if identity and identity in log.ids:
            return log.ids[identity]
        log.last += 1
        log.ids[identity] = log.last
        if "Nats-Schedule" in headers:
            log.messages = {seq: each for seq, each in log.messages.items() if each.subject != topic}
            at = datetime.fromisoformat(headers["Nats-Schedule"].removeprefix("@at "))
            wait = (at - datetime.now(UTC)).total_seconds()
            asyncio.get_running_loop().call_later(max(0.0, wait), self._fire, log, log.last)
        log.messages[log.last] = Stored(log.last, topic, payload, headers, datetime.now(UTC))
        return log.last

    def _fire(self, log: _Log, sequence: int) -> None:
        due = log.messages.pop(sequence, None)
        if due is not None:
            kept = {name: value for name, value in due.headers.items() if not name.startswith("Nats-Schedule")}
            scheduled = {**kept, "Nats-Scheduler": due.subject, "Nats-Schedule-Next": "purge"}
            self._store(due.headers["Nats-Schedule-Target"], due.payload, scheduled)


class _FakeSource:
    def __init__(self, bus: FakeBus, consumer: Consumer, log: _Log) -> None:
        self.bus = bus
        self.consumer = consumer
        self.log = log
        self.settled: set[int] = set()
        # Sequence to the time from which it may be delivered again.
        self.out: dict[int, float] = {}

    async def fetch(self, count: int, wait: float) -> Sequence[Delivery]:
        until = time.monotonic() + wait
        while True:
            await self.bus.reach()
            if taken := self._take(count):
                return [_FakeDelivery(self, message) for message in taken]
            if time.monotonic() >= until:
                return ()
            await asyncio.sleep(_TICK)

    async def lag(self) -> int:
        await self.bus.reach()
        return len(self._open())

    def _open(self) -> list[Stored]:
        first = self.consumer.start_sequence or 1
        return [
            message
            for message in self.log.messages.values()
            if message.sequence >= first
            and message.sequence not in self.settled
            and any(matches(each, message.subject) for each in self.consumer.filters)
        ]

    def _take(self, count: int) -> list[Stored]:
        now = time.monotonic()
        again = [message for message in self._open() if self.out.get(message.sequence, now + 1) <= now]
        room = max(0, self.consumer.max_ack_pending - len(self.out))
        new = [message for message in self._open() if message.sequence not in self.out][:room]
        taken = (again + new)[:count]
        for message in taken:
            self.out[message.sequence] = now + self.consumer.ack_wait
        return taken


class _FakeDelivery:
    def __init__(self, source: _FakeSource, message: Stored) -> None:
        self._source = source
        self._message = message

    @property
    def subject(self) -> str:
        return self._message.subject

    @property
    def payload(self) -> bytes:
        return self._message.payload

    @property
    def headers(self) -> Mapping[str, str]:
        return self._message.headers

    @property
    def sequence(self) -> int:
        return self._message.sequence

    @property
    def published_at(self) -> datetime:
        return self._message.published_at

    async def ack(self, *, confirmed: bool = True) -> None:
        await self._source.bus.reach()
        self._source.settled.add(self.sequence)
        self._source.out.pop(self.sequence, None)
        if self._source.log.stream.work_queue:
            self._source.log.messages.pop(self.sequence, None)

    async def term(self) -> None:
        await self.ack()

    async def nak(self, delay: float) -> None:
        await self._source.bus.reach()
        self._source.out[self.sequence] = time.monotonic() + delay

    async def in_progress(self) -> None:
        await self._source.bus.reach()
        self._source.out[self.sequence] = time.monotonic() + self._source.consumer.ack_wait


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject matches a filter with `*` and `>`."""
    wanted, got = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(got) >= len(wanted) and all(w in ("*", g) for w, g in zip(wanted[:-1], got, strict=False))
    return len(wanted) == len(got) and all(w in ("*", g) for w, g in zip(wanted, got, strict=True))
