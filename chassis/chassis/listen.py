"""Plain messages, without a stream and without a promise: what is not heard is gone."""

import asyncio
from collections.abc import Awaitable, Callable

import nats.errors
from nats.aio.msg import Msg

from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.periodic import pause

_BROKER_DOWN = (nats.errors.Error, asyncio.TimeoutError, OSError)
# Seconds.
_LOOK_EVERY = 0.5

Hear = Callable[[str, bytes], Awaitable[None]]


async def listen(bus: JetStreamBus, topic: str, hear: Hear, *, stop: asyncio.Event) -> None:
    """Call `hear(topic, payload)` for each message on `topic` (wildcards allowed) until `stop` is set.

    Every listener hears every message; the subscription is made anew with each connection.
    """

    async def heard(message: Msg) -> None:
        await hear(message.subject, message.data)

    while not stop.is_set():
        generation = bus.generation
        try:
            client = await bus.ready()
            subscription = await client.subscribe(topic, cb=heard)
        except (Unavailable, *_BROKER_DOWN):
            await pause(stop, _LOOK_EVERY)
            continue
        while not stop.is_set() and generation == bus.generation:
            await pause(stop, _LOOK_EVERY)
        try:
            await subscription.unsubscribe()
        except _BROKER_DOWN:
            continue  # its connection is gone, and the subscription with it
