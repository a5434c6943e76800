"""Notify's ports in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chassis.owed import OwedEvent
from notify.model import WAIT_FOR_MORE, WAIT_UNANNOUNCED, Digest, Group
from notify.ports import Heard, Letter


class FakeDigests:
    """`down` is raised by every call while it is set; `asked` counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.records: dict[str, Digest] = {}
        self.look_at: dict[str, datetime] = {}
        self.owed: list[OwedEvent] = []
        self.withdrawn: set[str] = set()
        self.answered: set[str] = set()
        self.down: Exception | None = None

    async def add_document(self, group: Group, heard: Heard, *, now: datetime) -> Digest:
        digest = self._of(group)
        known = heard.document in digest.pending or heard.document in digest.withdrawn
        if known or digest.part_of(heard.document) is not None:
            return digest
        wake_at = now + (WAIT_FOR_MORE if heard.size else WAIT_UNANNOUNCED)
        changed = replace(
            digest,
            client_name=heard.client_name or digest.client_name,
            person_name=heard.person_name,
            size=max(heard.size or 0, digest.size or 0) or None,
            heard_at=now,
            pending={**digest.pending, heard.document: heard.entry},
            wake_at=wake_at,
        )
        return self._write(changed)

    async def add_unfinished(self, group: Group, document: str, *, size: int | None) -> Digest:
        digest = self._of(group)
        if document in digest.unfinished:
            return digest
        size = max(size or 0, digest.size or 0) or None
        return self._write(replace(digest, unfinished=digest.unfinished | {document}, size=size))

    async def close(self, group: Group, documents: Sequence[str]) -> Digest:
        digest = self._of(group)
        return self._write(replace(digest, closed=(digest.closed or frozenset()).union(documents)))

    async def note_withdrawn(self, document: str, *, now: datetime) -> Sequence[str]:
        self._ask()
        self.withdrawn.add(document)
        return [digest.id for digest in self.records.values() if document in digest.untold]

    async def withdrawn_among(self, documents: Collection[str]) -> frozenset[str]:
        self._ask()
        return frozenset(self.withdrawn.intersection(documents))

    async def note_answered(self, document: str, *, now: datetime) -> Sequence[str]:
        self._ask()
        self.answered.add(document)
        returns = (digest for digest in self.records.values() if digest.group.kind == "returned")
        return [digest.id for digest in returns if document in digest.untold]

    async def answered_among(self, documents: Collection[str]) -> frozenset[str]:
        self._ask()
        return frozenset(self.answered.intersection(documents))

    async def load(self, digest: str) -> Digest | None:
        self._ask()
        return self.records.get(digest)

    async def save(self, digest: Digest, *, owing: Sequence[OwedEvent] = ()) -> bool:
        self._ask()
        if self.records[digest.id].revision != digest.revision:
            return False
        self._write(replace(digest, wake_at=digest.next_at))
        self.owed.extend(owing)
        return True

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[str]:
        self._ask()
        late = [key for key, at in self.look_at.items() if at <= now - timedelta(seconds=1)][:limit]
        for key in late:
            due = self.records[key].wake_at
            assert due is not None
            self.look_at[key] = now + min(max(now - due, timedelta(seconds=5)), timedelta(minutes=10))
        return late

    async def oldest_due(self) -> datetime | None:
        self._ask()
        return min((digest.wake_at for digest in self.records.values() if digest.wake_at), default=None)

    async def oldest_deferred(self) -> datetime | None:
        self._ask()
        since = (digest.deferred_since for digest in self.records.values())
        return min((each for each in since if each), default=None)

    def _of(self, group: Group) -> Digest:
        self._ask()
        return self.records.get(group.id) or Digest(group.id, group)

    def _write(self, digest: Digest) -> Digest:
        written = replace(digest, revision=digest.revision + 1)
        self.records[digest.id] = written
        self.look_at.pop(digest.id, None)
        if written.wake_at:
            self.look_at[digest.id] = written.wake_at
        return written

    def _ask(self) -> None:
        self.asked += 1
        if self.down:
            raise self.down


class FakeSealMarks:
    """`down` is raised by the next mark."""

    def __init__(self) -> None:
        self.sent: dict[tuple[str, str], datetime] = {}
        self.down: Exception | None = None

    async def is_sent(self, digest: str, *, office: str) -> bool:
        return (digest, office) in self.sent

    async def mark_sent(self, digest: str, *, office: str, at: datetime) -> None:
        if self.down:
            down, self.down = self.down, None
            raise down
        self.sent.setdefault((digest, office), at)


class FakeAlarm:
    """The time that is set for each key; the newest counts."""

    def __init__(self) -> None:
        self.times: dict[str, datetime] = {}

    async def set(self, key: str, at: datetime) -> None:
        self.times[key] = at


class FakeAnnouncer:
    """What was published at once."""

    def __init__(self) -> None:
        self.published: list[OwedEvent] = []

    async def publish_now(self, events: Sequence[OwedEvent]) -> None:
        self.published.extend(events)


@dataclass
class FakeRelay:
    """Takes every letter, save for what `answers` raises for its recipient, one answer a try, the last for good.

    `hold` lets a send wait; `down` is raised before anything is asked.
    """

    sent: list[Letter] = field(default_factory=list)
    answers: dict[str, list[Exception | None]] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    down: Exception | None = None
    hold: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self) -> None:
        await asyncio.sleep(0)  # as any answer lets others go on
        if self.down:
            raise self.down

    async def send(self, letter: Letter) -> None:
        self.tried.append(letter.recipient)
        self.asked.set()
        if self.hold:
            await self.hold.wait()
        answers = self.answers.get(letter.recipient, [])
        answer = answers[0] if answers else None
        if len(answers) > 1:
            answers.pop(0)
        if answer:
            raise answer
        self.sent.append(letter)

    @property
    def recipients(self) -> list[str]:
        return [letter.recipient for letter in self.sent]
