"""The projection: an event → updates of the document records that commute, and a record → the document.

Every update is made of `$max` and `$min` (whole subdocuments, whose first field decides), `$addToSet`, and `$set` of
what never differs between two tellings of the same event. So any order and any repetition gives the same record, and
the record is a function of the set of events. The one exception is `changed_at`, the database's clock at the last
write, which only says what to fetch again.

`owner` is set by the announcing event alone: a record without it (an event overtook that one) is shown to nobody, and
no other event can hand a document to somebody else. `personal` is all that erasure takes: `gone: true` is greater
than any `gone: false`, so it wins also over an announcement that comes after it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from contracts.envelope import Envelope
from contracts.registry import EVENTS
from contracts.values import ClientRef, DepositRef, Location, Person

from catalog import model
from contracts import events as e

Record = Mapping[str, Any]
Update = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """One upsert of one record, in MongoDB's update operators."""

    record: str
    update: Update


@dataclass(frozen=True)
class Numbered:
    """An event with its sequence in the stream; None for one that was not read from it."""

    event: Envelope
    sequence: int | None


def operations(numbered: Numbered) -> list[Operation]:
    """The updates an event makes; the order in which they are applied does not matter."""
    event = numbered.event
    updates = _BY_MODEL[type(event.data)](event)
    for update in updates.values():
        if numbered.sequence is not None:
            update.setdefault("$addToSet", {})["sequences"] = numbered.sequence
        update["$currentDate"] = {"changed_at": True}
    return [Operation(record, update) for record, update in updates.items()]


def merged(made: Iterable[Operation]) -> list[Operation]:
    """The same in fewer operations: one a record, but where a field is told of twice and not alike, for only the
    database compares as it does."""
    fewer: list[Operation] = []
    latest: dict[str, Update] = {}
    for one in made:
        into = latest.get(one.record)
        if into is None or _contradict(into, one.update):
            into = latest[one.record] = {}
            fewer.append(Operation(one.record, into))
        for operator, told in one.update.items():
            fields = into.setdefault(operator, {})
            if operator != "$addToSet":
                fields.update(told)
                continue
            for path, value in told.items():
                fields.setdefault(path, {"$each": []})["$each"].append(value)
    return fewer


def document_of(record: Record, passed_on: Mapping[str, Record] = MappingProxyType({})) -> model.Document:
    """The document a record tells of. `record` must have an owner; `passed_on`: see `replaced_by`."""
    personal = record["personal"]
    office, client = record["owner"].split("/")
    return model.Document(
        id=record["_id"],
        office=office,
        client=ClientRef(id=client, name=personal.get("client_name", client)),
        space=record["space"],
        folder=record["folder"],
        name=personal.get("name", ""),
        size=record["size"],
        content_type=record["content_type"],
        sha256=personal.get("sha256", ""),
        deposit=DepositRef.model_validate(record["deposit"]),
        depositor=Person.model_validate(personal["depositor"]) if "depositor" in personal else None,
        deposited_at=record["deposited_at"],
        location=Location.model_validate(record["location"]),
        receipt=personal.get("receipt"),
        replaces=record["replaces"],
        replaced_by=replaced_by(record, passed_on),
        archive=_archive(record),
        decision=_decision(record),
        trouble=_trouble(record),
        retained_until=record.get("retained", {}).get("until"),
        erased_at=record.get("erased_at"),
        history=tuple(_history(record)),
    )


def passed_on_by(record: Record) -> set[str]:
    """The documents that stood in this one's place until they were withdrawn: what replaces those stands there now."""
    gone = record.get("stood_down", ())
    return {each["document"] for each in _replacements(record) if each["document"] in gone}


def replaced_by(record: Record, passed_on: Mapping[str, Record]) -> str | None:
    """The last document that stands in this one's place, if any does.

    `passed_on` holds the records that `passed_on_by` names, and those that it names for these in turn.
    """
    standing, places, seen = [], [record], {record["_id"]}
    while places:
        place = places.pop()
        gone = passed_on_by(place)
        standing += [each for each in _replacements(place) if each["document"] not in gone]
        places += [passed_on[each] for each in gone - seen if each in passed_on]
        seen |= gone
    return max(standing, key=lambda each: (each["at"], each["document"]))["document"] if standing else None


def _contradict(one: Update, other: Update) -> bool:
    # No two operators ever tell of the same field.
    return any(
        one.get(operator, {}).get(path, value) != value
        for operator, told in other.items()
        if operator != "$addToSet"
        for path, value in told.items()
    )


def _announced(event: Envelope) -> dict[str, Update]:
    data: e.Announced = event.data
    facts = {
        "owner": model.owner(data.office, data.client.id),
        "space": data.space,
        "folder": data.folder,
        "size": data.size,
        "content_type": data.content_type,
        "deposit": data.deposit.model_dump(),
        "deposited_at": data.deposited_at,
        "location": data.location.model_dump(),
        "replaces": data.replaces,
    }
    personal = {
        "gone": False,
        "name": data.name,
        "words": model.words(data.name),
        "sha256": data.sha256,
        "client_name": data.client.name,
        "depositor": data.depositor.model_dump(),
        "receipt": data.receipt.model_dump(mode="json"),
    }
    announced = {data.document: {"$set": facts, **_noted(event, at=data.deposited_at)}}
    announced[data.document]["$max"] = {"personal": personal}
    if data.replaces and data.replaces != data.document:
        by = {"owner": facts["owner"], "at": data.deposited_at, "document": data.document}
        announced[data.replaces] = {"$addToSet": {"replaced": by}}
    return announced


