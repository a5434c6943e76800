"""Events about a few documents, for the catalog's suites."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.envelope import Envelope, envelop
from contracts.values import Person

from contracts import events as e

DAY = datetime(2026, 3, 26, 9, tzinfo=UTC)
OFFICE, CLIENT = "14", "earl-du-chene"
DEPOSITOR = Person(sub="earl-du-chene", name="EARL du Chêne")
ACCOUNTANT = Person(sub="jeanny-jerome", name="JEANNY JEROME")
SHA = "a" * 64


def document_id(number: int) -> str:
    """A document's id, the same for the same number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def at(minutes: float) -> datetime:
    """That many minutes into the day."""
    return DAY + timedelta(minutes=minutes)


def announced(number: int, **changes: Any) -> Envelope:
    """`deposited`, or `published` where the space says so."""
    document = document_id(number)
    facts: dict[str, Any] = {
        "document": document,
        "space": "deposits",
        "deposit": {"id": document_id(9000), "size": 2},
        "office": OFFICE,
        "client": {"id": CLIENT, "name": "EARL du Chêne"},
        "depositor": DEPOSITOR,
        "folder": "comptable",
        "name": f"facture_{number}.pdf",
        "size": 1000 + number,
        "content_type": "application/pdf",
        "sha256": SHA,
        "location": {"bucket": "staging", "key": document},
        "deposited_at": at(number),
        **changes,
    }
    facts["receipt"] = {
        **{key: facts[key] for key in ("document", "name", "size", "sha256", "depositor", "client")},
        "received_at": facts["deposited_at"],
        "kid": "k1",
        "signature": "e30..c2ln",
    }
    model = e.Published if facts["space"] == "published" else e.Deposited
    return envelop(model.model_validate(facts), time=facts["deposited_at"])


def archived(number: int, *, minutes: float = 60, client: str = CLIENT, office: str = OFFICE) -> Envelope:
    """The document lies in the GED."""
    document = document_id(number)
    data = e.Archived(
        **_of(number, client=client, office=office),
        space="deposits",
        bucket="ged",
        key=f"{office}/{client}/{document}",
        version_id="v1",
        sha256=SHA,
        archived_at=at(minutes),
    )
    return envelop(data, time=at(minutes))


def transfer_failed(number: int, *, attempt: int, retrying: bool, code: str = "store_unavailable") -> Envelope:
    """The move is in trouble."""
    data = e.TransferFailed(**_of(number), code=code, retrying=retrying, attempt=attempt, since=at(5))
    return envelop(data, time=at(5 + attempt))


def taken(number: int, *, revision: int) -> Envelope:
    """Taken in charge."""
    data = e.Taken(**_of(number), space="deposits", revision=revision, by=ACCOUNTANT, at=at(100 + revision))
    return envelop(data, time=data.at)


def returned(number: int, *, revision: int, reason: str = "illisible") -> Envelope:
    """Sent back."""
    data = e.Returned(
        **_of(number),
        space="deposits",
        revision=revision,
        by=ACCOUNTANT,
        at=at(100 + revision),
        folder="comptable",
        name=f"facture_{number}.pdf",
        depositor=DEPOSITOR,
        reason=reason,
    )
    return envelop(data, time=data.at)


def withdrawn(number: int, *, revision: int, replaces: str | None = None) -> Envelope:
    """Withdrawn by the depositor."""
    facts = {"revision": revision, "by": DEPOSITOR, "at": at(100 + revision), "replaces": replaces}
    data = e.Withdrawn(**_of(number), space="deposits", **facts)
    return envelop(data, time=data.at)


def retained(number: int) -> Envelope:
    """Locked in the GED."""
    return envelop(e.Retained(**_of(number), until=datetime(2037, 12, 31, tzinfo=UTC), mode="GOVERNANCE"), time=at(130))


def erased(number: int) -> Envelope:
    """No copy is left."""
    return envelop(e.Erased(**_of(number), erased_at=at(140)), time=at(140))


def alerted(*numbers: int, kind: str = "deposited", recipient: str = "jj", failed: bool = False) -> Envelope:
    """One mail about these documents."""
    facts: dict[str, Any] = {
        "office": OFFICE,
        "client": CLIENT,
        "space": "deposits",
        "folder": "comptable",
        "deposit": document_id(9000),
        "recipient": recipient,
        "role": "comptable",
        "kind": kind,
        "documents": [document_id(number) for number in numbers],
        "message_id": "<m@connect>",
        "at": at(10),
    }
    if failed:
        return envelop(e.AlertFailed.model_validate({**facts, "code": "recipient_refused"}), time=at(10))
    return envelop(e.Alerted.model_validate(facts), time=at(10))


def rejected(number: int) -> Envelope:
    """A file that never became a document."""
    data = e.RejectedUpload.model_validate({**_unfinished(number), "code": "empty", "reason": "Fichier vide."})
    return envelop(data, time=at(1))


def abandoned(number: int) -> Envelope:
    """An upload that was given up."""
    return envelop(e.Abandoned.model_validate({**_unfinished(number), "cause": "expired"}), time=at(1))


def closed(*numbers: int) -> Envelope:
    """The deposit is done."""
    facts = {**_unfinished(0), "deposit": document_id(9000), "documents": [document_id(each) for each in numbers]}
    return envelop(e.DepositClosed.model_validate(facts), time=at(2))


def _of(number: int, *, client: str = CLIENT, office: str = OFFICE) -> dict[str, str]:
    return {"document": document_id(number), "office": office, "client": client}


def _unfinished(number: int) -> dict[str, Any]:
    return {
        **_of(number),
        "space": "deposits",
        "deposit": {"id": document_id(9000), "size": 2},
        "depositor": DEPOSITOR,
        "folder": "comptable",
    }
