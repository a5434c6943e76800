"""What the platform holds of one client: looked up everywhere, changed nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import ged_mover.erasure
import notify.erasure
import upload.erasure
from catalog.erasure import Account
from catalog.generations import Generations
from catalog.model import Document
from catalog.projection import Numbered
from chassis.dead import STREAM as DEAD
from chassis.wake import STREAM as WAKE
from contracts.directory import Client
from contracts.envelope import MalformedEvent, decode
from contracts.streams import DOCUMENTS
from contracts.subjects import every_office, subject_of

from connect_ops.broker import Broker
from connect_ops.letters import Stored, Traces, data_of, documents_of, is_about_none_but
from connect_ops.places import Places

_ANNOUNCING = ("deposited", "published")


@dataclass(frozen=True)
class Holdings:
    """What there is at one moment.

    `kept` are the documents under retention, with its end (None: `taken` in charge, not locked yet); `locks` ends by
    document in the GED; `known` what the catalog's records tell. `messages` are those that go, by stream; `erased`
    the documents' last event, which stays; `last` the highest sequence of the client's events. `records` counts, by
    database and collection, what goes.
    """

    entry: bool
    subs: frozenset[str]
    documents: frozenset[str]
    kept: Mapping[str, datetime | None]
    taken: frozenset[str]
    locks: Mapping[str, datetime | None]
    known: Mapping[str, Document | None]
    messages: Mapping[str, frozenset[int]]
    erased: Mapping[str, Numbered]
    last: int
    records: Mapping[str, int]

    @property
    def going(self) -> frozenset[str]:
        """The documents that the law does not hold."""
        return self.documents.difference(self.kept)

    @property
    def is_empty(self) -> bool:
        """Nothing is known of such a client."""
        return not (self.entry or self.documents or any(self.messages.values()) or any(self.records.values()))


async def look_up(places: Places, *, office: str, client: str, subs: frozenset[str] = frozenset()) -> Holdings:
    """What there is of a client now; `subs` are people already known to be theirs. Raises Unavailable."""
    of = {"office": office, "client": client}
    account = Account(places.catalog, places.catalog_audit, office, client)
    known = await account.documents()
    raw = await places.broker.entry(office, client)
    entry = Client.model_validate_json(raw) if raw else None
    subs = subs.union(person.sub for person in entry.people) if entry else subs
    subs |= await upload.erasure.depositors(places.upload, **of)

    traces = Traces(office, client)
    subject = every_office("*").removesuffix("*") + office
    told = [each async for each in places.broker.read(DOCUMENTS.name, subject=subject) if traces.tell_of(each)]
    locks = await places.buckets.locks(office, client)
    documents = frozenset().union(
        (document for document, found in known.items() if found),
        locks,
        _announced(told, office),
        await upload.erasure.documents(places.upload, **of),
        await ged_mover.erasure.documents(places.ged_mover, **of),
    )
    taken = await _taken(account, documents, known)
    kept = _kept(documents, locks, taken)
    return Holdings(
        entry=raw is not None,
        subs=subs,
        documents=documents,
        kept=kept,
        taken=taken,
        locks=locks,
        known=known,
        messages={
            DOCUMENTS.name: frozenset(each.sequence for each in told if not _stays(each, office, kept)),
            **await _elsewhere(places.broker, Traces(office, client, documents, _words(entry)), kept),
        },
        erased=_erased(told, office, kept),
        last=max((each.sequence for each in told), default=0),
        records=await _records(places, account, documents, kept=kept, subs=subs),
    )


async def _taken(account: Account, documents: frozenset[str], known: Mapping[str, Document | None]) -> frozenset[str]:
    told = {each.id: each.decision.kind for each in known.values() if each and each.decision}
    decided = {**told, **await account.decided(documents)}
    return frozenset(document for document, kind in decided.items() if kind == "taken")


def _kept(
    documents: frozenset[str], locks: Mapping[str, datetime | None], taken: frozenset[str]
) -> dict[str, datetime | None]:
    now, kept = datetime.now(UTC), {}
    for document in documents:
        until = locks.get(document)
        if (until and until > now) or (until is None and document in taken):
            kept[document] = until
    return kept


def _stays(message: Stored, office: str, kept: Mapping[str, datetime | None]) -> bool:
    # Subscribers that come late are to learn that a document is erased; the event holds ids alone.
    return message.subject == subject_of("erased", office) or is_about_none_but(kept, message)


def _announced(told: list[Stored], office: str) -> frozenset[str]:
    subjects = [subject_of(event, office) for event in _ANNOUNCING]
    return frozenset().union(*(documents_of(data_of(each.payload) or {}) for each in told if each.subject in subjects))


def _erased(told: list[Stored], office: str, kept: Mapping[str, datetime | None]) -> dict[str, Numbered]:
    found: dict[str, Numbered] = {}
    for message in told:
        if message.subject == subject_of("erased", office):
            try:
                event = decode(message.payload, message.subject)
            except MalformedEvent:
                continue
            found[event.data.document] = Numbered(event, message.sequence)
    return {document: event for document, event in found.items() if document not in kept}


def _words(entry: Client | None) -> frozenset[str]:
    if entry is None:
        return frozenset()
    people = (each for person in entry.people for each in (person.name, person.email))
    return frozenset([entry.name, *people, *(each.email for each in entry.contacts)])


async def _elsewhere(broker: Broker, traces: Traces, kept: Mapping[str, datetime | None]) -> dict[str, frozenset[int]]:
    """Dead letters, and what was put off: a copy of an event, or a wake-up that names a document."""
    going = traces.documents.difference(kept)
    dead = [each async for each in broker.read(DEAD) if traces.tell_of(each)]
    put_off = [
        each
        async for each in broker.read_queue(WAKE)
        if traces.tell_of(each) or each.subject.rpartition(".")[2] in going
    ]
    return {
        DEAD: frozenset(each.sequence for each in dead if not is_about_none_but(kept, each)),
        WAKE: frozenset(each.sequence for each in put_off if not is_about_none_but(kept, each)),
    }


async def _records(
    places: Places,
    account: Account,
    documents: frozenset[str],
    *,
    kept: Mapping[str, datetime | None],
    subs: frozenset[str],
) -> dict[str, int]:
    of = {"office": account.office, "client": account.client}
    found = {
        "upload": await upload.erasure.holdings(places.upload, **of, subs=subs),
        "catalog": await account.holdings(documents, kept=kept, subs=subs),
        "notify": await notify.erasure.holdings(places.notify, **of),
        "ged_mover": await ged_mover.erasure.holdings(places.ged_mover, **of, kept=kept),
    }
    return {f"{service}.{name}": n for service, counts in found.items() for name, n in counts.items() if n}


async def generation_of(places: Places) -> int:
    """The catalog's generation that serves. Raises Unavailable."""
    return await Generations(places.catalog).read()
