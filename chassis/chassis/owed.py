"""Owed events: what a record's writer wrote in the same atomic write as its new state, and has yet to publish.

The answer to a command depends on that write alone. Publishing is tried at once for at most a second and else left
to the sweeper, so commands go on while the broker is down. A broker's acknowledgement is not the end: an event that
has a successor stays owed until the successor is heard, and is published again (same id) when it is not heard in
time. What keeps a successor away that long (a locked copy, say) may keep it away for long, so further times take
longer: ten minutes, then an hour six times, then a day, and it goes on for good. An event that has none is published a
second time while the broker still knows the first, then settled.

What the broker refuses, because it is too large, say, stays in its record and is set aside: the others go on, and it is
tried again from time to time, should somebody have changed what the broker takes.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Protocol

from chassis.bus import Bus, Outgoing, Refused
from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.metrics import OWED, OWED_OLDEST
from chassis.periodic import pause
from chassis.tracing import traceparent

# Seconds.
SWEEP_PERIOD = 3.0
AT_ONCE = 1.0
REPUBLISH_AFTER = 600.0
# Of that time, for an event without a successor: sooner, within the stream's duplicate window, so that the broker drops
# the second one unless it has lost the first.
_CONFIRM_SHARE = 0.9
# How many times as long the next repetition takes: ten minutes, an hour, an hour…, a day, a day…
_REPEATED_AFTER = (1, *(6,) * 6, 144)
# Younger than this, an event is still being published by the command that owes it.
_LEFT_AFTER = 1.5
_BATCH, _PUBLISHED_AT_ONCE = 200, 16


@dataclass(frozen=True)
class OwedEvent:
    """One owed event as it stands in its record. `published_at` is None until the broker has it.

    `awaits_successor`: settled by whoever hears the successor; otherwise by the second publication. `repeated`: how
    often it was published again. `refused_at`: when the broker last refused to take it at all.
    """

    record: str
    id: str
    topic: str
    payload: bytes
    owed_since: datetime
    published_at: datetime | None = None
    awaits_successor: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    repeated: int = 0
    refused_at: datetime | None = None

    def published(self, at: datetime) -> "OwedEvent":
        """The event once the broker has it, again or for the first time."""
        again = self.published_at is not None
        return replace(self, published_at=at, repeated=self.repeated + again, refused_at=None)

    def encode(self) -> bytes:
        """The event's bytes."""
        return self.payload

    def traced(self, traceparent: str | None) -> "OwedEvent":
        """Itself: its bytes were written with the trace they are of."""
        return self


@dataclass(frozen=True)
class Due:
    """Which events are to be published: those that never were, those without a successor that were published before
    `confirmed`, and the others that were published before the time in `repeated` for as often as they were repeated
    (its last one for all further times). None that the broker refused since `refused`."""

    confirmed: datetime
    repeated: tuple[datetime, ...]
    refused: datetime

    @classmethod
    def at(cls, now: datetime, *, republish_after: timedelta) -> "Due":
        """What is due now."""
        repeated = tuple(now - times * republish_after for times in _REPEATED_AFTER)
        confirmed = now - _CONFIRM_SHARE * republish_after
        return cls(confirmed=confirmed, repeated=repeated, refused=now - republish_after)

    def covers(self, event: OwedEvent) -> bool:
        """Whether it is one of these."""
        if event.refused_at and event.refused_at >= self.refused:
            return False
        if event.published_at is None:
            return True
        if not event.awaits_successor:
            return event.published_at < self.confirmed
        return event.published_at < self.repeated[min(event.repeated, len(self.repeated) - 1)]


class OwedStore(Protocol):
    """Where owed events stand: in the records of the service's database."""

    async def due(self, which: Due, *, limit: int) -> Sequence[OwedEvent]:
        """The events that `which` covers, the oldest first. Raises Unavailable."""

    async def mark_published(self, events: Sequence[OwedEvent], at: datetime) -> None:
        """Note that the broker has them, as `OwedEvent.published` says; what is lost of that is published again.
        Idempotent; raises Unavailable."""

    async def set_aside(self, event: OwedEvent, at: datetime) -> None:
        """Note that the broker refused it; it stays owed. Idempotent; raises Unavailable."""

    async def settle(self, event: OwedEvent) -> None:
        """Take it out of its record. Idempotent; raises Unavailable."""

    async def backlog(self) -> tuple[int, int, datetime | None]:
        """How many were never published, how many await their successor, and since when the oldest of the first."""

    async def oldest_unfollowed(self) -> datetime | None:
        """Since when the oldest is owed that awaits a successor, published or not. Raises Unavailable."""


