"""NATS: what the catalog says without an event, a hint to the pages and a nudge to the mover."""

import json

from chassis.bus import Bus
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from contracts.subjects import live

from catalog.model import Document
from chassis import wake


class NatsHints:
    """See `ports.Hints`: core NATS, subject `connect.v1.live.<office>.<client>`."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus

    async def send(self, document: Document) -> None:
        """See `ports.Hints`."""
        hint = json.dumps({"id": document.id, "state": document.state})
        try:
            await self._bus.send(live(document.office, document.client.id), hint.encode())
        except Unavailable:
            return  # pages fetch what changed when they are connected again


class NatsWaker:
    """See `ports.Waker`: a message on the subject where the mover's wake-ups fall due."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def wake_move(self, document: str) -> None:
        """See `ports.Waker`."""
        await self._bus.publish(wake.due_subject("ged-mover", f"move.{document}"), b"")
