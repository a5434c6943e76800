"""What the use cases need from outside. Every method may raise Unavailable."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from chassis.owed import OwedEvent
from contracts.values import Receipt, Space

from upload.model import Part, Upload
from upload.rights import Owner


class Uploads(Protocol):
    """The records. A claim raises the epoch, so that whoever wrote before can no longer change the record."""

    async def add(self, upload: Upload) -> Upload:
        """Insert it, or return the one there is with the same `creation`. A lease begins when it is inserted."""

    async def get(self, document: str) -> Upload | None:
        """The record."""

    async def created(self, creation: str) -> Upload | None:
        """The upload with this `creation`."""

    async def claim(self, document: str, *, by: Owner, offset: int) -> Upload | None:
        """Raise the epoch of an upload of this owner that awaits bytes at `offset`, and take the lease if it is
        free. None when there is no such upload. The answer's `is_held` says whether the lease was free."""

    async def claim_due(self, document: str) -> Upload | None:
        """Raise the epoch and take the lease of an upload that is due and that nobody holds; else None."""

    async def claim_any(self, document: str, *, by: Owner) -> Upload | None:
        """Raise the epoch of this owner's upload, unless it is finished or ended; the lease stays as it is."""

    async def take(self, document: str, *, epoch: int) -> bool:
        """Take the lease if it is free by now. Raises LeaseLost when the epoch is another."""

    async def beat(self, document: str, *, epoch: int, busy: bool) -> None:
        """Renew the lease if `busy`. Raises LeaseLost when the epoch is another."""

    async def release(self, document: str, *, epoch: int) -> bool:
        """Give the lease back; False when it is no longer this epoch's."""

    async def mark_overtaken(self, document: str) -> None:
        """A writer that lost the upload to another is done, and may have written after what remained was removed: have
        that looked for again if the upload has ended, and once it has moved. Nothing when it has yet to end,
        for then the removal is still to come. Idempotent."""

    async def save(self, upload: Upload, *, owing: Sequence[OwedEvent] = (), release: bool = False) -> None:
        """Write the state and what it owes, in one atomic write, and give the lease back if asked.

        Raises LeaseLost when the epoch is another.
        """

    async def mark_clean(self, document: str, *, epoch: int) -> None:
        """Nothing but the document itself, if it is one, lies in staging. Gives the lease back. Idempotent; nothing
        when the epoch is another."""

    async def due(self, *, limit: int) -> Sequence[str]:
        """Ids of uploads that the sweeper should look at, the oldest first."""

    async def oldest_pending(self) -> datetime | None:
        """Since when the oldest upload whose bytes are all there awaits its verdict."""

    async def of_deposit(self, deposit: str, *, by: Owner) -> Sequence[Upload]:
        """This owner's uploads of a deposit."""

    async def is_full(self, deposit: str, *, by: Owner, limit: int) -> bool:
        """Whether this owner has so many uploads of a deposit, however they ended."""

    async def add_closing(self, event: OwedEvent) -> None:
        """Note that a deposit is closed, and the event it owes. Idempotent by the event's id."""

    async def settle(self, document: str, *, moved: bool = False) -> None:
        """The document's announcement was heard by its successor; `moved` says that its object in staging counts
        no more. Idempotent; nothing when there is no record."""

    async def mark_returned(self, document: str, *, office: str, client: str, folder: str, space: Space) -> None:
        """The document was sent back to its depositor. Idempotent. It is known from then on until `mark_final`, also
        when its record was purged before: a document may be looked at long after it came."""

    async def mark_final(self, document: str) -> None:
        """It was taken or withdrawn: no other takes its place. Idempotent; nothing when there is no record."""

    async def is_replaceable(self, document: str, *, office: str, client: str) -> bool:
        """It is a document of this client that was sent back, and neither taken nor withdrawn since.

        Of any folder: the wrong one is a reason to send a document back.
        """


class Staging(Protocol):
    """The staging bucket: the object `<document>`, and tails beside it."""

    @property
    def bucket(self) -> str: ...

    async def put(self, document: str, content: BinaryIO) -> None:
        """Write the whole document."""

    async def begin(self, document: str) -> str:
        """Begin a multipart upload; returns its id."""

    async def put_part(self, document: str, *, multipart: str, number: int, content: BinaryIO) -> Part:
        """Write one part. Raises Gone when the multipart upload is no more."""

    async def complete(self, document: str, *, multipart: str, parts: Sequence[Part], size: int) -> None:
        """Make the parts the document. Idempotent. Raises Refused when the parts are lost."""

    async def put_tail(self, key: str, content: BinaryIO) -> None:
        """Write a tail under a key that nobody wrote before."""

    def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of a document or tail that the record counts on. Raises Refused when they are lost."""

    async def remove_leftovers(self, document: str, *, in_parts: bool, whole: bool) -> None:
        """Remove the tails, if `in_parts` every unfinished multipart upload, and if `whole` the document itself.
        Idempotent."""


class Inspection(Protocol):
    """Looks into files as whoever receives them will."""

    async def inspect(self, look: str, content: BinaryIO) -> None:
        """Take a `pdf` or `picture` look at a whole file. Raises Refused, Unavailable."""


class Scanner(Protocol):
    """A virus scanner."""

    @property
    def needs_content(self) -> bool:
        """False when it looks at nothing, so that nothing need be read for it."""

    async def scan(self, content: BinaryIO) -> None:
        """Look at a whole file, read from its beginning. Raises Refused, Unavailable."""

    async def ask(self) -> None:
        """A readiness check. Raises Unavailable."""


class Announcer(Protocol):
    """Publishes owed events at once if it can."""

    async def publish_now(self, events: Sequence[OwedEvent]) -> None:
        """Try for at most a second; what does not get through stays owed."""


class Signer(Protocol):
    """Signs receipts."""

    def receipt(self, upload: Upload) -> Receipt:
        """The receipt of a checked upload, received now."""
