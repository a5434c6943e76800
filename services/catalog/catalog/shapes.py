"""The shapes of the JSON API's answers, for its description alone: `views` makes them.

That they fit is shown by a test that compares what the service answers with what is described.
"""

from typing import Annotated, Any, Literal

from contracts.values import ClientId, ContactId, DepositRef, DocumentId, Receipt, Space
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from catalog.model import State

# Of an erased document nothing is left, and of one that an office has withdrawn its client is told nothing.
_Text = Annotated[str, Field(description="Empty where it is no longer told.")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Named(_Shape):
    """Something with a name for people."""

    id: str
    name: str


class Returned(_Shape):
    """Why a document was sent back."""

    reason: str | None
    by: str
    at: AwareDatetime


class WithdrawnInfo(_Shape):
    """That a document was withdrawn."""

    reason: str | None
    at: AwareDatetime


class TroubleInfo(_Shape):
    """A move that does not get on."""

    code: str
    since: AwareDatetime
    given_up: bool


class Alert(_Shape):
    """The last word on the mail to one recipient."""

    to: str
    role: str
    kind: str
    state: Literal["sent", "failed"]
    at: AwareDatetime


class DocumentSummary(_Shape):
    """A document as lists show it."""

    id: DocumentId
    space: Space
    client: Named
    folder: _Text
    name: _Text
    size: int
    content_type: _Text
    sha256: _Text
    state: State
    revision: int
    depositor: str | None
    deposited_at: AwareDatetime
    archived_at: AwareDatetime | None
    taken_at: AwareDatetime | None
    taken_by: str | None
    returned: Returned | None
    withdrawn: WithdrawnInfo | None
    replaces: DocumentId | None
    replaced_by: DocumentId | None
    trouble: TroubleInfo | None
    deposit: DepositRef
    alerts: list[Alert]


class Happened(BaseModel):
    """One event of a document's history, with what matters of it."""

    model_config = ConfigDict(extra="allow")

    event: str
    at: AwareDatetime


class DocumentDetail(DocumentSummary):
    """One document with its timeline."""

    timeline: list[Happened]
    opened_at: AwareDatetime | None = None


class DocumentPage(_Shape):
    """One page of a list; `next` is the cursor of the one after, `as_of` what to send as `changed_since` next time."""

    documents: list[DocumentSummary]
    next: str | None
    as_of: AwareDatetime


class FolderCount(_Shape):
    """How many documents a folder shows."""

    client: ClientId
    space: Space
    folder: str
    documents: int


class Counts(_Shape):
    """All folders that show any."""

    counts: list[FolderCount]


class ContactInfo(_Shape):
    """Somebody who can be alerted for an account."""

    id: ContactId
    name: str
    role: Literal["comptable", "conseil", "autre"]
    client: ClientId


class MeInfo(_Shape):
    """Who is signed in, until when."""

    sub: str
    name: str
    role: Literal["client", "collaborator", "admin"]
    office: Named
    clients: list[Named]
    expires_at: AwareDatetime


class By(BaseModel):
    """A person, named while the directory knows them, or a service."""

    model_config = ConfigDict(extra="forbid")

    service: str | None = None
    sub: str | None = None
    name: str | None = None


class AuditEntry(BaseModel):
    """An entry of the journal: who did what, when."""

    model_config = ConfigDict(extra="allow")

    seq: int
    action: str
    at: AwareDatetime
    by: By
    hash: str


class AuditTrail(_Shape):
    """All entries about one document, oldest first."""

    audit: list[AuditEntry]


class DeadLetter(_Shape):
    """A message that no retry could mend; `number` is the one by which operations know it."""

    number: int
    buried_at: AwareDatetime
    service: str
    event: str
    document: DocumentId | None
    code: str


class DeadLetters(_Shape):
    """Some of an office's, the oldest first; `next` is what to send as `after` for those that follow."""

    dead_letters: list[DeadLetter]
    next: int | None


class Proof(_Shape):
    """What `docs/proof/verify_proof.py` checks without this platform."""

    document: DocumentId
    receipt: Receipt
    archive: dict[str, Any] | None
    entries: list[dict[str, Any]]
    seals: list[dict[str, Any]]
