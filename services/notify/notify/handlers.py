"""What is done about an event: note it in its digest, and see to it that somebody looks at that in time."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chassis.logs import logger
from chassis.owed import OwedEvent
from contracts.envelope import Envelope
from contracts.events import Announced, DepositClosed, Erased, Returned, Taken, Unfinished, Withdrawn

from notify.alerts import alerts_of
from notify.model import Digest, Entry, Group, Kind
from notify.ports import Alarm, Digests, Heard

Clock = Callable[[], datetime]
Change = Callable[[Digest], Digest | None]
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fr.cerfrance.connect:returns")
# Of what is older nobody is told: that they were told is kept for a year, so a stream that is read again from its
# beginning would have everything before that mailed once more.
_STALE_AFTER = timedelta(days=330)


async def note_event(event: Envelope, *, digests: Digests, alarm: Alarm, clock: Clock) -> Sequence[Envelope]:
    """Note an event, in any order and any number of times, and set the wake-up of its digest.

    Returns the alerts already given about its document: whoever publishes an event again missed them. Raises
    Unavailable.
    """
    if clock() - event.time > _STALE_AFTER:
        logger().warning("event_too_old", event_name=event.name, **event.ids)
        return ()
    if isinstance(event.data, Withdrawn | Erased):
        gone = event.data.document
        waiting = await digests.note_withdrawn(gone, now=clock())
        await _leave_out(gone, waiting, digests=digests, alarm=alarm, clock=clock)
        return ()
    if answered := answered_by(event.data):
        waiting = await digests.note_answered(answered, now=clock())
        await _leave_out(answered, waiting, digests=digests, alarm=alarm, clock=clock)
    if isinstance(event.data, Taken):
        return ()
    digest = await _note(event.data, digests, clock())
    await see_to(digest, digests=digests, alarm=alarm)
    document = getattr(event.data, "document", None)
    return alerts_of(digest, document) if document else ()


async def see_to(digest: Digest, *, digests: Digests, alarm: Alarm) -> None:
    """Set the wake-up of a digest, in its record and on the bus. Raises Unavailable."""
    if digest.next_at != digest.wake_at:
        # When somebody else has changed it since, they see to it.
        await digests.save(digest)
    if digest.next_at is not None:
        await alarm.set(f"digest.{digest.id}", digest.next_at)


async def change(
    digest_id: str, how: Change, *, digests: Digests, known: Digest | None = None, owing: Sequence[OwedEvent] = ()
) -> Digest | None:
    """Change the record as it is now, again when somebody else changed it in between; returns it as it is then. None
    when there was nothing to change. `known` is the record as it was a moment ago. Raises Unavailable."""
    digest = known or await digests.load(digest_id)
    while digest:
        changed = how(digest)
        if changed is None:
            return None
        if kept := await keep(changed, digests=digests, owing=owing):
            return kept
        digest = await digests.load(digest_id)
    return None


async def keep(changed: Digest, *, digests: Digests, owing: Sequence[OwedEvent] = ()) -> Digest | None:
    """Save a changed record; returns it as it is then, None when somebody else changed it in between. Raises
    Unavailable."""
    if not await digests.save(changed, owing=owing):
        return None
    return replace(changed, revision=changed.revision + 1, wake_at=changed.next_at)


async def gone_among(documents: Collection[str], kind: Kind, *, digests: Digests) -> frozenset[str]:
    """Those of them that a digest of this kind tells nobody of any more, as far as was noted. Raises Unavailable."""
    withdrawn = await digests.withdrawn_among(documents)
    return withdrawn | await digests.answered_among(documents) if kind == "returned" else withdrawn


async def _leave_out(document: str, waiting: Sequence[str], *, digests: Digests, alarm: Alarm, clock: Clock) -> None:
    """Leave a document out of every mail of these digests that is not sent yet, and forget its name."""
    for digest_id in waiting:
        left = await change(digest_id, lambda digest: digest.without({document}, now=clock()), digests=digests)
        if left:
            await see_to(left, digests=digests, alarm=alarm)


def answered_by(data: object) -> str | None:
    """The returned document that nobody is to be asked for any more, as it was taken in charge or replaced.

    Its return came before, whichever is heard first, so the two need not be compared: `taken` is final, a document is
    returned but once, and only a returned one can be replaced. What was taken by its first decision was not returned.
    When what replaced it is withdrawn it is to be replaced again: whoever replaced it knows, and is not asked.
    """
    match data:
        case Taken(document=answered, revision=revision) if revision > 1:
            return str(answered)
        case Announced(replaces=answered):
            return answered
    return None


def group_of(data: object) -> Group | None:
    """The digest that an event belongs to, None for what tells nobody of anything."""
    match data:
        case Announced():
            return _group(data, data.client.id, data.deposit.id)
        case Returned():
            return _returns(data)
        case Unfinished():
            return _group(data, data.client, data.deposit.id)
        case DepositClosed():
            return _group(data, data.client, data.deposit)
    return None


async def _note(data: object, digests: Digests, now: datetime) -> Digest:
    group = group_of(data)
    match data:
        case Announced() if group:
            return await _wait(group, _announced(data, now), digests, now)
        case Returned() if group:
            return await _wait(group, _returned(data, now), digests, now)
        case Unfinished() if group:
            return await digests.add_unfinished(group, data.document, size=data.deposit.size)
        case DepositClosed() if group:
            return await digests.close(group, data.documents)
    raise TypeError(f"no digest is made of {type(data).__name__}")


async def _wait(group: Group, heard: Heard, digests: Digests, now: datetime) -> Digest:
    """Let a document wait in its digest. One that nobody is to be told of only counts: its names are not noted."""
    if await gone_among([heard.document], group.kind, digests=digests):
        return await digests.add_unfinished(group, heard.document, size=heard.size)
    return await digests.add_document(group, heard, now=now)


def _group(data: Announced | Unfinished | DepositClosed, client: str, deposit: str) -> Group:
    kind: Kind = "published" if data.space == "published" else "deposited"
    return Group(kind, data.office, client, data.space, data.folder, data.depositor.sub, deposit)


def _returns(data: Returned) -> Group:
    # What one collaborator sends back to one client in a day belongs together, as a deposit's documents do.
    day = f"{data.office}/{data.client}/{data.by.sub}/{data.at.astimezone(UTC).date().isoformat()}"
    deposit = str(uuid.uuid5(_NAMESPACE, day))
    return Group("returned", data.office, data.client, data.space, data.folder, data.by.sub, deposit)


def _announced(data: Announced, now: datetime) -> Heard:
    return Heard(
        document=data.document,
        entry=Entry(data.name, data.deposited_at, data.alert, heard_at=now),
        client_name=data.client.name,
        person_name=data.depositor.name,
        size=data.deposit.size,
    )


def _returned(data: Returned, now: datetime) -> Heard:
    return Heard(
        document=data.document,
        entry=Entry(data.name, data.at, reason=data.reason, heard_at=now),
        client_name=None,
        person_name=data.by.name,
        size=None,
    )
