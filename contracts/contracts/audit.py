"""The audit trail: who did what to which document, as it is written into the journal, and the journal's seals.

Entries hold ids and digests that tell nothing by themselves, no names: so erasing a document, or a person from the
directory, leaves the journal whole and telling nothing of them. `actor` is the sign-in provider's `sub`, or the service
that acted, such as `/connect/ged-mover`.
"""

import hashlib
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.canonical import canonical
from contracts.events import Revision
from contracts.values import ClientId, DocumentId, Location, OfficeId, Sha256, Sub, UtcDatetime, Value

EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Entry(Value):
    """Something that somebody did to a document."""

    document: DocumentId
    office: OfficeId
    client: ClientId
    actor: Sub
    at: UtcDatetime


class ReceivedEntry(Entry):
    """A document was received. `evidence` is the SHA-256 of its receipt's signature, `event` what tells of it."""

    evidence: Sha256
    event: EventId


class DepositEntry(ReceivedEntry):
    """A client deposited a document."""


class PublicationEntry(ReceivedEntry):
    """A collaborator made a document available to a client."""


class ArchivalEntry(Entry):
    """The document lies in the GED. `version` is the stored object's; `evidence` see `archive_evidence`."""

    version: Annotated[str, StringConstraints(max_length=1024)]
    evidence: Sha256


class AccessEntry(Entry):
    """A document, or its receipt, was given to somebody; alone or in an archive of several. `access` tells one from the
    next."""

    what: Literal["content", "archive", "receipt"]
    access: EventId


class ViewEntry(AccessEntry):
    """Somebody looked at a document or its receipt."""


class DownloadEntry(AccessEntry):
    """Somebody downloaded a document, alone or in an archive of several, or its receipt."""


class DecisionEntry(Entry):
    """A decision, numbered as the event that tells of it."""

    revision: Revision
    event: EventId


class TakenEntry(DecisionEntry):
    """A collaborator took the document in charge."""


class ReturnEntry(DecisionEntry):
    """A collaborator sent the document back."""


class WithdrawalEntry(DecisionEntry):
    """The document was withdrawn. `opened` tells, of a published one, whether its client had opened it."""

    opened: bool | None = None


class Seal(Value):
    """The journal's entries `first` to `last`, closed. `root` is their Merkle root (RFC 6962), `previous` the SHA-256
    of the last seal (64 zeros before the first).

    `signature` is a compact JWS (Ed25519) whose payload is the other fields as canonical JSON; `kid` names the key.
    """

    number: Annotated[int, Field(ge=1)]
    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    root: Sha256
    previous: Sha256
    at: UtcDatetime
    kid: str
    signature: str


class Sealed(Seal):
    """The journal was closed: told once to each office, so that a copy of the seal lies outside."""

    office: OfficeId


def receipt_evidence(signature: str) -> str:
    """What ties a receipt to the journal. A signature can't be guessed, so this tells nothing of the document."""
    return hashlib.sha256(signature.encode()).hexdigest()


def archive_evidence(document: str, place: Location, *, version: str, sha256: str) -> str:
    """What ties the archived copy to the journal."""
    record = {"document": document, "bucket": place.bucket, "key": place.key, "version": version, "sha256": sha256}
    return hashlib.sha256(canonical(record)).hexdigest()


def seal_digest(seal: Seal) -> str:
    """A seal's SHA-256, whoever was told of it: what the next one follows, and what tells two of one number apart."""
    return hashlib.sha256(canonical(seal.model_dump(mode="json", exclude={"office"}))).hexdigest()
