"""The port between the worker and a message broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# Seconds. A message whose worker died waits this long for another; longer work is marked as in progress.
LONGEST_ACK_WAIT = 30.0


class Refused(Exception):
    """The broker takes this message from nobody, now or later: it is too large, or not formed as one. A bug of whoever
    publishes it."""

    code = "broker_refused"


class Outgoing(Protocol):
    """An event to publish: `id` makes publishing it twice harmless, `topic` is where it travels."""

    @property
    def id(self) -> str: ...

    @property
    def topic(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def encode(self) -> bytes: ...

    def traced(self, traceparent: str | None) -> "Outgoing":
        """The event, told to be of this step of a trace unless it is of one already."""


@dataclass(frozen=True)
class Consumer:
    """A durable consumer's configuration. `ack_wait` is seconds, 30 at most; `filters` are subjects."""

    stream: str
    durable: str
    filters: tuple[str, ...]
    ack_wait: float = 30
    max_ack_pending: int = 256
    start_sequence: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.ack_wait <= LONGEST_ACK_WAIT:
            raise ValueError(f"ack_wait of {self.durable} is {self.ack_wait} s, more than {LONGEST_ACK_WAIT:.0f}")


class Delivery(Protocol):
    """One message as it was delivered, and the four ways to settle it.

    Each may raise Unavailable when the broker cannot be reached; the message then comes again after `ack_wait`.
    """

    @property
    def subject(self) -> str: ...

    @property
    def payload(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def sequence(self) -> int: ...

    @property
    def published_at(self) -> datetime: ...

    async def ack(self, *, confirmed: bool = True) -> None:
        """Done. Returns when the broker has confirmed it; not `confirmed`, at once, for where nothing depends on it."""

    async def nak(self, delay: float) -> None:
        """Deliver it again, `delay` seconds from now."""

    async def term(self) -> None:
        """Never deliver it again."""

    async def in_progress(self) -> None:
        """Still at work: start `ack_wait` anew."""


class Source(Protocol):
    """A durable consumer, bound."""

    async def fetch(self, count: int, wait: float) -> Sequence[Delivery]:
        """Up to `count` messages, as soon as there is one; none after `wait` seconds. Must not be cancelled.

        Raises Unavailable when the broker cannot be reached.
        """

    async def lag(self) -> int:
        """Messages not yet acknowledged. Raises Unavailable."""


class Bus(Protocol):
    """A broker with durable streams."""

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """Store a message; returns its stream sequence once it is durable.

        A repeated `message_id` within the stream's duplicate window is stored once. Raises Unavailable when no
        acknowledgement came within `timeout` seconds: the message may or may not be stored; and Refused.
        """

    async def subscribe(self, consumer: Consumer) -> Source:
        """Declare the consumer, updating a changed configuration, and bind to it. Raises Unavailable."""


@dataclass(frozen=True)
class Message:
    """A message to publish as it is, for what is no event of the contract."""

    topic: str
    payload: bytes
    id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The payload."""
        return self.payload

    def traced(self, traceparent: str | None) -> "Message":
        """Itself: it has no place for a trace."""
        return self
