"""The mover's three ports in memory, with switches for what goes wrong."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from chassis.bus import Outgoing
from chassis.errors import Unavailable
from contracts.events import Announced, Withdrawn
from ged_mover.errors import CopyMissing, ErasureRefused, StagingMissing
from ged_mover.model import TOLD_AFTER, Copy, Lock, Mode, Record
from ged_mover.ports import Spooled


async def _nothing() -> None:
    return


@dataclass
class FakeStaging:
    """`down` makes every call raise Unavailable, `unreadable` each reading; `before_read` runs before one."""

    objects: dict[str, bytes] = field(default_factory=dict)
    down: bool = False
    unreadable: bool = False
    before_read: Callable[[], Awaitable[None]] = _nothing

    @asynccontextmanager
    async def spooled(self, document: str, *, size: int) -> AsyncIterator[Spooled]:
        self._answer(self.unreadable)
        await self.before_read()
        if document not in self.objects:
            raise StagingMissing
        content = self.objects[document][: size + 1]
        yield Spooled(io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())

    async def erase(self, document: str) -> None:
        self._answer()
        self.objects.pop(document, None)

    async def ping(self) -> None:
        self._answer()

    def _answer(self, failing: bool = False) -> None:
        if self.down or failing:
            raise Unavailable("store_unavailable")


@dataclass
class FakeGed:
    """`versions` maps a key to its versions, the newest last; `before_store` runs when a write is about to land."""

    versions: dict[str, list[Copy]] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    writes: int = 0
    forgets_locks: bool = False
    before_store: Callable[[], Awaitable[None]] = _nothing
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def ping(self) -> None:
        return

    async def find(self, key: str) -> Copy | None:
        return self.versions[key][-1] if self.versions.get(key) else None

    async def store(
        self, key: str, content: Spooled, *, content_type: str, metadata: Mapping[str, str], now: datetime
    ) -> Copy | None:
        await self.before_store()
        if self.versions.get(key):
            return None
        copy = Copy("ged", key, f"v{next(self._numbers)}", hashlib.sha256(content.body.read()).hexdigest(), now)
        self.versions.setdefault(key, []).append(copy)
        self.metadata[key] = {**metadata, "content-type": content_type}
        self.writes += 1
        return copy

    async def lock(self, key: str, version_id: str) -> Lock | None:
        self._known(key, version_id)
        return self.locks.get(version_id)

    async def set_lock(self, key: str, version_id: str, *, until: datetime, mode: Mode) -> None:
        self._known(key, version_id)
        lock = self.locks.get(version_id)
        if lock and (lock.mode != mode or lock.until > until):
            raise Unavailable("store_refuses_keys")
        if not self.forgets_locks:
            self.locks[version_id] = Lock(until, mode)

    async def erase(self, key: str) -> None:
        if any(copy.version_id in self.locks for copy in self.versions.get(key, ())):
            raise ErasureRefused
        self.versions.pop(key, None)

    def _known(self, key: str, version_id: str) -> None:
        if version_id not in (copy.version_id for copy in self.versions.get(key, ())):
            raise CopyMissing


@dataclass
class FakeRecords:
    """`owed` are the events that records owe."""

    records: dict[str, Record] = field(default_factory=dict)
    tell_at: dict[str, datetime] = field(default_factory=dict)
    owed: list[Outgoing] = field(default_factory=list)

    async def begin(self, announced: Announced, *, now: datetime) -> Record:
        if announced.document not in self.records:
            self.tell_at[announced.document] = now + TOLD_AFTER
            self.records[announced.document] = Record(
                document=announced.document,
                office=announced.office,
                client=announced.client.id,
                space=announced.space,
                announced=announced,
                trying_since=now,
            )
        return self.records[announced.document]

    async def find(self, document: str) -> Record | None:
        return self.records.get(document)

    async def note_trouble(self, document: str, code: str) -> None:
        if self.records[document].announced:
            self._set(document, code=code)

    async def note_archived(self, document: str, copy: Copy, *, owing: Sequence[Outgoing]) -> Record:
        record = self.records[document]
        if record.withdrawn_at:
            return record
        if record.archived is None:
            self.owed += owing
        if record.archived and record.archived.version_id == copy.version_id:
            return self._close(document)
        # The database keeps milliseconds.
        at = copy.archived_at.replace(microsecond=copy.archived_at.microsecond // 1000 * 1000)
        return self._close(document, archived=replace(copy, archived_at=at))

    async def give_up(self, document: str, *, code: str, now: datetime, owing: Outgoing) -> Record:
        if self.records[document].withdrawn_at:
            return self.records[document]
        self.owed.append(owing)
        self.tell_at.pop(document, None)
        return self._set(document, code=code, given_up_at=now)

    async def reopen(self, document: str, *, now: datetime) -> Record | None:
        record = self.records.get(document)
        if record is None or record.given_up_at is None:
            return record
        self.tell_at[document] = now + TOLD_AFTER
        return self._set(document, given_up_at=None, code=None, attempt=record.attempt + 1, trying_since=now)

    async def withdraw(self, withdrawn: Withdrawn, *, now: datetime) -> None:
        blank = Record(withdrawn.document, withdrawn.office, withdrawn.client, withdrawn.space)
        record = self.records.setdefault(withdrawn.document, blank)
        self._close(withdrawn.document, withdrawn_at=record.withdrawn_at or now)

    async def note_erased(self, document: str, *, now: datetime) -> Record:
        return self._set(document, erased_at=self.records[document].erased_at or now)

    async def note_lock(self, document: str, lock: Lock) -> None:
        self._set(document, lock=lock)

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[Record]:
        due = sorted((at, document) for document, at in self.tell_at.items() if at <= now)
        return [self.records[document] for _, document in due[:limit]]

    async def oldest_open(self) -> datetime | None:
        return min(filter(None, (each.trying_since for each in self.records.values())), default=None)

    async def tell_trouble(self, document: str, *, owing: Outgoing) -> None:
        if self.tell_at.pop(document, None):
            self.owed.append(owing)

    def _close(self, document: str, **changes: object) -> Record:
        self.tell_at.pop(document, None)
        return self._set(document, announced=None, trying_since=None, code=None, given_up_at=None, **changes)

    def _set(self, document: str, **changes: object) -> Record:
        self.records[document] = replace(self.records[document], **changes)  # type: ignore[arg-type]
        return self.records[document]
