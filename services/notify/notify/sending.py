"""What is done when a digest is looked at: cut off what is due as a part, and send its mails, each once.

A mail is claimed in its record, sent, and marked as sent in the same write that owes its `alerted`. Whoever dies after
the relay has accepted a mail and before the mark leaves a claim that lapses, and so does a database that is away for
longer than marking is tried: the mail is sent again. So may one that a replica is at which alone does not reach its
database, for it goes on as if nobody did. Both carry the same Message-ID.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chassis.errors import Later, Unavailable
from chassis.logs import logger
from chassis.owed import OwedEvent, owe
from contracts.directory import Directory
from contracts.envelope import Envelope

from notify.alerts import alerts_about
from notify.errors import Interrupted, RecipientRefused
from notify.handlers import Clock, change, gone_among, keep, see_to
from notify.letter import Letters
from notify.mails import INBOX
from notify.marking import insistently
from notify.metrics import MAILS
from notify.model import LEASE, Digest
from notify.ports import Alarm, Announcer, Digests, Letter, Relay
from notify.recipients import Addressee, addressee, recipients

# Seconds.
_RENEW_EVERY = LEASE.total_seconds() / 3
_NO_RECIPIENT_WAIT = 30.0


@dataclass(frozen=True)
class Sending:
    """What sending needs."""

    digests: Digests
    directory: Directory
    letters: Letters
    relay: Relay
    announcer: Announcer
    alarm: Alarm
    clock: Clock
    leaving: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, stop: asyncio.Event) -> None:
        """Begin no further mail once `stop` is set: what was begun late might be cut off before it is marked."""
        await stop.wait()
        self.leaving.set()


async def send_digest(digest_id: str, *, sending: Sending) -> Sequence[Envelope]:
    """Do what is due in a digest now, and set the wake-up for the rest; nothing when nothing is due.

    Returns no events: they are owed by the write that marks a mail. What a service that leaves does not begin, the
    wake-up brings to another. Raises Unavailable, and Later when there is nobody to tell.
    """
    digest = await sending.digests.load(digest_id)
    while digest := await _without_gone(digest, sending=sending):
        if sealed := _sealed(digest, sending):
            digest = await _kept(sealed, sending=sending)
            continue
        key = digest.claimable(sending.clock())
        if key is None or sending.leaving.is_set():
            await see_to(digest, digests=sending.digests, alarm=sending.alarm)
            break
        # Before the claim: while the relay is away, nothing is written.
        await sending.relay.ready()
        digest = await _send(digest, key, sending=sending)
    return ()


async def _without_gone(digest: Digest | None, *, sending: Sending) -> Digest | None:
    """The digest without what nobody is to be told of any more: also where that was heard before the document."""
    if not digest or not digest.untold:
        return digest
    gone = await gone_among(digest.untold, digest.group.kind, digests=sending.digests)
    if not gone:
        return digest
    left = await change(
        digest.id, lambda each: each.without(gone, now=sending.clock()), digests=sending.digests, known=digest
    )
    return left or digest


async def _kept(changed: Digest, *, sending: Sending) -> Digest | None:
    """The changed digest saved, or as somebody else changed it meanwhile."""
    return await keep(changed, digests=sending.digests) or await sending.digests.load(changed.id)


def _sealed(digest: Digest, sending: Sending) -> Digest | None:
    now = sending.clock()
    if not digest.is_due(now):
        return None
    told = recipients(sending.directory, digest.group, digest.ticked())
    if not told:
        raise Later("no_recipient", delay=_NO_RECIPIENT_WAIT)
    return digest.sealed(told, mail_domain=sending.letters.domain, now=now)


async def _send(digest: Digest, key: str, *, sending: Sending) -> Digest | None:
    """Send a mail, unless somebody else is at it; returns the digest as it is then."""
    claim, clock = uuid.uuid4().hex, sending.clock
    claimed = digest.claimed(key, claim=claim, now=clock())
    held = claimed and await keep(claimed, digests=sending.digests)
    if held is None:
        return await sending.digests.load(digest.id)
    try:
        to = _reached(held, key, sending)
        client = sending.directory.client(held.group.office, held.group.client)
        letter = sending.letters.compose(held, key, to, client_name=client.name if client else None)
        await _send_under_claim(letter, held.id, key, claim=claim, sending=sending)
    except RecipientRefused as refused:
        logger().warning("mail_refused", code=refused.code, status=refused.status)
        return await _settle(held, key, sending=sending, failure=refused.code)
    except Later as later:
        return await _put_off(held, key, claim=claim, code=later.code, sending=sending)
    except Unavailable as down:
        if isinstance(down, Interrupted) and await _is_ready(sending.relay):
            # Released, it would be the first again at the next try, and keep all others of this digest back.
            return await _put_off(held, key, claim=claim, code=down.code, sending=sending, gives_up=False)
        with suppress(Unavailable):  # else the claim lapses by itself
            await change(held.id, lambda each: each.released(key, claim=claim, now=clock()), digests=sending.digests)
        raise
    return await _settle(held, key, sending=sending)


async def _is_ready(relay: Relay) -> bool:
    try:
        await relay.ready()
    except Unavailable:
        return False
    return True


def _reached(held: Digest, key: str, sending: Sending) -> Addressee:
    """Where the recipient is reached. Raises RecipientRefused for one that left the directory, and Later for the inbox,
    after which there is nobody."""
    recipient = held.mails[key].recipient
    if to := addressee(sending.directory, held.group, recipient):
        return to
    if recipient.id == INBOX:
        raise Later("no_recipient", delay=_NO_RECIPIENT_WAIT)
    raise RecipientRefused("contact_unknown")


async def _send_under_claim(letter: Letter, digest_id: str, key: str, *, claim: str, sending: Sending) -> None:
    """Send, and keep the claim alive; stop when it is lost, so that nobody sends beside its new holder."""
    attempt = asyncio.ensure_future(sending.relay.send(letter))
    try:
        while not (await asyncio.wait({attempt}, timeout=_RENEW_EVERY))[0]:
            held = await _still_held(digest_id, key, claim=claim, sending=sending)
            # What the relay has accepted meanwhile is sent, whoever holds the claim.
            if not held and not attempt.done():
                raise Later("claim_lost", delay=LEASE.total_seconds())
        attempt.result()
    finally:
        attempt.cancel()
        await asyncio.wait({attempt})


async def _still_held(digest_id: str, key: str, *, claim: str, sending: Sending) -> bool:
    """Prolong the claim; False when another has it. While the database is away nobody can take it."""
    try:
        kept = await change(
            digest_id, lambda each: each.renewed(key, claim=claim, now=sending.clock()), digests=sending.digests
        )
    except Unavailable as down:
        logger().warning("claim_not_renewed", code=down.code)
        return True
    return kept is not None


async def _put_off(
    held: Digest, key: str, *, claim: str, code: str, sending: Sending, gives_up: bool = True
) -> Digest | None:
    digest = await change(
        held.id, lambda each: each.put_off(key, claim=claim, now=sending.clock()), digests=sending.digests
    )
    if digest is None:
        return await sending.digests.load(held.id)
    MAILS.labels("put_off").inc()
    logger().info("mail_put_off", code=code, tries=digest.mails[key].tries)
    if gives_up and digest.out_of_patience(key):
        return await _settle(digest, key, sending=sending, failure="deferred_too_long")
    return digest


async def _settle(held: Digest, key: str, *, sending: Sending, failure: str | None = None) -> Digest | None:
    """Mark a mail as sent or failed, and owe the event that tells so, in one write; then publish it. Returns the digest
    as it is then."""
    owed: list[OwedEvent] = []

    def settled(digest: Digest) -> Digest | None:
        now = sending.clock()
        changed = digest.failed(key, code=failure, now=now) if failure else digest.sent(key, now)
        owed.clear()
        if changed is not None:
            events = alerts_about(changed, changed.mails[key])
            owed.extend(owe(held.id, event, now=now, awaits_successor=False) for event in events)
        return changed

    marked = await insistently(lambda: change(held.id, settled, digests=sending.digests, known=held, owing=owed))
    if marked is None:
        return await sending.digests.load(held.id)
    MAILS.labels("failed" if failure else "sent").inc()
    await sending.announcer.publish_now(owed)
    return marked
