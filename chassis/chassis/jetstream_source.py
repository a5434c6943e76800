"""A durable consumer on NATS JetStream (nats-py): declared, bound, and its messages settled."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

from chassis.bus import Consumer, Delivery
from chassis.errors import Unavailable

# nats-py says by these that the broker is away, slow, or refuses.
BROKER_DOWN = (nats.errors.Error, asyncio.TimeoutError, OSError)
# Seconds.
_MORE_WAIT = 0.1


async def declare_consumer(js: JetStreamContext, consumer: Consumer) -> None:
    """Create the durable, or update it where its configuration changed; `pull_subscribe` alone never updates one."""
    one = len(consumer.filters) == 1
    await js.add_consumer(
        consumer.stream,
        api.ConsumerConfig(
            # `name` with a single filter makes the server see the filter in the request's subject, which is what
            # a narrow permission is written against.
            name=consumer.durable,
            durable_name=consumer.durable,
            filter_subject=consumer.filters[0] if one else None,
            filter_subjects=None if one else list(consumer.filters),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=consumer.ack_wait,
            max_ack_pending=consumer.max_ack_pending,
            max_deliver=-1,
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE if consumer.start_sequence else api.DeliverPolicy.ALL,
            opt_start_seq=consumer.start_sequence,
        ),
    )


class JetStreamSource:
    """A declared durable. It binds at the first fetch, and anew after one that heard nothing, not even a heartbeat:
    nats-py's pull subscriptions do not always survive a server's restart (nats.py #504)."""

    def __init__(self, ready: Callable[[], Awaitable[Client]], consumer: Consumer) -> None:
        self._ready = ready
        self._consumer = consumer
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def fetch(self, count: int, wait: float) -> Sequence[Delivery]:
        # nats-py's fetch(n) may hold back a first message until its time is up (nats.py #986), so one is awaited,
        # and only as many more are asked for as the server says are there.
        try:
            subscription = await self._bound()
            messages = await subscription.fetch(1, timeout=wait, heartbeat=wait / 4)
            more = min(count - 1, messages[0].metadata.num_pending)
            if more:
                with suppress(TimeoutError):  # not always nats-py's own, and what is here must not be given up
                    messages += await subscription.fetch(more, timeout=_MORE_WAIT)
        except nats.js.errors.FetchTimeoutError:
            return ()  # heartbeats came, messages did not: an empty queue
        except BROKER_DOWN as error:
            await self._unbind()
            raise Unavailable("fetch_failed", str(error)) from error
        except asyncio.CancelledError:
            # nats-py also cancels its waiters when its connection closes; that must not end whoever fetches.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._subscription = None
            raise Unavailable("fetch_failed") from None
        return [_JetStreamDelivery(message) for message in messages]

    async def lag(self) -> int:
        client = await self._ready()
        try:
            info = await client.jetstream().consumer_info(self._consumer.stream, self._consumer.durable)
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def _bound(self) -> JetStreamContext.PullSubscription:
        if self._subscription is None:
            js = (await self._ready()).jetstream()
            # Again, in case that somebody deleted it.
            await declare_consumer(js, self._consumer)
            self._subscription = await js.pull_subscribe_bind(
                durable=self._consumer.durable, stream=self._consumer.stream
            )
        return self._subscription

    async def _unbind(self) -> None:
        if self._subscription is not None:
            with suppress(*BROKER_DOWN):
                await self._subscription.unsubscribe()
            self._subscription = None


class _JetStreamDelivery:
    def __init__(self, message: Msg) -> None:
        self._message = message

    @property
    def subject(self) -> str:
        return self._message.subject

    @property
    def payload(self) -> bytes:
        return self._message.data

    @property
    def headers(self) -> Mapping[str, str]:
        return self._message.headers or {}

    @property
    def sequence(self) -> int:
        return self._message.metadata.sequence.stream

    @property
    def published_at(self) -> datetime:
        return self._message.metadata.timestamp.astimezone(UTC)

    async def ack(self, *, confirmed: bool = True) -> None:
        try:
            await (self._message.ack_sync(timeout=2) if confirmed else self._message.ack())
        except BROKER_DOWN as error:
            raise Unavailable("ack_not_confirmed") from error

    async def nak(self, delay: float) -> None:
        try:
            await self._message.nak(delay=delay)
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error

    async def term(self) -> None:
        try:
            await self._message.term()
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error

    async def in_progress(self) -> None:
        try:
            await self._message.in_progress()
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error
