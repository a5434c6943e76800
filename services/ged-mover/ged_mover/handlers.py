"""What the mover does on each event. Each handler can be run again at any point and then says the same again."""

from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.errors import Later, Rejected, Unavailable
from chassis.logs import about, logger
from contracts.envelope import Envelope, envelop
from contracts.events import Announced, Archived, Erased, Retained, TransferFailed, Withdrawn

from ged_mover.errors import (
    CopyVanished,
    HashDiffers,
    NotArchivedYet,
    OneInTrouble,
    OtherContent,
    RetentionNotKept,
    StagingMissing,
)
from ged_mover.facts import metadata_of
from ged_mover.journal import archival
from ged_mover.metrics import GIVEN_UP, MOVED_BYTES
from ged_mover.model import REDELIVERED_WITHIN, Copy, Mode, Record, ged_key, lasts, retained_until
from ged_mover.ports import Ged, Records, Staging

Events = list[Envelope]


@dataclass(frozen=True)
class Places:
    """Where a document can be, and what is known of it."""

    records: Records
    staging: Staging
    ged: Ged


async def move_document(envelope: Envelope, *, places: Places) -> Events:
    """On `deposited` and `published`: one checked copy into the GED.

    Raises Unavailable, Later, or Rejected when no retry will bring it there; that is then owed as `transfer_failed`.
    """
    announced: Announced = envelope.data
    record = await places.records.begin(announced, now=datetime.now(UTC))
    return await _advance(record, announced, places)


async def retry_move(document: str, *, places: Places) -> Events:
    """On the wake-up `move.<document>`: try again now, also what was given up. Raises as `move_document`."""
    about(document=document)
    record = await places.records.reopen(document, now=datetime.now(UTC))
    if record is None:
        return []
    if record.withdrawn_at:
        # A try that was cut off after its write left a copy that the erasure did not see.
        return await _erase(record, places)
    if record.announced is None:
        return [_archived(record, record.archived)] if record.archived else []
    return await _advance(record, record.announced, places)


async def clear_staging(envelope: Envelope, *, places: Places) -> Events:
    """On `archived`, which is in the stream once this is called: staging's copy is no longer needed, and the journal is
    to know of the copy in the GED. Its entry is owed as well, for a broker that loses it."""
    await places.staging.erase(envelope.data.document)
    return [archival(envelope.data)]


async def erase_document(envelope: Envelope, *, places: Places) -> Events:
    """On `withdrawn`: no copy is left anywhere, also of a move that is under way.

    Raises Unavailable, and ErasureRefused for a locked copy.
    """
    await places.records.withdraw(envelope.data, now=datetime.now(UTC))
    return await _erase(envelope.data, places)


async def retain_document(envelope: Envelope, *, places: Places, mode: Mode) -> Events:
    """On `taken`: the archived version can't be erased before its time.

    A lock that is there keeps its mode: stores let only those change it who may also bypass it, which the mover's keys
    must not. Raises Unavailable, NotArchivedYet, RetentionNotKept, CopyMissing.
    """
    record = await places.records.find(envelope.data.document)
    if record and record.withdrawn_at:
        return []
    if record is None or record.archived is None:
        raise NotArchivedYet
    until, copy = retained_until(envelope.data.at), record.archived
    lock = await places.ged.lock(copy.key, copy.version_id)
    if not lasts(lock, until=until):
        kept = lock.mode if lock else mode
        await places.ged.set_lock(copy.key, copy.version_id, until=until, mode=kept)
        lock = await places.ged.lock(copy.key, copy.version_id)
    if lock is None or not lasts(lock, until=until):
        raise RetentionNotKept
    if lock.mode != mode:
        logger().warning("lock_mode_differs", mode=lock.mode)
    await places.records.note_lock(record.document, lock)
    return [envelop(Retained(**_about(record), until=lock.until, mode=lock.mode))]


def transfer_failed(record: Record, *, code: str, retrying: bool, now: datetime) -> Envelope:
    """What tells that a move is in trouble (`retrying`), or given up."""
    data = TransferFailed(
        **_about(record), code=code, retrying=retrying, attempt=record.attempt, since=record.trying_since or now
    )
    return envelop(data, time=now)


