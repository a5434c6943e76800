"""What the handlers need of the outside."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chassis.owed import OwedEvent

from notify.model import Digest, Entry, Group


@dataclass(frozen=True)
class Heard:
    """A document of a digest, with what its event told of the whole."""

    document: str
    entry: Entry
    client_name: str | None
    person_name: str
    size: int | None


class Digests(Protocol):
    """The records. Every method raises Unavailable when the database cannot be reached."""

    async def add_document(self, group: Group, heard: Heard, *, now: datetime) -> Digest:
        """Let a document wait in its digest, unless it is known there. Atomic, idempotent; returns the record."""

    async def add_unfinished(self, group: Group, document: str, *, size: int | None) -> Digest:
        """Note a file that is no document, or none any more. Atomic, idempotent; returns the record."""

    async def close(self, group: Group, documents: Sequence[str]) -> Digest:
        """Note which documents the deposit has. Atomic, idempotent; returns the record."""

    async def note_withdrawn(self, document: str, *, now: datetime) -> Sequence[str]:
        """Note, for good, that a document was withdrawn; returns the ids of the digests that are yet to tell somebody
        of it. Idempotent."""

    async def withdrawn_among(self, documents: Collection[str]) -> frozenset[str]:
        """Those of them that were withdrawn, as far as was noted."""

    async def note_answered(self, document: str, *, now: datetime) -> Sequence[str]:
        """Note, for good, that nobody is to be asked for a returned document any more: it was taken in charge, or
        replaced; returns the ids of the digests that are yet to ask for it. Idempotent."""

    async def answered_among(self, documents: Collection[str]) -> frozenset[str]:
        """Those of them that nobody is to be asked for, as far as was noted."""

    async def load(self, digest: str) -> Digest | None:
        """The record of this id."""

    async def save(self, digest: Digest, *, owing: Sequence[OwedEvent] = ()) -> bool:
        """Write what waits, what was withdrawn, the parts, the mails, when to look again, and what is owed, in one
        write.

        False, with nothing written, when the record is no longer at `digest.revision`.
        """

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[str]:
        """Claim the wake-up of records that nobody has woken in time: each is given to one caller, and again only
        after a while that grows with how overdue it is."""

    async def oldest_due(self) -> datetime | None:
        """Since when the most overdue record has had something to do."""

    async def oldest_deferred(self) -> datetime | None:
        """Since when the mail that has been put off for the longest has been."""


class SealMarks(Protocol):
    """Which seals of the audit trail were sent to which offices."""

    async def is_sent(self, digest: str, *, office: str) -> bool:
        """Whether the seal of this SHA-256 was sent to this office. Raises Unavailable."""

    async def mark_sent(self, digest: str, *, office: str, at: datetime) -> None:
        """Note that it was. Idempotent; raises Unavailable."""


class Alarm(Protocol):
    """Wake-ups for later."""

    async def set(self, key: str, at: datetime) -> None:
        """Wake with `key` at a time; a newer one with the same key replaces it. Raises Unavailable."""


class Announcer(Protocol):
    """Publishes what a record owes."""

    async def publish_now(self, events: Sequence[OwedEvent]) -> None:
        """Try at once; what does not get through stays owed, and nothing is raised for it."""


@dataclass(frozen=True)
class Letter:
    """A mail ready to be sent: the envelope's recipient, the message's bytes (CRLF lines, 7 bit), and how often it was
    tried before."""

    recipient: str
    message_id: str
    content: bytes
    tries: int = 0


class Relay(Protocol):
    """The mail relay."""

    async def ready(self) -> None:
        """Make sure that it answers. Raises Unavailable."""

    async def send(self, letter: Letter) -> None:
        """Returns once the relay has answered for the mail. Not idempotent: the relay may take it twice.

        Raises RecipientRefused when it is refused for good, Later when this mail must wait, Unavailable for trouble
        that is not this mail's, Interrupted where it may be: after that the relay may have accepted it all the same.
        """
