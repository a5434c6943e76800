"""Documents as the JSON API shows them. Times are RFC 3339 in UTC."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from catalog.chain import Link
from catalog.model import Document, Happening

Json = dict[str, Any]
# (office, client, contact id) → the contact's name, while they are in the directory.
NameOf = Callable[[str, str, str], str | None]
# A `sub` → the person's name, while they are in the directory.
PersonOf = Callable[[str], str | None]

_ALERTS = {"alerted": "sent", "alert_failed": "failed"}
_SERVICE = "/connect/"
# What every entry of one document's has in common, or is said otherwise.
_TOLD_APART = ("document", "office", "client", "actor")


def document_json(document: Document, *, name_of: NameOf) -> Json:
    """A document as lists show it."""
    decision = document.decision
    taken = decision if decision and decision.kind == "taken" else None
    returned = decision if decision and decision.kind == "returned" else None
    withdrawn = decision if decision and decision.kind == "withdrawn" else None
    trouble = document.trouble
    return {
        "id": document.id,
        "space": document.space,
        "client": {"id": document.client.id, "name": document.client.name},
        "folder": document.folder,
        "name": document.name,
        "size": document.size,
        "content_type": document.content_type,
        "sha256": document.sha256,
        "state": document.state,
        "revision": document.revision,
        "depositor": document.depositor.name if document.depositor else None,
        "deposited_at": time(document.deposited_at),
        "archived_at": time(document.archive.at) if document.archive else None,
        "taken_at": time(taken.at) if taken else None,
        "taken_by": taken.by.name if taken else None,
        "returned": {"reason": returned.reason, "by": returned.by.name, "at": time(returned.at)} if returned else None,
        "withdrawn": {"reason": withdrawn.reason, "at": time(withdrawn.at)} if withdrawn else None,
        "replaces": document.replaces,
        "replaced_by": document.replaced_by,
        "trouble": _trouble(trouble.code, trouble.since, trouble.given_up) if trouble else None,
        "deposit": document.deposit.model_dump(),
        "alerts": list(_alerts(document, name_of=name_of)),
    }


def timeline_json(document: Document) -> list[Json]:
    """What happened to a document, oldest first."""
    return [{"event": each.event, "at": time(each.at), **_told(document, each)} for each in document.history]


def entry_json(link: Link, *, person_of: PersonOf) -> Json:
    """An entry of the journal; `by` is a person, named while the directory knows them, or a service."""
    entry = {name: value for name, value in link.entry.items() if name not in _TOLD_APART}
    actor = link.entry["actor"]
    service = actor.startswith(_SERVICE)
    by = {"service": actor.removeprefix(_SERVICE)} if service else {"sub": actor, "name": person_of(actor)}
    return {"seq": link.seq, **entry, "by": by, "hash": link.hash}


def time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trouble(code: str, since: datetime, given_up: bool) -> Json:
    return {"code": code, "since": time(since), "given_up": given_up}


def _told(document: Document, happening: Happening) -> Json:
    facts = {key: time(value) if isinstance(value, datetime) else value for key, value in happening.facts.items()}
    if happening.event in ("deposited", "published") and document.depositor:
        facts["by"] = document.depositor.model_dump()
    return facts


def _alerts(document: Document, *, name_of: NameOf) -> Iterator[Json]:
    """The last word on each recipient and kind of mail."""
    latest: dict[tuple[str, str], Happening] = {}
    for each in document.history:
        if each.event in _ALERTS:
            latest[(each.facts["recipient"], each.facts["kind"])] = each
    for (recipient, kind), each in latest.items():
        yield {
            "to": name_of(document.office, document.client.id, recipient) or recipient,
            "role": each.facts["role"],
            "kind": kind,
            "state": _ALERTS[each.event],
            "at": time(each.at),
        }
