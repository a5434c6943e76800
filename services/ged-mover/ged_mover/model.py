"""The record of a document and the rules about it. Nothing here does I/O."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from contracts.events import Announced
from contracts.values import Space

Mode = Literal["GOVERNANCE", "COMPLIANCE"]

# A move in trouble for this long is told once.
TOLD_AFTER = timedelta(minutes=5)
# `deposited` comes again after ten minutes where nothing followed it; a broker's redelivery comes within the minute.
REDELIVERED_WITHIN = timedelta(minutes=5)
# New Year in France always falls in winter time, so no time-zone database is needed to know the year.
_FRENCH_WINTER = timezone(timedelta(hours=1))
_RETENTION_YEARS = 11


@dataclass(frozen=True)
class Copy:
    """The document in the GED. `sha256` is hex, computed over the stored bytes."""

    bucket: str
    key: str
    version_id: str
    sha256: str
    archived_at: datetime


@dataclass(frozen=True)
class Lock:
    """A retention that a version has: it can't be erased before `until`."""

    until: datetime
    mode: Mode


@dataclass(frozen=True)
class Record:
    """What is known of one document.

    `announced` is kept while the move is open, for a try that nobody's message causes; `trying_since` is when the move
    began, anew with every `attempt` (one more each time a given-up move is taken up again); `code` is the last trouble.
    `withdrawn_at` is the tombstone: from then on no copy may be.
    """

    document: str
    office: str
    client: str
    space: Space
    announced: Announced | None = None
    attempt: int = 1
    trying_since: datetime | None = None
    code: str | None = None
    given_up_at: datetime | None = None
    archived: Copy | None = None
    lock: Lock | None = None
    withdrawn_at: datetime | None = None
    erased_at: datetime | None = None


def ged_key(*, office: str, client: str, document: str) -> str:
    """Where a document lies in the GED: ids and nothing else, no name and no date."""
    return f"{office}/{client}/{document}"


def retained_until(taken_at: datetime) -> datetime:
    """31 December of the eleventh year after: ten years from the close of the fiscal year it may belong to.

    Source: Code de commerce, article L123-22.
    """
    year = taken_at.astimezone(_FRENCH_WINTER).year + _RETENTION_YEARS
    return datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)


def lasts(lock: Lock | None, *, until: datetime) -> bool:
    """Whether a lock that is there lasts long enough; it is never shortened."""
    return lock is not None and lock.until >= until
