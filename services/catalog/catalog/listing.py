"""What a list is asked for: filters, order, and the cursor that goes on where a page ended."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from contracts.values import Space

from catalog.errors import Invalid
from catalog.model import Document, State

SortKey = Literal["name", "deposited_at", "size", "taken_at"]
# What may be asked for: of `taken_at`, which not every document has, no cursor can go on.
_ASKED: tuple[SortKey, ...] = ("name", "deposited_at", "size")
_TYPES: Mapping[SortKey, type] = {"name": str, "deposited_at": datetime, "size": int, "taken_at": datetime}
# What the records' numbers hold.
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Sort:
    """An order. Documents of the same value stand in the order of their ids, in the same direction."""

    key: SortKey
    descending: bool

    @classmethod
    def parse(cls, text: str) -> "Sort":
        """From `name` or `-name`. Raises Invalid."""
        for key in _ASKED:
            if text in (key, f"-{key}"):
                return cls(key, text.startswith("-"))
        raise Invalid("unknown_sort", "Ce tri n’existe pas.")

    def value(self, document: Document) -> Any:
        """What a document is sorted by."""
        if self.key == "taken_at":
            return document.decision.at if document.decision else None
        return getattr(document, self.key)


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: its last document's sort value and id."""

    value: Any
    id: str

    def encode(self) -> str:
        """Opaque text for a URL."""
        value = {"t": self.value.isoformat()} if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([value, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The reverse of `encode`. Raises Invalid for anything else."""
        try:
            value, document = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if isinstance(value, dict):
                value = datetime.fromisoformat(value["t"]).astimezone(UTC)
            elif isinstance(value, str):
                value.encode()  # JSON can say letters that no text has
            document.encode()
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise unknown_cursor() from None
        if not isinstance(value, str | int | datetime):
            raise unknown_cursor()
        return cls(value, document)


def _fits(value: Any, key: SortKey) -> bool:
    return type(value) is _TYPES[key] and not (isinstance(value, int) and abs(value) > _LARGEST)


def unknown_cursor() -> Invalid:
    """No page ended there."""
    return Invalid("unknown_cursor", "Cette page n’existe pas.")


@dataclass(frozen=True)
class Listing:
    """One page of a list. `owners` are the accounts it is about; `words` are prefixes that all must be found.

    Without `states`, what was withdrawn or erased is left out, except where `changed_since` asks what has changed.
    `discreet`: what an office withdrew is found by nothing that it was, nor in an order by it.
    `inbox`: deposits that still wait to be taken in charge and were not replaced. `but`: left out, by their ids.
    `decided_from` and `decided_before`
    bound the time of the decision that holds.
    `after` is where the page before ended; `before` where the page that follows begins. Raises Invalid for a cursor of
    another order.
    """

    owners: Sequence[str]
    sort: Sort
    limit: int
    space: Space | None = None
    folder: str | None = None
    states: Sequence[State] = ()
    sha256: str | None = None
    words: Sequence[str] = ()
    changed_since: datetime | None = None
    inbox: bool = False
    but: Sequence[str] = ()
    discreet: bool = False
    decided_from: datetime | None = None
    decided_before: datetime | None = None
    after: Cursor | None = None
    before: Cursor | None = None

    @property
    def tells_content(self) -> bool:
        """Whether what it finds, and where, tells what the documents are."""
        return bool(self.folder or self.sha256 or self.words) or self.sort.key in ("name", "size")

    def __post_init__(self) -> None:
        for cursor in (self.after, self.before):
            if cursor and not _fits(cursor.value, self.sort.key):
                raise unknown_cursor()


@dataclass(frozen=True)
class Page:
    """Documents in order; `next` goes on after them, `previous` ends before them; None at either end."""

    documents: Sequence[Document]
    next: str | None
    previous: str | None = None


def page_of(found: Sequence[Document], listing: Listing) -> Page:
    """A page from up to `limit + 1` documents, read away from its cursor: the one too many only says there is more."""
    more = len(found) > listing.limit
    shown = found[: listing.limit]
    if listing.before:
        shown = shown[::-1]
    if not shown:
        return Page(shown, None)
    first, last = (Cursor(listing.sort.value(each), each.id).encode() for each in (shown[0], shown[-1]))
    return Page(
        shown,
        next=last if more or listing.before else None,
        previous=first if (more if listing.before else listing.after) else None,
    )


@dataclass(frozen=True)
class Waiting:
    """How many documents in one state wait to be taken in charge, in a folder of an account."""

    owner: str
    folder: str
    state: State
    documents: int


@dataclass(frozen=True)
class Count:
    """How many documents a folder of an account shows."""

    owner: str
    space: Space
    folder: str
    documents: int