async def _advance(record: Record, announced: Announced, places: Places) -> Events:
    if record.withdrawn_at:
        return await _erase(record, places)
    if record.given_up_at:
        return _given_up_before(record, record.given_up_at)
    try:
        copy = await _copied(announced, places)
    except (Unavailable, Later) as trouble:
        await places.records.note_trouble(record.document, trouble.code)
        await _judge(trouble, places)
        raise
    except Rejected as refusal:
        return await _give_up(record, refusal, places)
    entry = archival(_archived(record, copy).data)
    # The tombstone is looked at after the write: a withdrawal that listed the versions before it is seen here.
    record = await places.records.note_archived(record.document, copy, owing=[entry])
    if record.withdrawn_at:
        return await _erase(record, places)
    return [_archived(record, record.archived or copy)]


async def _judge(trouble: Unavailable | Later, places: Places) -> None:
    """Raise Later where both stores answer: then it is this document's trouble, and the others need not wait."""
    if isinstance(trouble, Unavailable):
        await places.staging.ping()
        await places.ged.ping()
        raise OneInTrouble(trouble.code)


async def _copied(announced: Announced, places: Places) -> Copy:
    """The document's copy in the GED, found there or written."""
    key = ged_key(office=announced.office, client=announced.client.id, document=announced.document)
    copy = await places.ged.find(key)
    if copy is None:
        try:
            copy = await _write(announced, key, places)
        except StagingMissing:
            # Another replica may have moved it and cleared staging since we looked.
            copy = await places.ged.find(key)
            if copy is None:
                raise
    if copy.sha256 != announced.sha256:
        raise OtherContent
    return copy


async def _write(announced: Announced, key: str, places: Places) -> Copy:
    now = datetime.now(UTC)
    async with places.staging.spooled(announced.document, size=announced.size) as content:
        if content.size != announced.size or content.sha256 != announced.sha256:
            raise HashDiffers
        written = await places.ged.store(
            key,
            content,
            content_type=announced.content_type,
            metadata=metadata_of(announced),
            # As the record keeps it, so that the entry that is owed says what the event will.
            now=now.replace(microsecond=now.microsecond // 1000 * 1000),
        )
    if written:
        MOVED_BYTES.inc(announced.size)
        return written
    found = await places.ged.find(key)
    if found is None:
        # Refused for what lay there, and gone since: a withdrawal or an operator is at work. Come back to it.
        raise CopyVanished
    return found


async def _give_up(record: Record, refusal: Rejected, places: Places) -> Events:
    now = datetime.now(UTC)
    event = transfer_failed(record, code=refusal.code, retrying=False, now=now)
    record = await places.records.give_up(record.document, code=refusal.code, now=now, owing=event)
    if record.withdrawn_at:
        return await _erase(record, places)
    GIVEN_UP.labels(refusal.code).inc()
    raise refusal


def _given_up_before(record: Record, at: datetime) -> Events:
    """The message of a move that was given up comes again: by the broker, since its dead letter was not stored, or
    minutes later by intake, which then hears the same again. Only a wake-up takes the move up again."""
    code = record.code or "given_up"
    if datetime.now(UTC) - at < REDELIVERED_WITHIN:
        raise Rejected(code)
    return [transfer_failed(record, code=code, retrying=False, now=at)]


async def _erase(of: Record | Withdrawn, places: Places) -> Events:
    await places.staging.erase(of.document)
    await places.ged.erase(ged_key(office=of.office, client=of.client, document=of.document))
    now = datetime.now(UTC)
    record = await places.records.note_erased(of.document, now=now)
    at = record.erased_at or now
    return [envelop(Erased(**_about(record), erased_at=at), time=at)]


def _archived(record: Record, copy: Copy) -> Envelope:
    data = Archived(
        **_about(record),
        space=record.space,
        bucket=copy.bucket,
        key=copy.key,
        version_id=copy.version_id,
        sha256=copy.sha256,
        archived_at=copy.archived_at,
    )
    return envelop(data, time=copy.archived_at)


def _about(record: Record) -> dict[str, str]:
    return {"document": record.document, "office": record.office, "client": record.client}
