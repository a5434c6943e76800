"""Documents that were never deposited: copies of what a real deposit left, each with ids, names and times of its own.

Nothing here knows what a service writes: what it wrote of one document is printed anew for the next. Two things are
made as they are made of a deposit, for they hang together: the ids of events, which are derived, and the journal, in
which each entry is hashed with the one before. Signatures of receipts stay those of the first document.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
from catalog.chain import Link
from contracts.canonical import canonical
from contracts.envelope import decode
from contracts.registry import BY_TYPE
from contracts.streams import AUDIT, DOCUMENTS

from .stamps import Marks, Stamp, Values
from .traces import JOURNAL, Message, Record, Trace

_ID = re.compile(
    rb"(?<![0-9a-f-])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f-])"
)
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z")
_EVENTS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fr.cerfrance.connect:documents")
# In the place of hashes that follow from what is before them, and of an entry's number.
_PREVIOUS, _HASH, _ENTRY = "p" * 64, "h" * 64, "entry"

# A database and a collection.
Place = tuple[str, str]


@dataclass(frozen=True)
class Told:
    """A message to publish."""

    subject: str
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True)
class Copy:
    """One document: what is told of it, and its records in BSON."""

    messages: Sequence[Told]
    records: Sequence[tuple[Place, bytes]]


class Copies:
    """Copies of the document of `client` that left `trace`; what `other` has in common with it, no document has to
    itself, and it stays as it is. They follow the `last` message of each stream, and the journal's `end`."""

    def __init__(self, trace: Trace, other: Trace, *, client: str, last: Mapping[str, int], end: Link) -> None:
        assert _kinds(trace) == _kinds(other), "one of both was looked at too early"
        self._client, self._last = client.encode(), last
        self.told_each: Mapping[str, int] = Counter(each.stream for each in trace.messages)
        """How many messages tell of each document, by stream."""
        self._end = (end.seq, end.hash)
        self._marks = Marks()
        place_of = {(each.stream, each.number): place for each, place in _places_in_stream(trace.messages)}

        whole = _bytes_of(trace)
        own = set(_ID.findall(whole)) - set(_ID.findall(_bytes_of(other))) | {_file_of(trace)}
        self._times = {found: datetime.fromisoformat(found.decode()) for found in _TIME.findall(whole)}
        base = own | self._times.keys() | {self._client}
        self._events = dict(_derived(each, base) for each in trace.messages)
        self._own = sorted(own - self._events.keys())

        text = base | self._events.keys()
        self._messages = [_told(each, text) for each in trace.messages]
        records = [(each, self._marked(each, place_of)) for each in trace.records]
        places = text | set(self._marks.places) | {_PREVIOUS.encode(), _HASH.encode()}
        self._records = [
            ((each.database, each.collection), Stamp(bson.encode(marked), places))
            for each, marked in records
            if each.collection != JOURNAL
        ]
        self._journal = [
            ((each.database, each.collection), self._said(marked, places), Stamp(bson.encode(marked), places))
            for each, marked in records
            if each.collection == JOURNAL
        ]

    @property
    def collections(self) -> Set[Place]:
        """Where its records belong."""
        return {each[0] for each in self._records} | {each[0] for each in self._journal}

    def of(self, number: int, *, client: str, earlier: timedelta) -> Copy:
        """The document with this number, as deposited so much earlier by `client`, whose id is as long as that of the
        first. To be made in order, from 0 on."""
        values = self._values(number, client.encode(), earlier)
        messages = [
            Told(subject, {name: stamp(values).decode() for name, stamp in headers.items()}, payload(values))
            for subject, headers, payload in self._messages
        ]
        values |= self._marks.times(earlier=earlier) | self._marks.numbers(self._numbers(number))
        records = [(where, stamp(values)) for where, stamp in self._records]
        return Copy(messages, [*records, *self._entries(values)])

    def _values(self, number: int, client: bytes, earlier: timedelta) -> Values:
        values = {each: _another(each, number) for each in self._own}
        values |= {each: _time_text(time - earlier, like=each) for each, time in self._times.items()}
        values[self._client] = client
        named = {each: name(values).decode() for each, name in self._events.items()}
        return values | {each: str(uuid.uuid5(_EVENTS, name)).encode() for each, name in named.items()}

    def _numbers(self, number: int) -> dict[str, int]:
        return {
            _in_stream(stream, place): self._last[stream] + 1 + number * each + place
            for stream, each in self.told_each.items()
            for place in range(each)
        }

    def _marked(self, record: Record, place_of: Mapping[tuple[str, int], int]) -> dict[str, Any]:
        """A record with something to be found in the place of each time, and of each number that another has not."""

        def mark(stream: str, number: int) -> int:
            return self._marks.number(_in_stream(stream, place_of[stream, number]))

        marked: dict[str, Any] = self._marks.timed(record.content)
        if "sequences" in marked:
            marked["sequences"] = [mark(DOCUMENTS.name, each) for each in marked["sequences"]]
        if record.collection == JOURNAL:
            marked |= {"_id": self._marks.number(_ENTRY), "previous": _PREVIOUS, "hash": _HASH}
            marked["heard"] = mark(AUDIT.name, marked["heard"])
        return marked

    def _said(self, marked: Mapping[str, Any], places: set[bytes]) -> Stamp:
        said = canonical({"seq": marked["_id"], "entry": marked["entry"], "previous": marked["previous"]})
        return Stamp(said, places | {b"%d" % marked["_id"]})

    def _entries(self, values: Values) -> Iterator[tuple[Place, bytes]]:
        for where, said, stamp in self._journal:
            seq, previous = self._end[0] + 1, self._end[1]
            place = {b"%d" % self._marks.number(_ENTRY): b"%d" % seq, **self._marks.numbers({_ENTRY: seq})}
            here = {**values, **place, _PREVIOUS.encode(): previous.encode()}
            self._end = (seq, hashlib.sha256(said(here)).hexdigest())
            yield where, stamp({**here, _HASH.encode(): self._end[1].encode()})


