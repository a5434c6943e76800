"""A document's journey as all the places together tell it, and what is missing of it. Nothing here does I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.model import Decision, Document
from ged_mover.model import Record as Move
from upload.model import FINISHED, Upload

from connect_ops.store import Version

ANNOUNCING = frozenset({"deposited", "published"})
_OPEN_MAILS = ("waiting", "claimed")


@dataclass(frozen=True)
class Told:
    """An event of the stream; of what could not be read, the name is its subject's."""

    sequence: int
    event: str
    at: datetime | None


@dataclass(frozen=True)
class Mailed:
    """A mail about the document. `recipient` is a contact's id; `state` `due` is one that is not made up yet."""

    kind: str
    recipient: str | None
    state: str
    at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True)
class Entry:
    """An entry of the audit trail's journal."""

    number: int
    action: str
    at: str


@dataclass(frozen=True)
class Buried:
    """A dead letter about the document."""

    number: int
    subscription: str | None
    code: str | None


@dataclass(frozen=True)
class Journey:
    """What each place has. `decision` is the catalog's own record, `known` what its projection shows."""

    document: str
    office: str | None = None
    client: str | None = None
    upload: Upload | None = None
    events: Sequence[Told] = ()
    known: Document | None = None
    decision: Decision | None = None
    move: Move | None = None
    versions: Sequence[Version] = ()
    is_staged: bool = False
    mails: Sequence[Mailed] = ()
    journal: Sequence[Entry] = ()
    dead: Sequence[Buried] = ()
    put_off: int = 0

    @property
    def is_known(self) -> bool:
        """Whether anything is known of it anywhere."""
        return bool(self.upload or self.events or self.known or self.move or self.versions or self.journal or self.dead)

    @property
    def told(self) -> frozenset[str]:
        """The names of its events."""
        return frozenset(each.event for each in self.events)

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was withdrawn, as far as anybody knows."""
        decided = [each.kind for each in (self.decision, self.known and self.known.decision) if each]
        return "withdrawn" in decided or bool(self.move and self.move.withdrawn_at) or "erased" in self.told

    @property
    def is_taken(self) -> bool:
        """Whether it was taken in charge, as far as anybody knows."""
        decided = [each.kind for each in (self.decision, self.known and self.known.decision) if each]
        return "taken" in decided or "taken" in self.told


def missing(journey: Journey) -> list[str]:
    """What should be and is not, or not yet, in words."""
    return [*_intake(journey), *(_erasure(journey) if journey.is_withdrawn else _life(journey)), *_stuck(journey)]


def _intake(journey: Journey) -> Iterator[str]:
    upload, is_announced = journey.upload, bool(ANNOUNCING & journey.told)
    if is_announced:
        return
    if upload and upload.state in ("refused", "abandoned"):
        return
    if upload and upload.state not in FINISHED:
        yield f"intake has {upload.offset} of {upload.length} bytes ({upload.state}): it is no document yet"
    elif upload:
        yield "intake has it, and the stream has no event that announces it"
    elif journey.versions:
        yield "the GED has it, and the stream has no event that announces it: `connect-ops reconcile`"


def _life(journey: Journey) -> Iterator[str]:
    told, move = journey.told, journey.move
    if not ANNOUNCING & told:
        return
    if journey.known is None:
        yield "the catalog has no record of it: `connect-ops rebuild catalog`"
    elif journey.known.archive is None and "archived" in told:
        yield "the catalog has not noted `archived`: `connect-ops lag`"
    if journey.versions:
        yield from _archive(journey)
    elif "archived" in told:
        yield "it was archived, and nothing lies in the GED"
    elif move and move.given_up_at:
        yield f"the move was given up ({move.code}): mend it, then `connect-ops dead replay`"
    else:
        yield "it is not in the GED yet" + (f" ({move.code})" if move and move.code else "")
    yield from _mails(journey)


def _archive(journey: Journey) -> Iterator[str]:
    told = journey.told
    if "archived" not in told:
        yield "the GED has it, and the stream has no `archived`"
    elif journey.is_staged:
        yield "staging still has a copy"
    elif not any(entry.action == "archived" for entry in journey.journal):
        yield "the journal has no entry of its archival"
    if journey.move is None:
        yield "ged-mover has no record of it: `connect-ops reconcile`"
    if journey.is_taken and not any(version.locked_until for version in journey.versions):
        yield "it was taken in charge, and is not locked in the GED"
    if journey.decision and journey.decision.kind not in told:
        yield f"the catalog decided `{journey.decision.kind}`, and the stream does not have it"


def _mails(journey: Journey) -> Iterator[str]:
    if not journey.mails and not journey.told & {"alerted", "alert_failed"}:
        yield "notify has no mail about it"
    for mail in journey.mails:
        if mail.state == "due":
            yield "its mail waits for the deposit's other files, or for its time"
        elif mail.state in _OPEN_MAILS:
            yield f"the mail to {mail.recipient} is not sent yet ({mail.kind})"
        elif mail.state == "failed":
            yield f"the mail to {mail.recipient} was refused ({mail.code}, {mail.kind})"


def _erasure(journey: Journey) -> Iterator[str]:
    if "erased" not in journey.told:
        yield "it was withdrawn, and the stream has no `erased`"
    if journey.versions:
        yield f"it was withdrawn, and {len(journey.versions)} versions of it lie in the GED"
    if journey.is_staged:
        yield "it was withdrawn, and staging still has bytes of it"


def _stuck(journey: Journey) -> Iterator[str]:
    for letter in journey.dead:
        yield f"dead letter {letter.number} ({letter.subscription}, {letter.code}): see `connect-ops dead show`"
    if journey.put_off:
        yield f"{journey.put_off} messages about it were put off and come again"
