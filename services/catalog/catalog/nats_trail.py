"""NATS: the stream of the audit trail, read message by message beside the consumer."""

from collections.abc import AsyncIterator, Iterable

from chassis.jetstream import JetStreamBus
from contracts.audit import Seal
from contracts.envelope import Envelope, MalformedEvent, decode
from contracts.registry import JOURNALED, SEALED
from contracts.streams import AUDIT

_ALL = AUDIT.subjects[0]
_JOURNALED = {event.type for event in JOURNALED}


class NatsTrail:
    """See `ports.Trail`."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus

    async def entries(self, *, after: int) -> AsyncIterator[tuple[Envelope, int]]:
        """See `ports.Trail`."""
        async for event, sequence in self._events(_ALL, after=after):
            if event.type in _JOURNALED:
                yield event, sequence

    async def seals(self) -> AsyncIterator[Seal]:
        """See `ports.Trail`."""
        async for event, _ in self._events(SEALED.topic("*"), after=0):
            yield _seal(event)

    async def last_seal(self, offices: Iterable[str]) -> Seal | None:
        """See `ports.Trail`."""
        seals = [seal for office in offices if (seal := await self._last_of(office))]
        return max(seals, key=lambda seal: seal.number, default=None)

    async def _last_of(self, office: str) -> Seal | None:
        subject = SEALED.topic(office)
        found = await self._bus.stored(AUDIT.name, subject)
        if found is None:
            return None
        try:
            return _seal(decode(found.payload, found.subject))
        except MalformedEvent:
            # The stream gives the last message alone without all before it.
            last = None
            async for event, _ in self._events(subject, after=0):
                last = _seal(event)
            return last

    async def _events(self, subject: str, *, after: int) -> AsyncIterator[tuple[Envelope, int]]:
        while found := await self._bus.stored(AUDIT.name, subject, after=after):
            after = found.sequence
            try:
                event = decode(found.payload, found.subject)
            except MalformedEvent:
                continue  # a dead letter, which the consumer has buried
            yield event, after


def _seal(event: Envelope) -> Seal:
    return Seal.model_validate(event.data.model_dump(exclude={"office"}))