def _kinds(trace: Trace) -> list[str]:
    return sorted([*(each.subject for each in trace.messages), *(each.collection for each in trace.records)])


def _bytes_of(trace: Trace) -> bytes:
    told = [each.payload + repr(each.headers).encode() for each in trace.messages]
    return b"\n".join([*told, *(bson.encode(each.content) for each in trace.records)])


def _file_of(trace: Trace) -> bytes:
    """What tells the name of its file from others."""
    announced = decode(trace.messages[0].payload).data
    return str(announced.name).removesuffix(".pdf").rpartition("_")[2].encode()


def _places_in_stream(messages: Sequence[Message]) -> Iterator[tuple[Message, int]]:
    seen: Counter[str] = Counter()
    for each in messages:
        yield each, seen[each.stream]
        seen[each.stream] += 1


def _in_stream(stream: str, place: int) -> str:
    return f"{stream}/{place}"


def _derived(message: Message, places: set[bytes]) -> tuple[bytes, Stamp]:
    """An event's id, and what it is made of."""
    envelope = decode(message.payload)
    event = BY_TYPE[envelope.type]
    name = f"{event.about(envelope.data)}/{event.key}/{event.occurrence(envelope.data)}"
    assert str(uuid.uuid5(_EVENTS, name)) == envelope.id, "ids of events are made in another way by now"
    return envelope.id.encode(), Stamp(name.encode(), places)


def _told(message: Message, places: set[bytes]) -> tuple[str, Mapping[str, Stamp], Stamp]:
    headers = {name: Stamp(value.encode(), places) for name, value in message.headers.items()}
    return message.subject, headers, Stamp(message.payload, places)


def _another(token: bytes, number: int) -> bytes:
    """Another one of the same form, always the same for the same number."""
    digest = hashlib.blake2b(b"%d/%b" % (number, token), digest_size=32).hexdigest().encode()
    if len(token) != 36:
        return digest[: len(token)]
    return b"-".join((digest[:8], digest[8:12], b"4" + digest[13:16], b"8" + digest[17:20], digest[20:32]))


def _time_text(time: datetime, *, like: bytes) -> bytes:
    precision = "microseconds" if b"." in like else "seconds"
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision).encode() + b"Z"
