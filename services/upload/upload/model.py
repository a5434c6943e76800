"""An upload and its states.

receiving → assembled → checked → owed → settled
    │           └──────────┴→ refused      the content was judged and refused
    └→ abandoned                           cancelled or expired

`receiving` with all bytes there, `assembled` and `checked` are *pending*: any replica may finish them. `owed` means
announced: the event stands in the record, written together with the state.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from contracts.events import Abandoned, Announced, Deposited, Published, RejectedUpload
from contracts.values import ClientRef, DepositRef, Location, OfficeId, Person, Receipt, Space, Value
from pydantic import Field

from upload.errors import Refused

PART = 8 * 1024 * 1024
EXPIRES_AFTER = timedelta(days=7)
# The record of a document, and that of a file that never became one.
KEPT_AFTER_END = timedelta(days=90)
KEPT_AFTER_REFUSAL = timedelta(days=30)
LEASE_SECONDS = 5.0

# Refusals for how a file came, not for what it is: it may come again.
_CAME_WRONG = ("parts_lost", "sha256_mismatch")

State = Literal["receiving", "assembled", "checked", "owed", "settled", "refused", "abandoned"]
FINISHED: tuple[State, ...] = ("owed", "settled")
PENDING: tuple[State, ...] = ("receiving", "assembled", "checked")
ENDED: tuple[State, ...] = (*FINISHED, "refused", "abandoned")


class Part(Value):
    """A part of a multipart upload: bytes `[(number-1)·PART, number·PART)`, the last one shorter."""

    number: Annotated[int, Field(ge=1)]
    etag: str


class Tail(Value):
    """The object with the bytes from the last part boundary up to the offset."""

    key: str
    size: Annotated[int, Field(ge=1)]


class Lease(Value):
    """Who writes: the epoch of the request, and when it last had a byte."""

    epoch: int
    beat: datetime


class Upload(Value):
    """One upload. Its id is the document's id. `length` and `offset` are bytes.

    `metadata` is the creation's header, word for word. Every change is conditional on `epoch`, which each new writer
    raises; `saved_by` is the epoch of whoever last moved the offset. `due` is when the sweeper looks at it: the expiry
    while bytes are awaited, at once while something remains to be done, else never. `whole_at` is when its last byte
    was durable. `leftovers` says that objects besides the document may lie in staging. `counted` names those whose open
    uploads it counts among, until it ends. `moved` says that the document is in the GED or withdrawn, so its object in
    staging counts no more; `overtaken` that a writer which had lost the upload may have written that object since.
    """

    id: str
    creation: str | None = None
    office: OfficeId
    client: ClientRef
    depositor: Person
    space: Space
    folder: str
    name: str
    length: int
    deposit: DepositRef
    alert: tuple[str, ...] = ()
    replaces: str | None = None
    expected_sha256: str | None = None
    metadata: str = ""
    created_at: datetime

    counted: tuple[str, ...] = ()
    state: State = "receiving"
    offset: int = 0
    parts: tuple[Part, ...] = ()
    multipart: str | None = None
    tail: Tail | None = None
    epoch: int = 0
    saved_by: int = 0
    lease: Lease | None = None
    due: datetime | None = None
    whole_at: datetime | None = None
    leftovers: bool = False
    moved: bool = False
    overtaken: bool = False
    sha256: str | None = None
    content_type: str | None = None
    receipt: Receipt | None = None
    code: str | None = None
    reason: str | None = None
    purge_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """All bytes are durable."""
        return self.offset == self.length

    @property
    def is_pending(self) -> bool:
        """All bytes are there, and the verdict is not."""
        return self.state in ("assembled", "checked") or (self.state == "receiving" and self.is_whole)

    @property
    def part_start(self) -> int:
        """Where the part begins that the next byte belongs to."""
        return self.offset // PART * PART

    @property
    def is_held(self) -> bool:
        """The last request that raised the epoch is the one that writes."""
        return self.lease is not None and self.lease.epoch == self.epoch

    def is_written_to(self, now: datetime) -> bool:
        """A request is at its bytes, by what is known of it."""
        held = self.lease is not None and now - self.lease.beat < timedelta(seconds=LEASE_SECONDS)
        return self.state == "receiving" and not self.is_whole and held


def received(upload: Upload, *, offset: int, parts: Sequence[Part], tail: Tail | None, now: datetime) -> Upload:
    """Bytes up to `offset` are durable."""
    return upload.model_copy(
        update={
            "offset": offset,
            "parts": tuple(parts),
            "tail": tail,
            "saved_by": upload.epoch,
            "leftovers": upload.leftovers or tail is not None,
            "due": now if offset == upload.length else now + EXPIRES_AFTER,
            "whole_at": now if offset == upload.length else None,
        }
    )


def assembled(upload: Upload, *, now: datetime) -> Upload:
    """The object `<document>` holds all bytes."""
    return upload.model_copy(
        update={
            "state": "assembled",
            "offset": upload.length,
            "parts": (),
            "multipart": None,
            "tail": None,
            "due": now,
            "whole_at": upload.whole_at or now,
        }
    )


def checked(upload: Upload, *, sha256: str, content_type: str) -> Upload:
    """The content was judged and accepted."""
    return upload.model_copy(update={"state": "checked", "sha256": sha256, "content_type": content_type})


def owed(upload: Upload, *, receipt: Receipt, now: datetime) -> Upload:
    """Receipted, and to be announced with the same write."""
    # A writer before this one may have died, or lost the lease, between writing a tail and noting it; and the store may
    # have been asked twice to begin.
    leftovers = upload.leftovers or upload.epoch > 1 or upload.length > PART
    return upload.model_copy(
        update={
            "state": "owed",
            "receipt": receipt,
            "due": now if leftovers else None,
            "leftovers": leftovers,
            "lease": None,
            "counted": (),
        }
    )


def refused(upload: Upload, refusal: Refused, *, now: datetime) -> Upload:
    """Judged and refused; its bytes are yet to be removed."""
    creation = None if refusal.code in _CAME_WRONG else upload.creation
    return _ended(upload, now=now).model_copy(
        update={"state": "refused", "code": refusal.code, "reason": str(refusal), "creation": creation},
    )


def abandoned(upload: Upload, *, cause: Literal["cancelled", "expired"], now: datetime) -> Upload:
    """Cancelled or expired; its bytes are yet to be removed. The same file may then be deposited anew."""
    return _ended(upload, now=now).model_copy(update={"state": "abandoned", "code": cause, "creation": None})


def _ended(upload: Upload, *, now: datetime) -> Upload:
    return upload.model_copy(
        update={"leftovers": True, "due": now, "purge_at": now + KEPT_AFTER_REFUSAL, "counted": ()}
    )


def announcement(upload: Upload, *, bucket: str) -> Deposited | Published:
    """The event of a document that is `owed`."""
    assert upload.receipt is not None
    facts = {
        "document": upload.id,
        "space": upload.space,
        "deposit": upload.deposit,
        "office": upload.office,
        "client": upload.client,
        "depositor": upload.depositor,
        "folder": upload.folder,
        "name": upload.name,
        "size": upload.length,
        "content_type": upload.content_type,
        "sha256": upload.sha256,
        "alert": upload.alert,
        "replaces": upload.replaces,
        "location": Location(bucket=bucket, key=upload.id),
        "receipt": upload.receipt,
        "deposited_at": upload.receipt.received_at,
    }
    return (Published if upload.space == "published" else Deposited).model_validate(facts)


def record_of(announced: Announced) -> Upload:
    """The record that an announcement came from, where that was lost. Only its creation's header is not there: the file
    sent a second time is a second document."""
    return Upload(
        id=announced.document,
        office=announced.office,
        client=announced.client,
        depositor=announced.depositor,
        space=announced.space,
        folder=announced.folder,
        name=announced.name,
        length=announced.size,
        deposit=announced.deposit,
        alert=announced.alert,
        replaces=announced.replaces,
        created_at=announced.deposited_at,
        state="owed",
        offset=announced.size,
        whole_at=announced.deposited_at,
        sha256=announced.sha256,
        content_type=announced.content_type,
        receipt=announced.receipt,
    )


def rejection(upload: Upload) -> RejectedUpload:
    """The event of an upload that is `refused`."""
    return RejectedUpload.model_validate({**_unfinished(upload), "code": upload.code, "reason": upload.reason})


def abandonment(upload: Upload) -> Abandoned:
    """The event of an upload that is `abandoned`."""
    return Abandoned.model_validate({**_unfinished(upload), "cause": upload.code})


def _unfinished(upload: Upload) -> dict[str, object]:
    return {
        "document": upload.id,
        "space": upload.space,
        "deposit": upload.deposit,
        "office": upload.office,
        "client": upload.client.id,
        "depositor": upload.depositor,
        "folder": upload.folder,
    }
