"""The list of all events: name on the wire, model, what its id is made of, who publishes it.

Names and versions are literals for good: a change that breaks a reader is a new version beside the old.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from contracts import audit as a
from contracts import events as e
from contracts.subjects import AUDIT_ROOT, ROOT, subject_of


@dataclass(frozen=True)
class EventType:
    """One event. `about` gives the id of the document (or deposit) it is about; `occurrence` tells repeated
    happenings to the same document apart, so that each has an id of its own.

    Both are for good: the id is the stream's and every reader's key against duplicates, so an occurrence that is too
    coarse loses an event, and one that changes on a retry doubles it. Their docstrings are what subscribers are told.
    `root` begins the subjects it travels on.
    """

    name: str
    version: int
    model: type[BaseModel]
    source: str
    about: Callable[[Any], str]
    occurrence: Callable[[Any], str]
    root: str = ROOT

    @property
    def key(self) -> str:
        """The name among all events: what is audited has the name of what happened, and is another event."""
        return f"audit_{self.name}" if self.root == AUDIT_ROOT else self.name

    @property
    def type(self) -> str:
        """The CloudEvents `type`."""
        family = "audit" if self.root == AUDIT_ROOT else "document"
        return f"fr.cerfrance.connect.{family}.{self.name}.v{self.version}"

    @property
    def made_of(self) -> str:
        """What its id is made of, in words."""
        return ", ".join(filter(None, (self.about.__doc__, self.occurrence.__doc__)))

    def topic(self, office: str) -> str:
        """The subject it travels on for an office."""
        return subject_of(self.name, office, root=self.root)


def _document(data: Any) -> str:
    """document"""
    return str(data.document)


def _deposit(data: Any) -> str:
    """deposit"""
    return str(data.deposit)


def _closing(data: e.DepositClosed) -> str:
    """office, client, depositor, space, folder"""
    # A deposit's id is chosen by its caller, so two callers may choose the same.
    return f"{data.office}/{data.client}/{data.depositor.sub}/{data.space}/{data.folder}"


def _once(_: Any) -> str:
    return ""


def _revision(data: Any) -> str:
    """revision"""
    return str(data.revision)


def _attempt(data: Any) -> str:
    """attempt, whether given up"""
    return f"{data.attempt}{'' if data.retrying else '-final'}"


def _mail(data: e.Alert) -> str:
    """kind, recipient, first document"""
    # The contact alone is too coarse: a document that comes after its deposit's mail goes in a further mail, a returned
    # one in a mail of its own, and more than 500 documents need several events a mail. A document is told to a
    # recipient once a kind, so the first one names the mail.
    return f"{data.kind}:{data.recipient}:{data.documents[0]}"


def _access(data: a.AccessEntry) -> str:
    """access"""
    return str(data.access)


def _seal(data: a.Sealed) -> str:
    """number"""
    return str(data.number)


def _office(data: Any) -> str:
    """office"""
    return str(data.office)


EVENTS: tuple[EventType, ...] = (
    EventType("deposited", 1, e.Deposited, "/connect/upload", _document, _once),
    EventType("published", 1, e.Published, "/connect/upload", _document, _once),
    EventType("deposit_closed", 1, e.DepositClosed, "/connect/upload", _deposit, _closing),
    EventType("rejected", 1, e.RejectedUpload, "/connect/upload", _document, _once),
    EventType("abandoned", 1, e.Abandoned, "/connect/upload", _document, _once),
    EventType("archived", 1, e.Archived, "/connect/ged-mover", _document, _once),
    EventType("transfer_failed", 1, e.TransferFailed, "/connect/ged-mover", _document, _attempt),
    EventType("retained", 1, e.Retained, "/connect/ged-mover", _document, _once),
    EventType("erased", 1, e.Erased, "/connect/ged-mover", _document, _once),
    EventType("taken", 1, e.Taken, "/connect/catalog", _document, _revision),
    EventType("returned", 1, e.Returned, "/connect/catalog", _document, _revision),
    EventType("withdrawn", 1, e.Withdrawn, "/connect/catalog", _document, _revision),
    EventType("alerted", 1, e.Alerted, "/connect/notify", _deposit, _mail),
    EventType("alert_failed", 1, e.AlertFailed, "/connect/notify", _deposit, _mail),
)

# The audit trail's: what its journal holds, and its seals.
JOURNALED: tuple[EventType, ...] = (
    EventType("deposited", 1, a.DepositEntry, "/connect/upload", _document, _once, AUDIT_ROOT),
    EventType("published", 1, a.PublicationEntry, "/connect/upload", _document, _once, AUDIT_ROOT),
    EventType("archived", 1, a.ArchivalEntry, "/connect/ged-mover", _document, _once, AUDIT_ROOT),
    EventType("viewed", 1, a.ViewEntry, "/connect/catalog", _document, _access, AUDIT_ROOT),
    EventType("downloaded", 1, a.DownloadEntry, "/connect/catalog", _document, _access, AUDIT_ROOT),
    EventType("taken", 1, a.TakenEntry, "/connect/catalog", _document, _revision, AUDIT_ROOT),
    EventType("returned", 1, a.ReturnEntry, "/connect/catalog", _document, _revision, AUDIT_ROOT),
    EventType("withdrawn", 1, a.WithdrawalEntry, "/connect/catalog", _document, _revision, AUDIT_ROOT),
)
SEALED = EventType("sealed", 1, a.Sealed, "/connect/catalog", _seal, _office, AUDIT_ROOT)
AUDIT_EVENTS = (*JOURNALED, SEALED)
ALL_EVENTS = (*EVENTS, *AUDIT_EVENTS)

BY_TYPE = {event.type: event for event in ALL_EVENTS}
BY_MODEL = {event.model: event for event in ALL_EVENTS}
BY_NAME = {event.key: event for event in ALL_EVENTS}