def _archived(event: Envelope) -> dict[str, Update]:
    data: e.Archived = event.data
    archived = {"at": data.archived_at, "bucket": data.bucket, "key": data.key, "version_id": data.version_id}
    update = _noted(event, at=data.archived_at, sha256=data.sha256)
    update["$min"]["archived"] = archived
    return {data.document: update}


def _transfer_failed(event: Envelope) -> dict[str, Update]:
    data: e.TransferFailed = event.data
    update = _noted(event, at=event.time, code=data.code, given_up=not data.retrying)
    update["$max"] = {
        "trouble": {"attempt": data.attempt, "given_up": not data.retrying, "code": data.code, "since": data.since}
    }
    return {data.document: update}


def _decided(event: Envelope) -> dict[str, Update]:
    data: e.Decision = event.data
    extra: dict[str, Any] = {"by": data.by.model_dump()}
    if isinstance(data, e.Returned | e.Withdrawn) and data.reason:
        extra["reason"] = data.reason
    if isinstance(data, e.Withdrawn) and data.opened is not None:
        extra["opened"] = data.opened
    update = _noted(event, at=data.at, **extra)
    decision = {"revision": data.revision, "kind": event.name, "at": data.at, **extra}
    update["$max"] = {"decision": decision}
    decided = {data.document: update}
    if isinstance(data, e.Withdrawn) and data.replaces and data.replaces != data.document:
        decided[data.replaces] = {"$addToSet": {"stood_down": data.document}}
    return decided


def _retained(event: Envelope) -> dict[str, Update]:
    data: e.Retained = event.data
    update = _noted(event, at=event.time, until=data.until)
    update["$max"] = {"retained": {"until": data.until, "mode": data.mode}}
    return {data.document: update}


def _erased(event: Envelope) -> dict[str, Update]:
    data: e.Erased = event.data
    update = _noted(event, at=data.erased_at)
    update["$min"]["erased_at"] = data.erased_at
    update["$max"] = {"personal": {"gone": True, "name": ""}}
    return {data.document: update}


def _alerted(event: Envelope) -> dict[str, Update]:
    data: e.Alert = event.data
    extra = {"recipient": data.recipient, "role": data.role, "kind": data.kind}
    if isinstance(data, e.AlertFailed):
        extra["code"] = data.code
    return {document: _noted(event, at=data.at, **extra) for document in data.documents}


def _unfinished(event: Envelope) -> dict[str, Update]:
    # Never a document: only what erasing a client's events needs to find this one.
    data: e.Unfinished = event.data
    return {data.document: {"$set": {"never": model.owner(data.office, data.client)}}}


def _closed(event: Envelope) -> dict[str, Update]:
    # A deposit's id is its caller's choice, so the event's own id is the record's.
    data: e.DepositClosed = event.data
    return {event.id: {"$set": {"never": model.owner(data.office, data.client)}}}


def _noted(event: Envelope, *, at: Any, **facts: Any) -> Update:
    # Two tellings of one event have the same id, and may differ in their times: the earliest counts.
    return {"$min": {f"log.{event.id}": {"at": at, "event": event.name, **facts}}}


_BY_MODEL: Mapping[type, Callable[[Envelope], dict[str, Update]]] = {
    e.Deposited: _announced,
    e.Published: _announced,
    e.DepositClosed: _closed,
    e.RejectedUpload: _unfinished,
    e.Abandoned: _unfinished,
    e.Archived: _archived,
    e.TransferFailed: _transfer_failed,
    e.Taken: _decided,
    e.Returned: _decided,
    e.Withdrawn: _decided,
    e.Retained: _retained,
    e.Erased: _erased,
    e.Alerted: _alerted,
    e.AlertFailed: _alerted,
}
# What the projection listens to: the events it knows, so that a newer one is left to a newer catalog.
PROJECTED = tuple(event.name for event in EVENTS if event.model in _BY_MODEL)


def _archive(record: Record) -> model.Archive | None:
    found = record.get("archived")
    return model.Archive(found["at"], Location(bucket=found["bucket"], key=found["key"])) if found else None


def _decision(record: Record) -> model.Decision | None:
    found = record.get("decision")
    if found is None:
        return None
    by = Person.model_validate(found["by"])
    return model.Decision(found["kind"], found["revision"], found["at"], by, found.get("reason"))


def _trouble(record: Record) -> model.Trouble | None:
    found = record.get("trouble")
    if found is None or "archived" in record or "erased_at" in record:
        return None
    return model.Trouble(found["code"], found["since"], found["given_up"])


def _replacements(record: Record) -> list[Mapping[str, Any]]:
    # Anybody may name any document in `replaces`: only the owner's own word counts.
    return [each for each in record.get("replaced", ()) if each["owner"] == record["owner"]]


def _history(record: Record) -> Iterator[model.Happening]:
    entries = sorted(record.get("log", {}).items(), key=lambda item: (item[1]["at"], item[0]))
    for _, entry in entries:
        yield model.Happening(entry["event"], entry["at"], {k: v for k, v in entry.items() if k not in ("at", "event")})
