"""What the catalog tells the audit trail: who decided what, and to whom a document's bytes or receipt were given."""

import uuid
from datetime import datetime
from typing import Any, Literal

from chassis.auth import Identity
from chassis.owed import OwedEvent, owe
from contracts.audit import DecisionEntry, DownloadEntry, ReturnEntry, TakenEntry, ViewEntry, WithdrawalEntry
from contracts.envelope import Envelope, envelop

from catalog.model import Document
from contracts import events as e

Action = Literal["viewed", "downloaded"]
What = Literal["content", "archive", "receipt"]

_DECIDED: dict[type[Any], type[DecisionEntry]] = {
    e.Taken: TakenEntry,
    e.Returned: ReturnEntry,
    e.Withdrawn: WithdrawalEntry,
}


def decision(event: Envelope) -> Envelope:
    """The journal's entry of a decision, beside the event that tells of it."""
    data = event.data
    facts: dict[str, Any] = {"revision": data.revision, "event": event.id}
    if isinstance(data, e.Withdrawn):
        facts["opened"] = data.opened
    entry = _DECIDED[type(data)].model_validate(
        {"document": data.document, "office": data.office, "client": data.client}
        | {"actor": data.by.sub, "at": data.at}
        | facts
    )
    return envelop(entry, time=data.at)


def access(document: Document, action: Action, *, what: What, who: Identity, at: datetime) -> OwedEvent:
    """The journal's entry of a document given to somebody, owed by the record of `access_key`."""
    entry = (ViewEntry if action == "viewed" else DownloadEntry)(
        document=document.id,
        office=document.office,
        client=document.client.id,
        actor=who.sub,
        at=at,
        what=what,
        access=str(uuid.uuid4()),
    )
    key = f"{document.id}/{action}/{what}/{who.sub}"
    return owe(key, envelop(entry, time=at), now=at, awaits_successor=False)
