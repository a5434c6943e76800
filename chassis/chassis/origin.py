"""What a message was when it first came.

One that is put off returns as a copy on another stream, under another subject and sequence; the copy carries what the
first one was in its headers, so that metrics, logs and dead letters still name it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.bus import Delivery
from chassis.wake import is_forged

_SUBJECT, _SEQUENCE, _SINCE, _ID = "Connect-Subject", "Connect-Sequence", "Connect-Since", "Connect-Message-Id"


@dataclass(frozen=True)
class Origin:
    """The first delivery's subject, stream sequence, time of publication and message id (empty when it had none)."""

    subject: str
    sequence: int
    published_at: datetime
    message_id: str

    @classmethod
    def of(cls, delivery: Delivery) -> "Origin":
        """The origin of a message or of its copy, which only comes as a wake-up of who put it off: elsewhere anybody
        could say so."""
        headers = delivery.headers
        if delivery.subject.startswith("connect.v1.wake.") and not is_forged(delivery):
            with suppress(ValueError):  # no copy
                return cls.carried(headers)
        return cls(delivery.subject, delivery.sequence, delivery.published_at, headers.get("Nats-Msg-Id", ""))

    @classmethod
    def carried(cls, headers: Mapping[str, str]) -> "Origin":
        """What `headers` made. Raises ValueError where they carry none."""
        try:
            since = datetime.fromisoformat(headers[_SINCE]).astimezone(UTC)
            return cls(headers[_SUBJECT], int(headers[_SEQUENCE]), since, headers.get(_ID, ""))
        except KeyError as missing:
            raise ValueError(str(missing)) from None

    def headers(self) -> dict[str, str]:
        """The headers by which a copy carries it."""
        carried = {_SUBJECT: self.subject, _SEQUENCE: str(self.sequence), _SINCE: self.published_at.isoformat()}
        return {**carried, _ID: self.message_id} if self.message_id else carried

    @property
    def event(self) -> str:
        """What happened, for a metric's label: `connect.v1.<area>.<event>.…`; of a wake-up its kind."""
        tokens = self.subject.split(".")
        place = 5 if tokens[2:3] == ["wake"] else 3
        return tokens[place] if len(tokens) > place else "other"
