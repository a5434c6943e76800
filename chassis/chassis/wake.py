"""Messages for later: JetStream's scheduled messages on one stream.

A wake-up only wakes. Time and truth stand in the service's own record: one that isn't due yet is armed again, one
with nothing to do does nothing, and a sweeper wakes what is overdue.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from chassis.bus import Bus, Delivery
from chassis.tracing import TRACEPARENT, traceparent

_ROOT = "connect.v1.wake"
STREAM = "CONNECT_WAKE"
# The server's own header: the subject of the schedule that a message fell due of; without it, it came directly.
SCHEDULER = "Nats-Scheduler"
# The code of a wake-up that somebody else's schedule sent.
FORGED = "wake_up_forged"
# The kind of wake-up that carries a message for one subscription alone.
PUT_OFF = "later"


def due_filter(service: str) -> str:
    """The subjects on which a service's wake-ups fall due."""
    return f"{_ROOT}.due.{service}.>"


def due_subject(service: str, key: str) -> str:
    """Where a message wakes a service at once, published by whoever may."""
    return f"{_ROOT}.due.{service}.{key}"


def due_key(service: str, subject: str) -> str:
    """The key of the wake-up that fell due on `subject`."""
    return subject.removeprefix(f"{_ROOT}.due.{service}.")


def is_forged(delivery: Delivery) -> bool:
    """Whether a wake-up fell due of another schedule than its own. The server lets a schedule name any target in its
    stream, also one on which whoever set it may not publish; of what is published directly its permissions decide."""
    scheduler = delivery.headers.get(SCHEDULER)
    return scheduler is not None and scheduler != delivery.subject.replace(f"{_ROOT}.due.", f"{_ROOT}.schedule.", 1)


def put_off_key(subscription: str, sequence: int) -> str:
    """The key under which a message, by its stream sequence, comes to one subscription alone."""
    return f"{PUT_OFF}.{subscription}.{sequence}"


class Alarm:
    """Sets wake-ups of one service."""

    def __init__(self, bus: Bus, *, service: str) -> None:
        self._bus = bus
        self._service = service

    async def set(
        self, key: str, at: datetime, *, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Wake with `key` (subject tokens, `<kind>.<id>`) at a time; a newer one with the same key replaces it.

        Raises Unavailable.
        """
        # No message id: a repeated one would be dropped as a duplicate, and the old time would fire.
        await self._bus.publish(
            f"{_ROOT}.schedule.{self._service}.{key}",
            payload,
            headers={
                **(headers or {}),
                **({TRACEPARENT: step} if (step := traceparent()) else {}),
                "Nats-Schedule": f"@at {at.astimezone(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}",
                "Nats-Schedule-Target": due_subject(self._service, key),
            },
        )
