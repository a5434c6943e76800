"""The CloudEvents 1.0 envelope (structured mode, JSON) around an event's data.

Source: CloudEvents specification 1.0.2, JSON event format. The `id` is derived, not random: the same happening
always gets the same id, so that publishing it again is harmless and a reader can drop what it has seen.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.registry import BY_MODEL, BY_TYPE, EventType
from contracts.values import UtcDatetime

CONTENT_TYPE = "application/cloudevents+json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fr.cerfrance.connect:documents")


class MalformedEvent(ValueError):
    """The bytes are not an event of this contract. `code` is stable; the message holds no personal data."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Envelope(BaseModel):
    """An event as it travels. `subject` is the document's (or deposit's) id, `time` when it happened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: str
    type: str
    source: str
    subject: str
    time: UtcDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: Any

    @property
    def name(self) -> str:
        """The event's name, such as `deposited`; of the audit trail's, such as `audit_deposited`."""
        return BY_TYPE[self.type].key

    @property
    def topic(self) -> str:
        """The NATS subject it travels on."""
        return BY_TYPE[self.type].topic(self.data.office)

    @property
    def ids(self) -> Mapping[str, str]:
        """What it is about, for logs: `document`, or `deposit` where it is of several."""
        kind = "document" if "document" in type(self.data).model_fields else "deposit"
        return {kind: self.subject}

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes into the message's headers, beside its id."""
        return {"Content-Type": CONTENT_TYPE}

    def traced(self, traceparent: str | None) -> Self:
        """The event, told to be of this step of a trace (W3C Trace Context) unless it is of one already."""
        if traceparent is None or self.traceparent is not None:
            return self
        return self.model_copy(update={"traceparent": traceparent})

    def encode(self) -> bytes:
        """The JSON bytes of structured mode."""
        return self.model_dump_json(exclude_none=True).encode()


def event_id(event: EventType, data: BaseModel) -> str:
    """uuid5 of (document or deposit, event, occurrence)."""
    return str(uuid.uuid5(_NAMESPACE, f"{event.about(data)}/{event.key}/{event.occurrence(data)}"))


def envelop(data: BaseModel, *, time: datetime | None = None, traceparent: str | None = None) -> Envelope:
    """Wrap an event's data. `time` defaults to now.

    Raises KeyError when the model is not a registered event.
    """
    event = BY_MODEL[type(data)]
    return Envelope(
        specversion="1.0",
        id=event_id(event, data),
        type=event.type,
        source=event.source,
        subject=event.about(data),
        time=time or datetime.now(UTC),
        traceparent=traceparent,
        data=data,
    )


def decode(payload: bytes, subject: str | None = None) -> Envelope:
    """Read an envelope and its typed data. `subject` is the one it came on, where that is known: who may publish on one
    may not speak for another.

    Raises MalformedEvent with code `not_an_event`, `unknown_type`, `invalid_data` or `wrong_subject`.
    """
    try:
        envelope = Envelope.model_validate_json(payload)
    except ValidationError as error:
        raise MalformedEvent("not_an_event", _summary(error)) from None
    event = BY_TYPE.get(envelope.type)
    if event is None:
        raise MalformedEvent("unknown_type", "the event's type is not in the contract")
    try:
        data = event.model.model_validate(envelope.data)
    except ValidationError as error:
        raise MalformedEvent("invalid_data", _summary(error)) from None
    envelope = envelope.model_copy(update={"data": data})
    if subject not in (None, envelope.topic):
        raise MalformedEvent("wrong_subject", "the event travels on another subject than it came on")
    return envelope


def _summary(error: ValidationError) -> str:
    # Where and what kind, never the value: the values are personal.
    parts = [f"{'.'.join(map(str, item['loc']))}: {item['type']}" for item in error.errors()[:5]]
    return "; ".join(parts)
