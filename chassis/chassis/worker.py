"""The worker: messages in, handler calls, events out.

The order, for each message: decode → handler → publish the returned events and wait for the stream's
acknowledgement → acknowledge the source, and wait for that. A crash anywhere is a redelivery, never a loss, so
handlers are idempotent: one that finds its work done returns the same events again. What a handler raises decides:

  Unavailable   nak; the subscription stops fetching, probes with one message at a time, and resumes. Without end.
  Later         the message is put off as a scheduled copy and acknowledged; the others go on
  Rejected      the message goes to the dead letters, then it is terminated
  anything else a bug: put off in the same way, eight tries over about ten minutes, then the dead letters

Tries are counted in a header of the copies, not by deliveries: those also rise while something is down, without end.

Draining: once `stop` is set nothing is fetched, and what is under way is finished.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chassis import wake
from chassis.bus import Bus, Consumer, Delivery, Outgoing
from chassis.dead import bury
from chassis.errors import Later, Rejected, Unavailable
from chassis.lane import Lane
from chassis.logs import about, logger
from chassis.metrics import EFFECT_SECONDS, HANDLE_SECONDS, HANDLED
from chassis.origin import Origin
from chassis.tracing import TRACEPARENT, span, traceparent

Handler = Callable[[Any], Awaitable[Sequence[Outgoing]]]
WakeHandler = Callable[[str], Awaitable[Sequence[Outgoing]]]

# Seconds before each further try of a message that met a bug: eight tries over about ten minutes.
BUG_DELAYS = (1.0, 5.0, 15.0, 30.0, 90.0, 180.0, 270.0)
_TRIES = "Connect-Tries"
_WAKES_AT_ONCE = 8


@dataclass(frozen=True)
class Subscription:
    """What a service listens to. `consumer.durable` is a literal and stays for good; replicas share it.

    `decode` turns a payload, and the subject it first came on, into what `handle` takes, and raises ValueError (with a
    `code`, where it has one) for what is none. `concurrency` bounds the handlers at once in one process; a handler at
    work for more than `patience` seconds is no longer marked as in progress, so another replica may get its message.
    With `numbered`, `handle` takes what was decoded and the message's sequence in its stream, as one tuple.
    """

    consumer: Consumer
    decode: Callable[[bytes, str], Any]
    handle: Handler
    concurrency: int = 8
    patience: float = 300
    numbered: bool = False

    @property
    def name(self) -> str:
        """The durable's name."""
        return self.consumer.durable


