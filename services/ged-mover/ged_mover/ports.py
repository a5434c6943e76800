"""What the handlers need from outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol

from chassis.bus import Outgoing
from contracts.events import Announced, Withdrawn

from ged_mover.model import Copy, Lock, Mode, Record


@dataclass(frozen=True)
class Spooled:
    """A document's bytes, read whole and at their beginning again; `sha256` is hex, of exactly these bytes."""

    body: IO[bytes]
    size: int
    sha256: str


class Staging(Protocol):
    """Where intake put the document. Every call may raise Unavailable."""

    async def ping(self) -> None:
        """Return if the store answers at all. Raises Unavailable."""

    def spooled(self, document: str, *, size: int) -> AbstractAsyncContextManager[Spooled]:
        """The document's bytes while the block lasts, never more than 8 MiB of them in memory.

        Reading stops once there are more than `size`. Raises StagingMissing.
        """

    async def erase(self, document: str) -> None:
        """Remove every version. Idempotent; raises ErasureRefused."""


class Ged(Protocol):
    """The secure store. Every call may raise Unavailable."""

    async def ping(self) -> None:
        """Return if the store answers at all. Raises Unavailable."""

    async def find(self, key: str) -> Copy | None:
        """What lies at the key, with the checksum of the stored bytes."""

    async def store(
        self, key: str, content: Spooled, *, content_type: str, metadata: Mapping[str, str], now: datetime
    ) -> Copy | None:
        """Write the bytes, encrypted, the store comparing their checksum; None if something lies there already.

        Raises ChecksumDisputed: nothing was stored.
        """

    async def lock(self, key: str, version_id: str) -> Lock | None:
        """The retention a version has. Raises CopyMissing."""

    async def set_lock(self, key: str, version_id: str, *, until: datetime, mode: Mode) -> None:
        """Lock a version, or prolong the lock it has, in that one's mode. Idempotent; raises CopyMissing."""

    async def erase(self, key: str) -> None:
        """Remove every version and delete marker. Idempotent; raises ErasureRefused."""


class Records(Protocol):
    """One record a document; each call is one atomic write. Every call may raise Unavailable."""

    async def begin(self, announced: Announced, *, now: datetime) -> Record:
        """The record, made if there was none."""

    async def find(self, document: str) -> Record | None:
        """The record."""

    async def note_trouble(self, document: str, code: str) -> None:
        """Remember why an open move did not get on."""

    async def note_archived(self, document: str, copy: Copy, *, owing: Sequence[Outgoing]) -> Record:
        """Close the move, unless the document is withdrawn; the record as it is afterwards.

        A copy of the same version noted before stays as it was noted. With the first copy the events are owed, as such
        that whoever hears of it publishes: what the record owes is the second publication.
        """

    async def give_up(self, document: str, *, code: str, now: datetime, owing: Outgoing) -> Record:
        """Close the move as failed and owe the event, unless the document is withdrawn; the record afterwards."""

    async def reopen(self, document: str, *, now: datetime) -> Record | None:
        """Take up a given-up move as a new attempt; the record as it is afterwards, changed or not."""

    async def withdraw(self, withdrawn: Withdrawn, *, now: datetime) -> None:
        """Set the tombstone, on a record made for it if there was none, and forget what was announced."""

    async def note_erased(self, document: str, *, now: datetime) -> Record:
        """Remember the first time that no copy was left; the record as it is afterwards."""

    async def note_lock(self, document: str, lock: Lock) -> None:
        """Remember the retention that was read back."""

    async def overdue(self, *, now: datetime, limit: int) -> Sequence[Record]:
        """Open moves in trouble for so long that it is to be told, and is not yet."""

    async def oldest_open(self) -> datetime | None:
        """Since when the oldest move is neither archived nor withdrawn, given up or not."""

    async def tell_trouble(self, document: str, *, owing: Outgoing) -> None:
        """Owe the event that tells it, once; nothing if the move was closed or told meanwhile."""
