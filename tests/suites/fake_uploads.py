"""Intake's ports, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, BinaryIO

from chassis.errors import Unavailable
from chassis.owed import OwedEvent
from contracts.envelope import Envelope, decode
from contracts.subjects import AUDIT_ROOT
from contracts.values import Receipt, Space
from upload import model
from upload.errors import Gone, LeaseLost, Refused, parts_lost
from upload.model import LEASE_SECONDS, Lease, Part, Upload
from upload.rights import Owner


class FakeUploads:
    """Records in a dictionary; `down` makes every call Unavailable, `fail_next_save` one. Writes can be counted and
    looked at."""

    def __init__(self) -> None:
        self.records: dict[str, Upload] = {}
        self.owed: dict[str, list[OwedEvent]] = {}
        self.marks: dict[str, set[str]] = {}
        self.places: dict[str, tuple[str, str, str, Space]] = {}
        self.saved: list[Upload] = []
        self.down = False
        self.fail_next_save = False

    @property
    def events(self) -> list[Envelope]:
        return [event for event in self._owed() if not event.topic.startswith(AUDIT_ROOT)]

    @property
    def entries(self) -> list[Envelope]:
        """What is owed to the audit trail."""
        return [event for event in self._owed() if event.topic.startswith(AUDIT_ROOT)]

    def _owed(self) -> list[Envelope]:
        return [decode(event.payload) for events in self.owed.values() for event in events]

    def _record(self, document: str) -> Upload | None:
        if self.down:
            raise Unavailable("database_unavailable")
        return self.records.get(document)

    def _set(self, upload: Upload, **changes: Any) -> Upload:
        self.records[upload.id] = upload.model_copy(update=changes)
        return self.records[upload.id]

    async def add(self, upload: Upload) -> Upload:
        self._record(upload.id)
        for known in self.records.values():
            if upload.creation is not None and known.creation == upload.creation:
                return known
        begun = upload.lease and Lease(epoch=upload.lease.epoch, beat=datetime.now(UTC))
        self._set(upload, lease=begun)
        return upload

    async def created(self, creation: str) -> Upload | None:
        self._record("")
        return next((each for each in self.records.values() if each.creation == creation), None)

    async def get(self, document: str) -> Upload | None:
        return self._record(document)

    async def claim(self, document: str, *, by: Owner, offset: int) -> Upload | None:
        found = self._record(document)
        if found is None or not by.owns(found) or (found.state, found.offset) != ("receiving", offset):
            return None
        return self._raised(found, take=not _is_held(found))

    async def claim_due(self, document: str) -> Upload | None:
        found = self._record(document)
        if found is None or found.due is None or found.due > datetime.now(UTC) or _is_held(found):
            return None
        return self._raised(found, take=True)

    async def claim_any(self, document: str, *, by: Owner) -> Upload | None:
        found = self._record(document)
        ended = (*model.FINISHED, "refused", "abandoned")
        if found is None or not by.owns(found) or found.state in ended:
            return None
        return self._raised(found, take=False)

    def _raised(self, found: Upload, *, take: bool) -> Upload:
        epoch = found.epoch + 1
        lease = Lease(epoch=epoch, beat=datetime.now(UTC)) if take else found.lease
        return self._set(found, epoch=epoch, lease=lease)

    def _of_epoch(self, document: str, epoch: int) -> Upload:
        found = self._record(document)
        if found is None or found.epoch != epoch:
            raise LeaseLost
        return found

    async def take(self, document: str, *, epoch: int) -> bool:
        found = self._of_epoch(document, epoch)
        if _is_held(found):
            return False
        self._set(found, lease=Lease(epoch=epoch, beat=datetime.now(UTC)))
        return True

    async def beat(self, document: str, *, epoch: int, busy: bool) -> None:
        found = self._of_epoch(document, epoch)
        if found.lease is None or found.lease.epoch != epoch:
            raise LeaseLost
        if busy:
            self._set(found, lease=Lease(epoch=epoch, beat=datetime.now(UTC)))

    async def release(self, document: str, *, epoch: int) -> bool:
        found = self._record(document)
        if found is None or found.lease is None or found.lease.epoch != epoch:
            return False
        self._set(found, lease=None)
        return True

    async def mark_overtaken(self, document: str) -> None:
        found = self._record(document)
        if found is not None and found.state in model.ENDED:
            self._look_again(self._set(found, overtaken=True))

    def _look_again(self, found: Upload) -> None:
        self._set(found, leftovers=True, due=datetime.now(UTC), epoch=found.epoch + 1)

    async def save(self, upload: Upload, *, owing: Sequence[OwedEvent] = (), release: bool = False) -> None:
        if self.fail_next_save:
            self.fail_next_save = False
            raise Unavailable("database_unavailable")
        found = self._of_epoch(upload.id, upload.epoch)
        kept = {"moved": found.moved, "overtaken": found.overtaken}
        self._set(upload, lease=None if release else found.lease, **kept)
        self.owed.setdefault(upload.id, []).extend(owing)
        self.saved.append(upload)

    async def mark_clean(self, document: str, *, epoch: int) -> None:
        found = self._record(document)
        if found is not None and found.epoch == epoch:
            self._set(found, leftovers=False, due=None, parts=(), multipart=None, tail=None, lease=None)

    async def due(self, *, limit: int) -> Sequence[str]:
        now = datetime.now(UTC)
        due = [each for each in self.records.values() if each.due and each.due <= now and not _is_held(each)]
        return [each.id for each in sorted(due, key=lambda each: each.due or now)][:limit]

    async def oldest_pending(self) -> datetime | None:
        pending = [each.whole_at for each in self.records.values() if each.state in model.PENDING]
        return min(filter(None, pending), default=None)

    async def of_deposit(self, deposit: str, *, by: Owner) -> Sequence[Upload]:
        self._record("")
        return [each for each in self.records.values() if each.deposit.id == deposit and by.owns(each)]

    async def is_full(self, deposit: str, *, by: Owner, limit: int) -> bool:
        return len(await self.of_deposit(deposit, by=by)) >= limit

    async def add_closing(self, event: OwedEvent) -> None:
        self._record("")
        self.owed.setdefault(event.record, [event])

    async def settle(self, document: str, *, moved: bool = False) -> None:
        found = self._record(document)
        if found is not None and found.state == "owed":
            for_long = self.marks.get(document) == {"returned"}
            kept = None if for_long else datetime.now(UTC) + model.KEPT_AFTER_END
            found = self._set(found, state="settled", purge_at=kept)
            self.owed[document] = [event for event in self.owed.get(document, []) if not event.awaits_successor]
        if moved and found is not None and found.state in model.FINISHED and not found.moved:
            found = self._set(found, moved=True)
            if found.overtaken:
                self._look_again(found)

    async def mark_returned(self, document: str, *, office: str, client: str, folder: str, space: Space) -> None:
        found = self._record(document)
        self.marks.setdefault(document, set()).add("returned")
        self.places.setdefault(document, (office, client, folder, space))
        if found is not None and "final" not in self.marks[document]:
            self._set(found, purge_at=None)

    async def mark_final(self, document: str) -> None:
        found = self._record(document)
        self.marks.setdefault(document, set()).add("final")
        if found is not None and "returned" in self.marks[document]:
            self._set(found, purge_at=datetime.now(UTC) + model.KEPT_AFTER_END)

    async def is_replaceable(self, document: str, *, office: str, client: str) -> bool:
        self._record(document)
        of_office, of_client, _, space = self.places.get(document, ("", "", "", ""))
        own = (of_office, of_client, space) == (office, client, "deposits")
        return own and self.marks.get(document) == {"returned"}


def _is_held(upload: Upload) -> bool:
    fresh = datetime.now(UTC) - timedelta(seconds=LEASE_SECONDS)
    return upload.lease is not None and upload.lease.beat > fresh


@dataclass
class FakeStaging:
    """A bucket in memory; `down` makes every call Unavailable. `calls` names the writes."""

    bucket: str = "staging"
    objects: dict[str, bytes] = field(default_factory=dict)
    multiparts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    down: bool = False

    def _call(self, name: str) -> None:
        if self.down:
            raise Unavailable("store_unavailable")
        self.calls.append(name)

    async def put(self, document: str, content: BinaryIO) -> None:
        self._call("put")
        self.objects[document] = content.read()

    async def begin(self, document: str) -> str:
        self._call("begin")
        multipart = f"{document}/{len(self.calls)}"
        self.multiparts[multipart] = {}
        return multipart

    async def put_part(self, document: str, *, multipart: str, number: int, content: BinaryIO) -> Part:
        self._call("put_part")
        if multipart not in self.multiparts:
            raise Gone("parts_removed")
        piece = self.multiparts[multipart][number] = content.read()
        return Part(number=number, etag=sha256(piece).hexdigest())

    async def complete(self, document: str, *, multipart: str, parts: Sequence[Part], size: int) -> None:
        self._call("complete")
        written = self.multiparts.pop(multipart, None)
        if written is None:
            if len(self.objects.get(document, b"")) != size:
                raise Refused("parts_lost")
            return
        if any(sha256(written.get(part.number, b"")).hexdigest() != part.etag for part in parts):
            raise Refused("parts_lost")
        self.objects[document] = b"".join(written[part.number] for part in parts)

    async def put_tail(self, key: str, content: BinaryIO) -> None:
        self._call("put_tail")
        assert key not in self.objects
        self.objects[key] = content.read()

    async def read(self, key: str) -> AsyncIterator[bytes]:
        self._call("read")
        if key not in self.objects:
            raise parts_lost()
        content = self.objects[key]
        for start in range(0, len(content), 1 << 18):
            yield content[start : start + (1 << 18)]

    async def remove_leftovers(self, document: str, *, in_parts: bool, whole: bool) -> None:
        self._call("remove")
        for key in list(self.objects):
            if key.startswith(f"tails/{document}/") or (whole and key == document):
                del self.objects[key]
        if in_parts:
            for name in [name for name in self.multiparts if name.startswith(document)]:
                del self.multiparts[name]


class FakeAnnouncer:
    """Notes what it was asked to publish."""

    def __init__(self) -> None:
        self.published: list[OwedEvent] = []

    async def publish_now(self, events: Sequence[OwedEvent]) -> None:
        self.published.extend(events)


class FakeSigner:
    """Receipts with a signature that proves nothing."""

    def receipt(self, upload: Upload) -> Receipt:
        return Receipt.model_validate(
            {
                "document": upload.id,
                "name": upload.name,
                "size": upload.length,
                "sha256": upload.sha256,
                "received_at": datetime(2026, 11, 24, tzinfo=UTC),
                "depositor": upload.depositor,
                "client": upload.client,
                "kid": "fake",
                "signature": "fake",
            }
        )


@dataclass
class FakeInspection:
    """Notes what it was asked to look at; refuses what it is told to."""

    refuses: bytes = b""
    looked: list[str] = field(default_factory=list)

    async def inspect(self, look: str, content: BinaryIO) -> None:
        self.looked.append(look)
        if self.refuses and self.refuses in content.read():
            raise Refused("broken", "Ce PDF est abîmé.")


@dataclass
class FakeScanner:
    """Finds what it is told to find; `down` makes it Unavailable; it waits for `answers` where there is one."""

    needs_content: bool = False
    finds: bytes = b""
    down: bool = False
    scanned: int = 0
    answers: asyncio.Event | None = None

    async def scan(self, content: BinaryIO) -> None:
        if self.down:
            raise Unavailable("scanner_unavailable")
        if self.answers is not None:
            await self.answers.wait()
        self.scanned += 1
        if self.finds and self.finds in content.read():
            raise Refused("infected", "Un virus a été trouvé.")

    async def ask(self) -> None:
        if self.down:
            raise Unavailable("scanner_unavailable")
