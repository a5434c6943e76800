"""What the services' records must say of the events in the stream: so that a service whose database was lost does
nothing twice.

Every event is noted where its service would note it, and nothing else is done about it: no mail, no move, no event. It
can be done again, and beside records that are there: those stay as they are, unless they are older than the stream and
take for unfinished what it says was finished.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, get_args

from catalog.model import Decision, DecisionKind
from catalog.mongo_decisions import MongoDecisions
from chassis.errors import Unavailable
from contracts.audit import seal_digest
from contracts.directory import Directory
from contracts.envelope import Envelope, MalformedEvent, decode
from contracts.registry import SEALED
from contracts.streams import AUDIT, DOCUMENTS
from contracts.subjects import every_office, subject_of
from ged_mover.model import Copy, Lock
from ged_mover.mongo import MongoRecords
from notify.handlers import answered_by, change, group_of
from notify.model import Kind
from notify.mongo import MongoDigests
from notify.mongo_seals import MongoSealMarks
from notify.told import told_since
from upload.handlers import follow_document
from upload.model import record_of
from upload.mongo import MongoUploads

from connect_ops.places import Places
from contracts import events as e

_AT_ONCE = 32

Note = Callable[[Any], Awaitable[None]]


class Recall:
    """Notes what the streams tell, of one office or of all; with `only_catalog` in the catalog's records alone, beside
    the other services: what they have not done yet is not to be noted as done. `events` counts them, `seals` those
    that were mailed."""

    def __init__(self, places: Places, *, office: str | None, only_catalog: bool = False) -> None:
        self._places, self._office, self._only_catalog = places, office, only_catalog
        self._uploads = MongoUploads(places.upload)
        self._moves = MongoRecords(places.ged_mover)
        self._digests = MongoDigests(places.notify)
        self._marks = MongoSealMarks(places.notify)
        self._decisions = MongoDecisions(places.catalog)
        self._entries: Mapping[str, bytes] = {}
        self._directory = Directory(lambda: self._entries)
        self.events = self.seals = 0
        self._untold: set[tuple[str, str]] = set()
        self._answered: set[tuple[str, str]] = set()

    @property
    def untold(self) -> Sequence[str]:
        """The documents of which the stream does not say that a mail about them was sent. It may have gone out since
        the stream was saved, so it does not go out again; unless a record says that it waits, which are not these."""
        return sorted({document for _, document in self._untold - self._answered})

    async def run(self) -> None:
        """Raises Unavailable: what was noted stays, and the next run notes the rest."""
        if self._only_catalog:
            await self._note(dict.fromkeys(get_args(DecisionKind), (self._decided,)))
            return
        await self._uploads.prepare()
        await self._moves.prepare()
        await self._digests.prepare()
        _, self._entries = await self._places.broker.directory()
        await self._note(self._kinds())
        self.seals = await self._each(AUDIT.name, SEALED.topic(self._office or "*"), (self._seal,))

    def _kinds(self) -> Mapping[str, Sequence[Note]]:
        """What is noted of which event; each kind after those that its notes stand on."""
        return {
            **dict.fromkeys(("deposited", "published"), (self._uploaded, self._begun, self._told, self._ask_no_more)),
            **dict.fromkeys(("rejected", "abandoned"), (self._unfinished,)),
            "deposit_closed": (self._closed,),
            "archived": (self._archived, self._followed),
            "transfer_failed": (self._followed,),
            "retained": (self._locked,),
            "returned": (self._told, self._decided, self._followed),
            "taken": (self._ask_no_more, self._decided, self._followed),
            "withdrawn": (self._withdrawn, self._gone, self._decided, self._followed),
            "erased": (self._erased, self._gone, self._followed),
            **dict.fromkeys(("alerted", "alert_failed"), (self._mailed,)),
        }

    async def _note(self, kinds: Mapping[str, Sequence[Note]]) -> None:
        for kind, notes in kinds.items():
            subject = subject_of(kind, self._office) if self._office else every_office(kind)
            self.events += await self._each(DOCUMENTS.name, subject, notes)

    async def _each(self, stream: str, subject: str, notes: Sequence[Note]) -> int:
        count = 0
        async for events in self._read(stream, subject):
            for note in notes:
                await asyncio.gather(*map(note, events))
            count += len(events)
        return count

    async def _read(self, stream: str, subject: str) -> AsyncIterator[Sequence[Envelope]]:
        events: list[Envelope] = []
        async for message in self._places.broker.read(stream, subject=subject):
            try:
                events.append(decode(message.payload, message.subject))
            except MalformedEvent:
                continue  # a dead letter: nothing was ever noted of it
            if len(events) == _AT_ONCE:
                yield events
                events = []
        yield events

    async def _uploaded(self, event: Envelope) -> None:
        await self._uploads.note_announced(record_of(event.data))

    async def _followed(self, event: Envelope) -> None:
        await follow_document(event, uploads=self._uploads)

    async def _begun(self, event: Envelope) -> None:
        await self._moves.begin(event.data, now=event.data.deposited_at)

    async def _archived(self, event: Envelope) -> None:
        data: e.Archived = event.data
        # Of a client that was erased nothing is left that announced it.
        if await self._moves.find(data.document):
            copy = Copy(data.bucket, data.key, data.version_id, data.sha256, data.archived_at)
            await self._moves.note_archived(data.document, copy, owing=())

    async def _locked(self, event: Envelope) -> None:
        await self._moves.note_lock(event.data.document, Lock(event.data.until, event.data.mode))

    async def _withdrawn(self, event: Envelope) -> None:
        await self._moves.withdraw(event.data, now=event.data.at)

    async def _erased(self, event: Envelope) -> None:
        if await self._moves.find(event.data.document):
            await self._moves.note_erased(event.data.document, now=event.data.erased_at)

    async def _told(self, event: Envelope) -> None:
        group, document = group_of(event.data), event.data.document
        assert group
        digest = await self._digests.add_told(group, document, at=event.time)
        if document not in digest.untold:
            self._untold.add((group.kind, document))

    async def _unfinished(self, event: Envelope) -> None:
        group, data = group_of(event.data), event.data
        assert group
        await self._digests.add_unfinished(group, data.document, size=data.deposit.size)

    async def _closed(self, event: Envelope) -> None:
        group = group_of(event.data)
        assert group
        await self._digests.close(group, event.data.documents)

    async def _gone(self, event: Envelope) -> None:
        await self._digests.note_withdrawn(event.data.document, now=event.time)
        self._untold.difference_update((kind, event.data.document) for kind in get_args(Kind))

    async def _ask_no_more(self, event: Envelope) -> None:
        if document := answered_by(event.data):
            await self._digests.note_answered(document, now=event.time)
            self._answered.add(("returned", document))

    async def _mailed(self, event: Envelope) -> None:
        mail: e.Alerted | e.AlertFailed = event.data
        self._untold.difference_update((mail.kind, each) for each in mail.documents)
        waiting = await self._digests.waiting_for(mail.kind, mail.deposit, mail.documents)
        if waiting and not self._entries:
            # Who else was to have that mail only the directory says; who had it would have it again.
            raise Unavailable("directory_empty")
        for digest in waiting:
            await change(digest, lambda each: told_since(each, mail, directory=self._directory), digests=self._digests)

    async def _seal(self, event: Envelope) -> None:
        await self._marks.mark_sent(seal_digest(event.data), office=event.data.office, at=event.data.at)

    async def _decided(self, event: Envelope) -> None:
        data: e.Decision = event.data
        kind: DecisionKind = next(each for each in get_args(DecisionKind) if each == event.name)
        decision = Decision(kind, data.revision, data.at, data.by, getattr(data, "reason", None))
        known = await self._decisions.of(data.document)
        over = known.revision if known else 0
        # Of two on one document another task may be at the other one.
        while over < data.revision and not await self._decisions.save(data.document, decision, over=over, owing=()):
            known = await self._decisions.of(data.document)
            over = known.revision if known else 0
