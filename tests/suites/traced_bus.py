"""A bus in front of another that notes what is done to it, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.bus import Bus, Consumer, Delivery, Source


class TracedBus:
    """`trace` holds `publish <topic>`, `ack <subject>`, `nak <subject>`, `term <subject>`, `progress <subject>`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.trace: list[str] = []

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """Publish, then note it."""
        sequence = await self._bus.publish(topic, payload, message_id=message_id, headers=headers, timeout=timeout)
        self.trace.append(f"publish {topic}")
        return sequence

    async def subscribe(self, consumer: Consumer) -> Source:
        """Subscribe, to note what becomes of each message."""
        return _TracedSource(await self._bus.subscribe(consumer), self.trace)


class _TracedSource:
    def __init__(self, source: Source, trace: list[str]) -> None:
        self._source = source
        self._trace = trace

    async def fetch(self, count: int, wait: float) -> Sequence[Delivery]:
        return [_TracedDelivery(each, self._trace) for each in await self._source.fetch(count, wait)]

    async def lag(self) -> int:
        return await self._source.lag()


class _TracedDelivery:
    def __init__(self, delivery: Delivery, trace: list[str]) -> None:
        self._delivery: Any = delivery
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def ack(self, *, confirmed: bool = True) -> None:
        await self._delivery.ack(confirmed=confirmed)
        self._trace.append(f"ack {self._delivery.subject}")

    async def nak(self, delay: float) -> None:
        await self._delivery.nak(delay)
        self._trace.append(f"nak {self._delivery.subject}")

    async def term(self) -> None:
        await self._delivery.term()
        self._trace.append(f"term {self._delivery.subject}")

    async def in_progress(self) -> None:
        await self._delivery.in_progress()
        self._trace.append(f"progress {self._delivery.subject}")
