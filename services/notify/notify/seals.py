"""Seals of the audit trail: each office is sent each of them once, so that copies lie outside, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import Later
from contracts.audit import seal_digest
from contracts.directory import Directory
from contracts.envelope import Envelope

from notify.handlers import Clock
from notify.letter import Letters
from notify.marking import insistently
from notify.metrics import MAILS
from notify.ports import Relay, SealMarks

# Seconds: the directory's copy may lag, or somebody may have to enter the office.
_UNKNOWN_OFFICE_WAIT = 30.0


@dataclass(frozen=True)
class SealSending:
    """What sending a seal needs."""

    marks: SealMarks
    directory: Directory
    letters: Letters
    relay: Relay
    clock: Clock


async def send_seal(event: Envelope, *, sending: SealSending) -> Sequence[Envelope]:
    """Send a seal to the inbox of its office, unless it was. Causes no events.

    Whoever dies after the relay has taken it and before the mark sends it again, under the same Message-ID; likewise
    while the database is away for longer than marking is tried. Raises Unavailable, Later, and RecipientRefused where
    the inbox is refused for good.
    """
    seal = event.data
    # A number may come again with another seal, of a database that was restored: that one is news.
    digest = seal_digest(seal)
    if await sending.marks.is_sent(digest, office=seal.office):
        return ()
    office = sending.directory.office(seal.office)
    if office is None:
        raise Later("office_unknown", delay=_UNKNOWN_OFFICE_WAIT)
    await sending.relay.send(sending.letters.seal(seal, office))
    await insistently(lambda: sending.marks.mark_sent(digest, office=seal.office, at=sending.clock()))
    MAILS.labels("sent").inc()
    return ()
