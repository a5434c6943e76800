"""NATS: the stream of the dead letters, which the catalog reads and never writes but for its own."""

from contextlib import suppress

from chassis.dead import Letter
from chassis.jetstream import JetStreamBus
from contracts.streams import DEAD

from catalog.dead_letters import DeadLetter, Letters, letter_of

_MOST_TOLD = 100
# Each is asked of the broker by itself: an answer takes a second or two at most.
_MOST_READ = 1000


class NatsDeadLetters:
    """See `ports.DeadLetters`."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus

    async def of(self, office: str, *, after: int = 0) -> Letters:
        """See `ports.DeadLetters`."""
        found: list[DeadLetter] = []
        for _ in range(_MOST_READ):
            stored = await self._bus.stored(DEAD.name, DEAD.subjects[0], after=after)
            if stored is None:
                return Letters(found, None)
            after = stored.sequence
            with suppress(ValueError):  # not written by a worker
                letter = Letter.of(stored.subject, stored.headers)
                told = letter_of(after, letter, stored.payload, office=office)
                found += [told] if told else []
            if len(found) == _MOST_TOLD:
                break
        return Letters(found, after)
