"""Whose a dead letter is, and what an office is told of it: codes and ids, nothing of its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.dead import Letter
from contracts.envelope import MalformedEvent, decode
from contracts.registry import ALL_EVENTS
from contracts.values import DocumentId
from pydantic import TypeAdapter, ValidationError

_EVENTS = {event.topic("*").rpartition(".")[0]: event.key for event in ALL_EVENTS}
_ID = TypeAdapter(DocumentId)


@dataclass(frozen=True)
class DeadLetter:
    """`number` is the one by which operations know it; `document` is None where it isn't about exactly one."""

    number: int
    buried_at: datetime
    service: str
    event: str
    document: str | None
    code: str


@dataclass(frozen=True)
class Letters:
    """Some of an office's; `next` is the number after which to go on, None where there are no more."""

    found: Sequence[DeadLetter]
    next: int | None


def letter_of(number: int, letter: Letter, payload: bytes, *, office: str) -> DeadLetter | None:
    """What an office is told of a dead letter; None where it isn't theirs.

    Theirs is what came on a subject of theirs: none but the platform's own services may publish there, whatever the
    content says. A wake-up names no office, so it is nobody's.
    """
    subject = letter.origin.subject
    kind, _, named = subject.rpartition(".")
    if named != office or kind not in _EVENTS:
        return None
    return DeadLetter(number, letter.buried_at, letter.service, _EVENTS[kind], _document(payload, subject), letter.code)


def _document(payload: bytes, subject: str) -> str | None:
    """Only of a whole event of this subject: in any other an id may be anything, and anybody's."""
    try:
        return _ID.validate_python(getattr(decode(payload, subject).data, "document", None))
    except (MalformedEvent, ValidationError):
        return None
