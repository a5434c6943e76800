"""One consumer's loop in one process: fetch as many as there are free places, or probe while something is down.

A nak'ed message keeps its place among the consumer's `max_ack_pending`, so fetching on while something is down would
only collect messages that wait. The lane stops instead, tries one message at a time, and resumes with the first that
goes through.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from chassis.bus import Bus, Consumer, Delivery, Source
from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.metrics import CONSUMER_LAG, SUSPENDED
from chassis.origin import Origin
from chassis.periodic import pause

# Seconds.
PROBE_FIRST, PROBE_LONGEST = 0.5, 10.0
FETCH_WAIT = 3.0
LAG_PERIOD = 10.0
_BROKER_PAUSE = 0.5


class Lane:
    """`concurrency` bounds the messages at once; `handle` settles one, or raises Unavailable with it not settled."""

    def __init__(
        self, bus: Bus, consumer: Consumer, *, concurrency: int, handle: Callable[[Delivery], Awaitable[object]]
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._concurrency = concurrency
        self._handle = handle
        self._under_way: set[asyncio.Task[None]] = set()
        # Seconds until the next probe while something is down, else 0.
        self._probe_in = 0.0
        self._freed = asyncio.Event()
        self._lag_read_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is under way."""
        SUSPENDED.labels(self._consumer.durable).set(0)
        source: Source | None = None
        reachable = True
        while not stop.is_set():
            try:
                source = source or await self._bus.subscribe(self._consumer)
                await self._report_lag(source)
                await self._turn(source, stop)
                reachable = True
            except Unavailable as down:
                if reachable:
                    logger().warning(
                        "fetch_unavailable", subscription=self._consumer.durable, code=down.code, reason=str(down)
                    )
                reachable = False
                await pause(stop, _BROKER_PAUSE)
        if self._under_way:
            await asyncio.wait(self._under_way)
        # A process outlives its subscriptions, and what one measured last would stand there as if it went on.
        for measured in (SUSPENDED, CONSUMER_LAG):
            measured.remove(self._consumer.durable)

    async def _turn(self, source: Source, stop: asyncio.Event) -> None:
        if self._probe_in:
            await pause(stop, self._probe_in)
            deliveries: Sequence[Delivery] = ()
            while not deliveries and not stop.is_set():
                deliveries = await source.fetch(1, FETCH_WAIT)
            probes = [self._start(delivery, probe=True) for delivery in deliveries]
            if probes:
                await asyncio.wait(probes)
        elif len(self._under_way) >= self._concurrency:
            self._freed.clear()
            # Where none comes to its end, how much waits is still told.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), LAG_PERIOD)
        else:
            for delivery in await source.fetch(self._concurrency - len(self._under_way), FETCH_WAIT):
                self._start(delivery, probe=False)

    def _start(self, delivery: Delivery, *, probe: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(self._process(delivery, probe=probe))
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._freed.set()

    async def _process(self, delivery: Delivery, *, probe: bool) -> None:
        origin = Origin.of(delivery)
        with structlog.contextvars.bound_contextvars(
            subscription=self._consumer.durable, sequence=origin.sequence, message=origin.message_id
        ):
            try:
                await self._handle(delivery)
            except Unavailable as down:
                await self._suspend(delivery, down, probe=probe)
            except Exception as error:
                # It comes again after ack_wait; an error here is one in settling a message, not in its handler.
                logger().error("message_not_settled", exc_info=error)
            else:
                # What was under way when something went down says nothing of whether it is back: a probe does.
                if probe:
                    self._resume()

    async def _suspend(self, delivery: Delivery, down: Unavailable, *, probe: bool) -> None:
        if not self._probe_in:
            logger().warning("subscription_suspended", code=down.code, reason=str(down))
        # Only a probe that failed lengthens the wait: many handlers fail at once when something goes down.
        self._probe_in = min(self._probe_in * 2, PROBE_LONGEST) if probe else max(self._probe_in, PROBE_FIRST)
        SUSPENDED.labels(self._consumer.durable).set(1)
        try:
            await delivery.nak(self._probe_in)
        except Unavailable as unsent:
            logger().info("nak_not_sent", code=unsent.code)  # it comes again after ack_wait

    def _resume(self) -> None:
        logger().info("subscription_resumed")
        self._probe_in = 0.0
        SUSPENDED.labels(self._consumer.durable).set(0)

    async def _report_lag(self, source: Source) -> None:
        if time.monotonic() - self._lag_read_at >= LAG_PERIOD:
            self._lag_read_at = time.monotonic()
            CONSUMER_LAG.labels(self._consumer.durable).set(await source.lag())
