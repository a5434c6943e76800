"""Where a dead letter goes to be tried again: to the one subscription that buried it, and to nobody else.

Published on its old subject again it would be a new event to every consumer, ours and outsiders'. So it goes the way
that the worker itself puts messages off: as a copy on the service's own wake-up subject, which names the subscription
and carries what the message was when it first came. The handler is the same, it is idempotent as for any redelivery,
and what it publishes has the ids it always has. The copy has an id of its own, so that a replay that is asked for twice
within the broker's duplicate window comes once; and the letter is removed only after the copy is stored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.dead import Letter
from chassis.origin import Origin
from chassis.wake import FORGED, due_subject, put_off_key
from contracts.envelope import MalformedEvent, decode

_GENERATION = re.compile(r"catalog-projection-g\d+")
_MOVES = "ged-mover-moves"


@dataclass(frozen=True)
class Handover:
    """A message for one subscription."""

    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def handover_of(letter: Letter, payload: bytes, *, generation: int) -> Handover | None:
    """What to publish; None where the letter does not say for which of a service's subscriptions it was, or is forged.

    `generation` is the catalog's that serves: only its projection is listened for.
    """
    if letter.code == FORGED:
        return None
    if letter.origin.subject.startswith(due_subject(letter.service, "")):
        # A wake-up: only its service hears it.
        return Handover(letter.origin.subject, payload)
    if letter.subscription == f"{letter.service}-wake":
        return None
    if letter.subscription == _MOVES and letter.code != "bug" and (document := _document(letter, payload)):
        # A move that was given up answers every repetition alike; a person's *Réessayer* takes it up again.
        return Handover(due_subject(letter.service, f"move.{document}"), b"")
    name = _GENERATION.sub(f"catalog-projection-g{generation}", letter.subscription)
    return handover_to(letter.service, name, letter.origin, payload)


def handover_to(service: str, subscription: str, origin: Origin, payload: bytes) -> Handover:
    """A copy of a message for one subscription."""
    return Handover(due_subject(service, put_off_key(subscription, origin.sequence)), payload, origin.headers())


def _document(letter: Letter, payload: bytes) -> str | None:
    try:
        document: str = decode(payload, letter.origin.subject).data.document
    except MalformedEvent:
        return None
    return document
