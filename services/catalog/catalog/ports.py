"""What the handlers need of the outside. Every method may raise chassis' Unavailable, and says what else."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chassis.owed import OwedEvent
from contracts.audit import Seal
from contracts.envelope import Envelope
from contracts.values import Person

from catalog.chain import Entry, Link
from catalog.dead_letters import Letters
from catalog.listing import Count, Listing, Page, Waiting
from catalog.model import Decision, Document
from catalog.projection import Numbered


class Projection(Protocol):
    """The document records being made from events."""

    async def apply(self, numbered: Numbered) -> Sequence[Document]:
        """Make an event's updates; returns the documents it is about, those not yet announced left out. Idempotent,
        and in any order."""


class Documents(Protocol):
    """The documents as the serving records tell them."""

    async def get(self, document: str) -> Document | None:
        """One document, whoever's it is."""

    async def several(self, documents: Sequence[str]) -> Sequence[Document]:
        """Those of them that are there, in no order."""


class Lists(Protocol):
    """The same documents as lists."""

    async def page(self, listing: Listing) -> Page:
        """One page of a list."""

    async def counts(self, owners: Sequence[str]) -> Sequence[Count]:
        """Documents shown a folder of each account."""

    async def waiting(self, owners: Sequence[str]) -> Sequence[Waiting]:
        """What a listing of `inbox` shows, counted."""

    async def labels(self, owners: Sequence[str]) -> Sequence[str]:
        """The labels that anything published to these accounts has, or had before it was withdrawn."""

    async def groups(self, listing: Listing) -> Collection[tuple[str, int]]:
        """The label and the year (Paris) of whatever a listing has in all, its page's length apart."""

    async def count(self, listing: Listing, *, most: int) -> int:
        """How many documents a listing has in all, its page apart; it is not counted further than `most`."""

    async def oldest_unarchived(self) -> datetime | None:
        """When the oldest document was announced that is not in the GED, and that nobody withdrew."""


class Decisions(Protocol):
    """The decisions, one record a document."""

    async def of(self, document: str) -> Decision | None:
        """What was decided last."""

    async def among(self, documents: Sequence[str]) -> Mapping[str, Decision]:
        """The same of each of them; those never decided on are left out."""

    async def save(self, document: str, decision: Decision, *, over: int, owing: Sequence[OwedEvent]) -> bool:
        """Write a decision and what it owes, in one write, if the record still stands at revision `over` (0: there is
        none). False when somebody else decided meanwhile."""

    async def settle(
        self, documents: Sequence[str], *, topics: Sequence[str] | None = None, published: bool = False
    ) -> None:
        """Strike what these documents' records owe and a successor settles: all of it, or what was to travel on
        `topics`; with `published`, not what the broker is not known to have. Idempotent."""


class Marks(Protocol):
    """Small facts beside the decisions."""

    async def note_opened(self, document: str, *, by: Person, at: datetime) -> bool:
        """A client opened a published document; the first time counts. Whether it was the first. Idempotent."""

    async def opened_at(self, document: str) -> datetime | None:
        """When a client first opened it."""

    async def openings(self, documents: Sequence[str]) -> Mapping[str, datetime]:
        """When a client first opened each of them; those never opened are left out."""

    async def claim_retry(self, document: str, *, now: datetime, cooldown: float) -> bool:
        """Whether a retry may go out now: the last one is more than `cooldown` seconds ago. Claims it."""

    async def retried_at(self, document: str) -> datetime | None:
        """When a retry last went out."""

    async def release_retry(self, document: str) -> None:
        """The retry did not go out after all."""


class Accesses(Protocol):
    """To whom documents were given, and the journal's entries that are owed for it; forgotten once they are published
    and what goes on is over."""

    async def note(self, entry: OwedEvent, *, unless_since: datetime | None = None) -> bool:
        """Owe an entry, and note when, in one write; `entry.record` names the record. False, with nothing written,
        where an access was noted there after `unless_since`."""


class Journal(Protocol):
    """The audit trail's journal: a chain of entries, only ever added to."""

    async def write(self, entry: Entry, *, heard: int = 0) -> int | None:
        """Add an entry after the last one, with the stream's sequence at which it was `heard`; returns its number. None
        where an entry of the same id is there already. Of several writers at once each gets a number of its own."""

    async def heard(self) -> int:
        """The stream's sequence at which the last entry was heard; 0 where that is not known."""

    async def last(self) -> Link | None:
        """The last entry."""

    async def at(self, seq: int) -> Link | None:
        """The entry of this number."""

    async def of(self, document: str) -> Sequence[Link]:
        """A document's entries, in order."""

    def read(self, *, first: int = 1, last: int | None = None) -> AsyncIterator[Sequence[Link]]:
        """The entries of these numbers, in order, some hundred at a time."""


class Trail(Protocol):
    """The stream of the audit trail, read beside the consumer. Each method raises Unavailable."""

    def entries(self, *, after: int) -> AsyncIterator[tuple[Envelope, int]]:
        """What the journal holds of it, each with its sequence, from the first after a sequence on."""

    def seals(self) -> AsyncIterator[Seal]:
        """The seals that were told, from the first on; each as often as it was."""

    async def last_seal(self, offices: Iterable[str]) -> Seal | None:
        """Of what these offices were told last, the seal of the highest number."""


class Claims(Protocol):
    """Who does what one replica alone is to do."""

    async def claim(self, what: str, *, now: datetime, until: datetime) -> bool:
        """Whether it is the caller's `until` then; else it is another's."""

    async def hold(self, what: str, *, until: datetime) -> None:
        """What was claimed stays so until then."""


class Seals(Protocol):
    """The journal's seals, only ever added to."""

    async def save(self, seal: Seal, *, owing: Sequence[OwedEvent]) -> bool:
        """Keep a seal and what it owes, in one write. False, with nothing written, where its number is taken."""

    async def last(self) -> Seal | None:
        """The last one."""

    async def all(self) -> Sequence[Seal]:
        """All of them, in order."""

    async def over(self, entries: Sequence[int]) -> Sequence[Seal]:
        """Those that were made over any of these entries, in order."""

    async def unstamped(self) -> Sequence[Seal]:
        """Those without a time stamp, in order."""

    async def keep_stamp(self, number: int, stamp: bytes) -> None:
        """Keep a seal's time stamp, unless it has one."""

    async def stamp_of(self, number: int) -> bytes | None:
        """A seal's time stamp."""


class Stamper(Protocol):
    """Somebody outside who says what time it is."""

    async def stamp(self, said: bytes) -> bytes:
        """A time stamp over these bytes (an RFC 3161 response, DER), looked at and found to be theirs."""


class DeadLetters(Protocol):
    """The dead letters of all services, as an office may know of them."""

    async def of(self, office: str, *, after: int = 0) -> Letters:
        """Those that concern one office and come after a number, the oldest first, as many as one answer holds."""


class Hints(Protocol):
    """Live hints to the pages."""

    async def send(self, document: Document) -> None:
        """Tell whoever watches that a document has changed. A hint may be lost, and then nothing is raised."""


class Waker(Protocol):
    """Wakes the move of a document."""

    async def wake_move(self, document: str) -> None:
        """Have the move looked at now."""


class Clock(Protocol):
    """The time, in UTC."""

    def __call__(self) -> datetime: ...