class Worker:
    """All subscriptions of one service, and its wake-ups.

    `wakes` maps a wake-up's kind to its handler, which gets the id: key `<kind>.<id>`.
    """

    def __init__(
        self,
        *,
        service: str,
        bus: Bus,
        subscriptions: Sequence[Subscription],
        wakes: Mapping[str, WakeHandler] | None = None,
    ) -> None:
        self._service = service
        self._bus = bus
        self._alarm = wake.Alarm(bus, service=service)
        self._subscriptions = {subscription.name: subscription for subscription in subscriptions}
        self._wakes = wakes or {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is under way."""
        wakes = Consumer(wake.STREAM, f"{self._service}-wake", (wake.due_filter(self._service),))
        lanes = [
            Lane(
                self._bus,
                subscription.consumer,
                concurrency=subscription.concurrency,
                handle=partial(self._attempt, subscription),
            )
            for subscription in self._subscriptions.values()
        ]
        lanes.append(Lane(self._bus, wakes, concurrency=_WAKES_AT_ONCE, handle=self._wake_up))
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run(stop))

    async def _wake_up(self, delivery: Delivery) -> None:
        """A wake-up fell due: a message that was put off goes to its subscription, any other to its kind's handler."""
        if wake.is_forged(delivery):
            await self._refuse(delivery, Rejected(wake.FORGED, delivery.headers[wake.SCHEDULER]))
            return
        kind, _, rest = wake.due_key(self._service, delivery.subject).partition(".")
        if kind == wake.PUT_OFF:
            subscription = self._subscriptions.get(rest.partition(".")[0])
        else:
            subscription = self._wake_subscription(kind, rest)
        if subscription is None:
            await self._refuse(delivery, Rejected("unknown_wake_up"))
            return
        await self._attempt(subscription, delivery)

    async def _refuse(self, delivery: Delivery, rejected: Rejected) -> None:
        """Bury a wake-up that is nobody's."""
        await self._reject(delivery, f"{self._service}-wake", rejected)
        HANDLED.labels(f"{self._service}-wake", "unknown", "rejected").inc()

    def _wake_subscription(self, kind: str, key: str) -> Subscription | None:
        if kind not in self._wakes:
            return None
        consumer = Consumer(wake.STREAM, f"{self._service}-wake-{kind}", ())
        return Subscription(consumer, decode=lambda *_: key, handle=self._wakes[kind])

    async def _attempt(self, subscription: Subscription, delivery: Delivery) -> None:
        """Handle one message and settle it. Raises Unavailable with the message not settled."""
        started = time.monotonic()
        origin = Origin.of(delivery)
        outcome = "crashed"
        try:
            async with _progress(delivery, subscription):
                outcome = await self._settled(delivery, subscription)
        except Unavailable:
            outcome = "unavailable"
            raise
        finally:
            HANDLED.labels(subscription.name, origin.event, outcome).inc()
            HANDLE_SECONDS.labels(subscription.name, origin.event, outcome).observe(time.monotonic() - started)
        if outcome == "done":
            age = datetime.now(UTC) - origin.published_at
            EFFECT_SECONDS.labels(subscription.name, origin.event).observe(max(0.0, age.total_seconds()))

    async def _settled(self, delivery: Delivery, subscription: Subscription) -> str:
        try:
            await self._handle(delivery, subscription)
        except Unavailable:
            raise
        except Later as later:
            return await self._put_off(
                delivery, subscription, delay=later.delay, tries=_tries(delivery), code=later.code
            )
        except Rejected as rejected:
            return await self._reject(delivery, subscription.name, rejected)
        except Exception as bug:
            return await self._retry_bug(delivery, subscription, bug)
        await delivery.ack()
        logger().info("message_handled", of=Origin.of(delivery).event)
        return "done"

    async def _handle(self, delivery: Delivery, subscription: Subscription) -> None:
        decoded = _decoded(delivery, subscription)
        # Each message is a task of its own.
        about(**getattr(decoded, "ids", {}))
        parent = getattr(decoded, TRACEPARENT, None) or delivery.headers.get(TRACEPARENT)
        handled = (decoded, Origin.of(delivery).sequence) if subscription.numbered else decoded
        with span(f"handle {subscription.name}", parent=parent, event=Origin.of(delivery).event):
            for event in await subscription.handle(handled):
                payload = event.traced(traceparent()).encode()
                await self._bus.publish(event.topic, payload, message_id=event.id or None, headers=event.headers)

    async def _retry_bug(self, delivery: Delivery, subscription: Subscription, bug: Exception) -> str:
        tries = _tries(delivery) + 1
        logger().error("handler_failed", tries=tries, exc_info=bug)
        if tries > len(BUG_DELAYS):
            return await self._reject(delivery, subscription.name, Rejected("bug", type(bug).__name__))
        await self._put_off(delivery, subscription, delay=BUG_DELAYS[tries - 1], tries=tries, code="bug")
        return "bug"

    async def _put_off(
        self, delivery: Delivery, subscription: Subscription, *, delay: float, tries: int, code: str
    ) -> str:
        if delivery.subject.startswith("connect.v1.wake."):
            key = wake.due_key(self._service, delivery.subject)
        else:
            key = wake.put_off_key(subscription.name, delivery.sequence)
        at = datetime.now(UTC) + timedelta(seconds=delay)
        headers = Origin.of(delivery).headers() if key.startswith(f"{wake.PUT_OFF}.") else {}
        await self._alarm.set(key, at, payload=delivery.payload, headers={**headers, _TRIES: str(tries)})
        await delivery.ack()
        logger().info("message_put_off", code=code, delay=delay, tries=tries)
        return "later"

    async def _reject(self, delivery: Delivery, subscription: str, rejected: Rejected) -> str:
        await bury(
            self._bus,
            delivery,
            service=self._service,
            subscription=subscription,
            code=rejected.code,
            reason=str(rejected),
        )
        await delivery.term()
        logger().error("message_buried", code=rejected.code)
        return "rejected"


def _decoded(delivery: Delivery, subscription: Subscription) -> Any:
    try:
        return subscription.decode(delivery.payload, Origin.of(delivery).subject)
    except ValueError as error:
        raise Rejected(getattr(error, "code", "malformed"), str(error)) from None


def _tries(delivery: Delivery) -> int:
    try:
        return int(delivery.headers.get(_TRIES, "0"))
    except ValueError:
        return 0


@asynccontextmanager
async def _progress(delivery: Delivery, subscription: Subscription) -> AsyncIterator[None]:
    """Mark the message as in progress while the body runs, for at most `patience` seconds."""

    async def mark() -> None:
        until = time.monotonic() + subscription.patience
        while time.monotonic() < until:
            await asyncio.sleep(subscription.consumer.ack_wait / 3)
            try:
                await delivery.in_progress()
            except Unavailable:
                continue  # a broker that comes back in time may still hear the next mark

    marks = asyncio.create_task(mark())
    try:
        yield
    finally:
        marks.cancel()
