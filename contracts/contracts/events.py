"""One model an event: the `data` of its envelope.

Every event names its `office` and `client`: they decide who may hear of it. Events about one document name it in
`document`. Times are RFC 3339 in UTC, sizes are bytes.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.values import (
    ClientId,
    ClientRef,
    Code,
    ContactId,
    DepositId,
    DepositRef,
    DocumentId,
    Folder,
    Location,
    Name,
    OfficeId,
    Person,
    Reason,
    Receipt,
    Sha256,
    Space,
    UtcDatetime,
    Value,
)

Revision = Annotated[int, Field(ge=1, description="Numbers the catalog's decisions on a document; the highest wins.")]


class Announced(Value):
    """A document that was received whole, checked and stored."""

    document: DocumentId
    space: Space
    deposit: DepositRef
    office: OfficeId
    client: ClientRef
    depositor: Person
    folder: Folder
    name: Name
    size: Annotated[int, Field(ge=1)]
    content_type: Annotated[str, Field(min_length=3, max_length=127)]
    sha256: Sha256
    alert: tuple[ContactId, ...] = ()
    replaces: DocumentId | None = None
    location: Location
    receipt: Receipt
    deposited_at: UtcDatetime


class Deposited(Announced):
    """A client deposited a document for their accountant or adviser."""

    space: Literal["deposits"]
    folder: Literal["comptable", "conseil"]


class Published(Announced):
    """An office made a document available to a client."""

    space: Literal["published"]


class DepositClosed(Value):
    """The client is done with a deposit: these documents and no more."""

    deposit: DepositId
    office: OfficeId
    client: ClientId
    depositor: Person
    space: Space
    folder: Folder
    documents: tuple[DocumentId, ...]


class Unfinished(Value):
    """A file that never became a document. `deposit` tells whoever counts a deposit's files."""

    document: DocumentId
    space: Space
    deposit: DepositRef
    office: OfficeId
    client: ClientId
    depositor: Person
    folder: Folder


class RejectedUpload(Unfinished):
    """The file was refused; its bytes are removed. `code` is stable, `reason` is French and free of personal data."""

    code: Code
    reason: Reason


class Abandoned(Unfinished):
    """The upload was cancelled by the client or expired."""

    cause: Literal["cancelled", "expired"]


class OfDocument(Value):
    """Something that happened to a document."""

    document: DocumentId
    office: OfficeId
    client: ClientId


class Archived(OfDocument):
    """The document lies in the GED, and its bytes were checked there."""

    space: Space
    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    key: Annotated[str, Field(min_length=1, max_length=1024)]
    version_id: str
    sha256: Sha256
    archived_at: UtcDatetime


class TransferFailed(OfDocument):
    """The move into the GED is in trouble (`retrying`), or was given up."""

    code: Code
    retrying: bool
    attempt: Annotated[int, Field(ge=1)]
    since: UtcDatetime


class Decision(OfDocument):
    """A decision of the catalog, numbered."""

    space: Space
    revision: Revision
    by: Person
    at: UtcDatetime


class Taken(Decision):
    """A collaborator took the document in charge. Final."""


class Returned(Decision):
    """A collaborator sent the document back: illegible, a page missing… The client may deposit another in its place."""

    folder: Folder
    name: Name
    depositor: Person
    reason: Reason


class Withdrawn(Decision):
    """The document was withdrawn; every copy is to be erased. A publishing office says why.

    `replaces` is the returned document this one stood in for, which is to be replaced again.
    """

    reason: Reason | None = None
    opened: bool | None = None
    replaces: DocumentId | None = None


class Retained(OfDocument):
    """The archived document is locked in the GED until `until`."""

    until: UtcDatetime
    mode: Literal["GOVERNANCE", "COMPLIANCE"]


class Erased(OfDocument):
    """No copy is left in staging or the GED. Subscribers erase theirs."""

    erased_at: UtcDatetime


class Alert(Value):
    """One mail to one recipient about up to 500 documents (a longer mail is told of in several events).

    `recipient` is the contact's id, the office's inbox as `inbox`, or one of the client's people as
    `directory.recipient_id` names them. No address travels.
    """

    office: OfficeId
    client: ClientId
    space: Space
    folder: Folder
    deposit: DepositId
    recipient: ContactId
    role: Literal["comptable", "conseil", "autre", "client", "inbox"]
    kind: Literal["deposited", "published", "returned"]
    documents: Annotated[tuple[DocumentId, ...], Field(min_length=1, max_length=500)]
    message_id: str
    at: UtcDatetime


class Alerted(Alert):
    """The mail server accepted the mail."""


class AlertFailed(Alert):
    """The recipient's mail server refused the mail for good."""

    code: Code
