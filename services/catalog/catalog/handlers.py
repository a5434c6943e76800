"""The use cases: what an event changes, and what a person has done to a document."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from chassis.auth import Identity
from chassis.errors import Unavailable
from chassis.owed import OwedEvent, owe
from contracts.envelope import Envelope, envelop
from contracts.subjects import subject_of
from contracts.values import Person

from catalog import journal, ports
from catalog.errors import Conflict, Invalid, NotFound, TooSoon
from catalog.model import Decision, DecisionKind, Document, check_allowed
from catalog.projection import Numbered
from catalog.rights import Rights, Verb
from catalog.troubles import difficulty_of
from contracts import events as e

RETRY_COOLDOWN = 60
# A viewer fetches what it looks at piece by piece: so long after it began, a piece belongs to the same view.
ONE_ACCESS = timedelta(hours=1)
# Another replica may decide at the same moment, then the rules are asked again; more than a few is no coincidence.
_ATTEMPTS = 5
_VERBS: dict[DecisionKind, Verb] = {"taken": "take", "returned": "return", "withdrawn": "withdraw"}

Announce = Callable[[Sequence[OwedEvent]], Awaitable[None]]


async def record_event(
    message: tuple[Envelope, int], *, projection: ports.Projection, decisions: ports.Decisions, hints: ports.Hints
) -> Sequence[Envelope]:
    """Bring the document records up to an event (with its sequence), and hint at it. Causes no events."""
    for document in await projection.apply(Numbered(*message)):
        await hints.send(document)
    match message[0].data:
        # Of its return no mail goes out any more. It is settled here, as every deposit is heard here anyway.
        case e.Announced(replaces=str(replaced), office=office):
            await decisions.settle([replaced], topics=[subject_of("returned", office)])
    return ()


async def settle_decision(event: Envelope, *, decisions: ports.Decisions) -> Sequence[Envelope]:
    """Strike the decisions whose effect an event tells of. Causes no events.

    `retained` follows `taken`, the client’s mail `returned`, and each may overtake the other’s event. Of what was taken
    after its return no mail goes out any more: the return is settled once the stream tells of both.
    `erased` follows `withdrawn`: after it no decision owes anything any more.
    """
    match event.data:
        case e.Retained(document=document, office=office):
            await decisions.settle([document], topics=[subject_of("taken", office)])
            await decisions.settle([document], topics=[subject_of("returned", office)], published=True)
        case e.Returned(document=document, office=office):
            holds = await decisions.of(document)
            if holds and holds.kind == "taken":
                await decisions.settle([document], topics=[subject_of("returned", office)])
        case e.Erased():
            await decisions.settle([event.data.document])
        case e.Alerted(kind="returned") | e.AlertFailed(kind="returned"):
            await decisions.settle(event.data.documents, topics=[subject_of("returned", event.data.office)])
    return ()


@dataclass(frozen=True)
class Desk:
    """What the commands on a document need."""

    rights: Rights
    documents: ports.Documents
    decisions: ports.Decisions
    projection: ports.Projection
    marks: ports.Marks
    accesses: ports.Accesses
    waker: ports.Waker
    hints: ports.Hints
    announce: Announce
    clock: ports.Clock


async def find(document: str, *, who: Identity, desk: Desk) -> Document:
    """A document as this person may see it, with the decision that holds, also where its event is still on the way.
    Raises NotFound."""
    found = desk.rights.check_sees(who, await desk.documents.get(document))
    return desk.rights.shown(who, _with(found, await desk.decisions.of(document)))


async def find_all(documents: Sequence[str], *, who: Identity, desk: Desk) -> Sequence[Document]:
    """The same of several, in any order. Raises NotFound where one of them is not theirs to see."""
    wanted = set(documents)
    found = [desk.rights.check_sees(who, each) for each in await desk.documents.several(list(wanted))]
    if len(found) != len(wanted):
        raise NotFound
    decided = await desk.decisions.among(list(wanted))
    return [desk.rights.shown(who, _with(each, decided.get(each.id))) for each in found]


async def decide(
    document: str, kind: DecisionKind, *, who: Identity, desk: Desk, reason: str | None = None
) -> Document:
    """Take, return or withdraw a document; returns it as it is then.

    The decision and the event it owes are one write, on which the answer depends; the records are brought up to it
    at once, so that the decider's next list shows it. Deciding the same again changes nothing, but for records that
    have not heard of it yet. Raises NotFound, Forbidden, Conflict, Invalid.
    """
    found = await find(document, who=who, desk=desk)
    desk.rights.check_may(who, _VERBS[kind], found)
    _check_reason(kind, reason, found)
    for _ in range(_ATTEMPTS):
        known = await desk.decisions.of(document)
        current = _with(found, known)
        if current.decision and (current.decision.kind, current.decision.by.sub) == (kind, who.sub):
            recorded = await desk.documents.get(document)
            if recorded and recorded.revision == current.revision:
                return current
            return await _shown(await _event(current, current.decision, desk=desk), desk=desk, owing=())
        check_allowed(kind, current)
        by = Person(sub=who.sub, name=who.name)
        decision = Decision(kind, current.revision + 1, desk.clock(), by, reason)
        event = await _event(current, decision, desk=desk)
        entry = owe(document, journal.decision(event), now=decision.at, awaits_successor=False)
        owing = [owe(document, event, now=decision.at), entry]
        if await desk.decisions.save(document, decision, over=known.revision if known else 0, owing=owing):
            return await _shown(event, desk=desk, owing=owing)
    raise Conflict("decided_meanwhile", "Une autre décision vient d’être prise. Actualisez la page.")


async def retry_move(document: str, *, who: Identity, desk: Desk) -> Document:
    """Have a move in trouble looked at now, once a minute. Raises NotFound, Conflict (also where its bytes are lost, so
    that no try can help), TooSoon, Unavailable."""
    found = await find(document, who=who, desk=desk)
    desk.rights.check_may(who, "retry", found)
    if found.state != "deposited" or found.trouble is None:
        raise Conflict("not_in_trouble", "La sécurisation de ce document suit son cours.")
    difficulty = difficulty_of(found, by_client=who.role == "client", retry_in=0)
    if difficulty and not difficulty.retryable:
        raise Conflict("bytes_lost", f"{difficulty.text} {difficulty.advice}")
    if not await desk.marks.claim_retry(document, now=desk.clock(), cooldown=RETRY_COOLDOWN):
        wait = await retry_wait(document, desk=desk)
        raise TooSoon("retry_too_soon", "Un nouvel essai est déjà en cours.", retry_after=max(1, ceil(wait)))
    try:
        await desk.waker.wake_move(document)
    except Unavailable:
        await desk.marks.release_retry(document)
        raise
    return found


async def retry_wait(document: str, *, desk: Desk) -> float:
    """Seconds until a move in trouble may be woken again; 0 for now."""
    last = await desk.marks.retried_at(document)
    return max(0.0, RETRY_COOLDOWN - (desk.clock() - last).total_seconds()) if last else 0.0


async def note_opened(document: Document, *, who: Identity, desk: Desk) -> None:
    """Note that a client has read what was published to them, and hint at it the first time: its office watches."""
    if document.space != "published" or who.role != "client":
        return
    if await desk.marks.note_opened(document.id, by=Person(sub=who.sub, name=who.name), at=desk.clock()):
        await desk.hints.send(document)


async def note_access(
    document: Document,
    action: journal.Action,
    *,
    what: journal.What,
    who: Identity,
    desk: Desk,
    continues: bool = False,
) -> None:
    """Owe the journal that somebody is given a document; to be awaited before they are. Raises Unavailable.

    What `continues` (a request for a range of the bytes) makes no entry within an hour of the one that began the
    same access: same document, same person, same way. Everything else is an access of its own. Nobody waits for the
    publication: the sweeper sees to it.
    """
    now = desk.clock()
    entry = journal.access(document, action, what=what, who=who, at=now)
    await desk.accesses.note(entry, unless_since=now - ONE_ACCESS if continues else None)


def _check_reason(kind: DecisionKind, reason: str | None, document: Document) -> None:
    needed = kind == "returned" or (kind == "withdrawn" and document.space == "published")
    if needed and not reason:
        raise Invalid("reason_required", "Indiquez un motif.")


def _with(document: Document, decision: Decision | None) -> Document:
    """The document under the later of the decision its events tell of and the one on record."""
    if decision is None or decision.revision <= document.revision:
        return document
    return replace(document, decision=decision)


async def _shown(event: Envelope, *, desk: Desk, owing: Sequence[OwedEvent]) -> Document:
    shown = await desk.projection.apply(Numbered(event, sequence=None))
    await desk.announce(owing)
    return next(each for each in shown if each.id == event.data.document)


async def _event(document: Document, decision: Decision, *, desk: Desk) -> Envelope:
    common = {
        "document": document.id,
        "office": document.office,
        "client": document.client.id,
        "space": document.space,
        "revision": decision.revision,
        "by": decision.by,
        "at": decision.at,
        "reason": decision.reason,
    }
    data: e.Decision
    if decision.kind == "taken":
        data = e.Taken.model_validate(common)
    elif decision.kind == "returned":
        told = {"folder": document.folder, "name": document.name, "depositor": document.depositor}
        data = e.Returned.model_validate({**common, **told})
    else:
        published = document.space == "published"
        opened = await desk.marks.opened_at(document.id) is not None if published else None
        data = e.Withdrawn.model_validate({**common, "opened": opened, "replaces": document.replaces})
    return envelop(data, time=decision.at)