class OwedStores:
    """Several stores as one, of a service that owes in records of several kinds. Ids tell their events apart."""

    def __init__(self, *stores: OwedStore) -> None:
        self._stores = stores

    async def due(self, which: Due, *, limit: int) -> Sequence[OwedEvent]:
        """See `OwedStore.due`."""
        due = [await store.due(which, limit=limit) for store in self._stores]
        return sorted(chain.from_iterable(due), key=lambda event: event.owed_since)

    async def mark_published(self, events: Sequence[OwedEvent], at: datetime) -> None:
        """See `OwedStore.mark_published`."""
        for store in self._stores:
            await store.mark_published(events, at)

    async def set_aside(self, event: OwedEvent, at: datetime) -> None:
        """See `OwedStore.set_aside`."""
        for store in self._stores:
            await store.set_aside(event, at)

    async def settle(self, event: OwedEvent) -> None:
        """See `OwedStore.settle`."""
        for store in self._stores:
            await store.settle(event)

    async def backlog(self) -> tuple[int, int, datetime | None]:
        """See `OwedStore.backlog`."""
        backlogs = [await store.backlog() for store in self._stores]
        oldest = min((since for *_, since in backlogs if since), default=None)
        return sum(each[0] for each in backlogs), sum(each[1] for each in backlogs), oldest

    async def oldest_unfollowed(self) -> datetime | None:
        """See `OwedStore.oldest_unfollowed`."""
        return min([since for store in self._stores if (since := await store.oldest_unfollowed())], default=None)


def owe(record: str, event: Outgoing, *, now: datetime, awaits_successor: bool = True) -> OwedEvent:
    """An event to be written into a record, in the same write as its cause."""
    return OwedEvent(
        record,
        event.id,
        event.topic,
        event.traced(traceparent()).encode(),
        now,
        awaits_successor=awaits_successor,
        headers=dict(event.headers),
    )


class OwedPublisher:
    """Publishes what is owed: at once after a command, and by sweeping. Any number of replicas may do so.

    What has no successor `republish_after` seconds after its publication is published again, and then ever later.
    """

    def __init__(self, bus: Bus, store: OwedStore, *, republish_after: float = REPUBLISH_AFTER) -> None:
        self._bus = bus
        self._store = store
        self._republish_after = timedelta(seconds=republish_after)
        self._published: list[OwedEvent] = []
        self._marking = asyncio.Lock()

    async def publish_now(self, events: Sequence[OwedEvent]) -> None:
        """Try for at most a second, and note for at most another what got through, though the rest did not. That stays
        owed; nothing is raised for it."""
        through: list[OwedEvent] = []
        try:
            async with asyncio.timeout(AT_ONCE):
                for event in events:
                    with suppress(Refused):  # the sweeper sees to it
                        await self._send(event)
                        through.append(event)
        except (Unavailable, TimeoutError):
            logger().info("publication_left_to_sweeper", events=len(events) - len(through))
        try:
            async with asyncio.timeout(AT_ONCE):
                await self._mark(through)
        except (Unavailable, TimeoutError):
            logger().info("publication_not_marked", events=len(through))

    async def sweep(self) -> int:
        """Publish what is due; returns how many were. Raises Unavailable."""
        try:
            return await self._publish_due()
        finally:
            # Above all where nothing gets out.
            await self._report()

    async def _publish_due(self) -> int:
        now = datetime.now(UTC)
        due = await self._store.due(Due.at(now, republish_after=self._republish_after), limit=_BATCH)
        left = now - timedelta(seconds=_LEFT_AFTER)
        events = [event for event in due if event.published_at or event.owed_since <= left]
        for start in range(0, len(events), _PUBLISHED_AT_ONCE):
            some = events[start : start + _PUBLISHED_AT_ONCE]
            for outcome in await asyncio.gather(*map(self._publish, some), return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        return len(events)

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every few seconds until `stop` is set."""
        while not stop.is_set():
            started = time.monotonic()
            swept = 0
            try:
                swept = await self.sweep()
            except Unavailable as down:
                logger().warning("sweep_unavailable", code=down.code)
            if swept < _BATCH:
                await pause(stop, max(0.0, SWEEP_PERIOD - (time.monotonic() - started)))

    async def _publish(self, event: OwedEvent) -> None:
        try:
            await self._send(event)
        except Refused as refused:
            logger().error("owed_event_refused", code=refused.code, reason=str(refused), id=event.id, topic=event.topic)
            await self._store.set_aside(event, datetime.now(UTC))
            return
        if event.published_at and not event.awaits_successor:
            await self._store.settle(event)
        else:
            await self._mark([event])

    async def _send(self, event: OwedEvent) -> None:
        await self._bus.publish(event.topic, event.payload, message_id=event.id, headers=event.headers)

    async def _mark(self, events: Sequence[OwedEvent]) -> None:
        """Those who come while a write is under way have the next one in common."""
        self._published += events
        async with self._marking:
            published, self._published = self._published, []
            if published:
                await self._store.mark_published(published, datetime.now(UTC))

    async def _report(self) -> None:
        unpublished, awaiting, oldest = await self._store.backlog()
        OWED.labels("unpublished").set(unpublished)
        OWED.labels("awaiting_successor").set(awaiting)
        OWED_OLDEST.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0)


def to_document(event: OwedEvent) -> dict[str, Any]:
    """The event as it is stored in its record's `owed` list."""
    return {
        "id": event.id,
        "topic": event.topic,
        "payload": event.payload,
        "owed_since": event.owed_since,
        "published_at": event.published_at,
        "awaits_successor": event.awaits_successor,
        "headers": dict(event.headers),
        "repeated": event.repeated,
        # A version before this one knows no such field.
        **({"refused_at": event.refused_at} if event.refused_at else {}),
    }


def from_document(record: str, document: dict[str, Any]) -> OwedEvent:
    """The reverse of `to_document`; a newer version beside this one may have written more."""
    known = {each.name: document[each.name] for each in fields(OwedEvent) if each.name in document}
    return OwedEvent(**{**known, "record": record})
