"""Whose a message of the bus is: an event, a dead letter, a copy that was put off."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Stored:
    """A message as it stands in a stream, with the time at which the stream took it."""

    sequence: int
    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True)
class Traces:
    """By what a client's messages are known. `words` tell in messages that are no events: names, addresses, `sub`s."""

    office: str
    client: str
    documents: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def tell_of(self, message: Stored) -> bool:
        """Whether a message is about this client."""
        data = data_of(message.payload)
        if data is None:
            text = message.payload.decode("utf-8", "replace")
            return any(trace in text for trace in (*self.documents, *self.words))
        if "office" in data and "client" in data:
            return (data["office"], client_of(data)) == (self.office, self.client)
        return not self.documents.isdisjoint(documents_of(data))


def data_of(payload: bytes) -> Mapping[str, Any] | None:
    """An event's `data`, whether or not it is one of the contract; None for what is no event."""
    try:
        event = json.loads(payload)
    except ValueError:
        return None
    data = event.get("data") if isinstance(event, dict) else None
    return data if isinstance(data, dict) else None


def client_of(data: Mapping[str, Any]) -> Any:
    """The client's id that an event names."""
    client = data["client"]
    return client.get("id") if isinstance(client, dict) else client


def documents_of(data: Mapping[str, Any]) -> frozenset[str]:
    """The documents that an event is about."""
    several = data.get("documents")
    named = [data.get("document"), *(several if isinstance(several, list) else ())]
    return frozenset(each for each in named if isinstance(each, str))


def is_about_none_but(kept: Collection[str], message: Stored) -> bool:
    """Whether all the documents that a message is about, and there are some, are among these."""
    about = documents_of(data_of(message.payload) or {})
    return bool(about) and about.issubset(kept)
