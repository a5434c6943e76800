"""A part of a digest, and its mails: one to each recipient. Values; what changes them is the digest."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Role = Literal["comptable", "conseil", "autre", "client", "inbox"]
# `dropped`: everything it was to tell of was withdrawn before it went.
MailState = Literal["waiting", "claimed", "sent", "failed", "dropped"]

INBOX = "inbox"


@dataclass(frozen=True)
class Line:
    """A document as a mail shows it."""

    name: str
    reason: str | None = None


@dataclass(frozen=True)
class Part:
    """The documents of one round of mails, oldest first. `lines` holds the first of them until all mails are settled,
    None for one of the `withdrawn`; `latest` is when the last of them was deposited."""

    documents: tuple[str, ...]
    lines: tuple[Line | None, ...]
    latest: datetime
    sealed_at: datetime
    withdrawn: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to tell of."""
        return self.withdrawn.issuperset(self.documents)

    def without(self, gone: Collection[str]) -> "Part":
        """These documents marked as withdrawn, and their names forgotten."""
        withdrawn = self.withdrawn.union(document for document in self.documents if document in gone)
        lines = [
            None if document in withdrawn else line for document, line in zip(self.documents, self.lines, strict=False)
        ]
        return replace(self, withdrawn=withdrawn, lines=tuple(lines))


@dataclass(frozen=True)
class Recipient:
    """Somebody to be told: a contact's or person's id, or `inbox`. The office is told where a mandatory mail fails."""

    id: str
    role: Role
    mandatory: bool = True


@dataclass(frozen=True)
class Mail:
    """One mail of a part to one recipient. `until`: not before this time, or, claimed, when the claim lapses.

    `message_id` goes with every try of it, so that a mail that was sent twice is recognised. `left_out` are the
    documents that had been withdrawn when it was last claimed: it does not tell of them. `put_off_at` is when it was
    first put off.
    """

    part: int
    recipient: Recipient
    message_id: str
    until: datetime
    state: MailState = "waiting"
    claim: str | None = None
    tries: int = 0
    put_off_at: datetime | None = None
    settled_at: datetime | None = None
    code: str | None = None
    left_out: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Its key in the digest."""
        return f"{self.part}_{self.recipient.id}"

    @property
    def open(self) -> bool:
        """Neither sent nor failed nor dropped."""
        return self.state in ("waiting", "claimed")

    @property
    def told(self) -> bool:
        """What became of it is announced."""
        return self.state in ("sent", "failed")

    def idle(self, now: datetime) -> bool:
        """Nobody is at it: it waits, or its claim has lapsed."""
        return self.state == "waiting" or (self.state == "claimed" and self.until <= now)
