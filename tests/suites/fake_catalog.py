"""The catalog's ports in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from catalog.model import Decision, Document
from catalog.projection import Numbered, document_of, operations
from chassis.errors import Unavailable
from chassis.owed import OwedEvent
from contracts.values import Person

from tests.suites.fake_records import FakeRecords


class FakeDocuments:
    """`ports.Projection` and `ports.Documents` on records in memory."""

    def __init__(self) -> None:
        self._fake = FakeRecords()

    async def apply(self, numbered: Numbered) -> Sequence[Document]:
        made = operations(numbered)
        self._fake.apply(made)
        return await self.several([one.record for one in made])

    async def get(self, document: str) -> Document | None:
        return next(iter(await self.several([document])), None)

    async def several(self, documents: Sequence[str]) -> Sequence[Document]:
        records = self._fake.records
        found = (records.get(document) for document in documents)
        return [document_of(record, records) for record in found if record and "owner" in record]


class FakeDecisions:
    """`ports.Decisions`. `overtaken_by` is somebody else's decision, saved just before the next one."""

    def __init__(self) -> None:
        self.held: dict[str, Decision] = {}
        self.owed: dict[str, list[OwedEvent]] = {}
        self.overtaken_by: Decision | None = None

    async def of(self, document: str) -> Decision | None:
        return self.held.get(document)

    async def among(self, documents: Sequence[str]) -> Mapping[str, Decision]:
        return {document: self.held[document] for document in documents if document in self.held}

    async def save(self, document: str, decision: Decision, *, over: int, owing: Sequence[OwedEvent]) -> bool:
        if self.overtaken_by:
            self.held[document], self.overtaken_by = self.overtaken_by, None
        held = self.held.get(document)
        if (held.revision if held else 0) != over:
            return False
        self.held[document] = decision
        self.owed.setdefault(document, []).extend(owing)
        return True

    async def settle(
        self, documents: Sequence[str], *, topics: Sequence[str] | None = None, published: bool = False
    ) -> None:
        for document in documents:
            self.owed[document] = [
                one
                for one in self.owed.get(document, ())
                if not one.awaits_successor
                or (topics is not None and one.topic not in topics)
                or (published and one.published_at is None)
            ]


class FakeMarks:
    """`ports.Marks`."""

    def __init__(self) -> None:
        self._opened: dict[str, datetime] = {}
        self._retried: dict[str, datetime] = {}

    async def note_opened(self, document: str, *, by: Person, at: datetime) -> bool:
        is_first = document not in self._opened
        self._opened.setdefault(document, at)
        return is_first

    async def opened_at(self, document: str) -> datetime | None:
        return self._opened.get(document)

    async def openings(self, documents: Sequence[str]) -> Mapping[str, datetime]:
        return {document: self._opened[document] for document in documents if document in self._opened}

    async def claim_retry(self, document: str, *, now: datetime, cooldown: float) -> bool:
        last = self._retried.get(document)
        if last and last > now - timedelta(seconds=cooldown):
            return False
        self._retried[document] = now
        return True

    async def retried_at(self, document: str) -> datetime | None:
        return self._retried.get(document)

    async def release_retry(self, document: str) -> None:
        self._retried.pop(document, None)


class FakeAccesses:
    """`ports.Accesses`; `trouble`, where there is one, is raised instead."""

    def __init__(self) -> None:
        self.entries: list[OwedEvent] = []
        self.trouble: Exception | None = None
        self._at: dict[str, datetime] = {}

    async def note(self, entry: OwedEvent, *, unless_since: datetime | None = None) -> bool:
        if self.trouble:
            raise self.trouble
        last = self._at.get(entry.record)
        if unless_since and last and last > unless_since:
            return False
        self._at[entry.record] = entry.owed_since
        self.entries.append(entry)
        return True


@dataclass
class FakeWaker:
    """`ports.Waker`; away while `reachable` is False."""

    reachable: bool = True
    woken: list[str] = field(default_factory=list)

    async def wake_move(self, document: str) -> None:
        if not self.reachable:
            raise Unavailable("broker_unreachable")
        self.woken.append(document)


@dataclass
class FakeHints:
    """`ports.Hints`."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, document: Document) -> None:
        self.sent.append((document.id, document.state))
