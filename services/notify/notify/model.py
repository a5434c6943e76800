"""A digest: the documents of one deposit, the mails about them, and when something is to be done.

Documents wait in `pending` until the digest is due; then they are cut off as a *part*, to which none is added, with
one mail for each recipient. A document that comes later, or is one too many for a mail, waits for the next part. As
every document is in one part and every recipient has one mail a part, a mail's state is the mark of each of its
(document, recipient) pairs. What is withdrawn meanwhile leaves `pending`, and every mail of its part that nobody is
sending yet; so does, of what was returned, what is taken in charge or replaced, which is `withdrawn` here and in
`mails` too.

Everything here is pure; a change gives a new digest.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from notify.mails import INBOX, Line, Mail, Part, Recipient

Kind = Literal["deposited", "published", "returned"]

# How long a digest waits after its last document: while more files were announced, and otherwise.
WAIT_FOR_MORE = timedelta(minutes=5)
WAIT_UNANNOUNCED = timedelta(seconds=20)
# How long a document waits at most while others follow it: a deposit may go on without end. Many documents on a slow
# line take half an hour, and are to be one mail.
WAIT_AT_MOST = timedelta(hours=1)
# With so many documents a mail is due at once: those that wait are in the record with their names, each further one has
# all of it read and written, and the database takes no record above 16 MB.
MOST_IN_A_MAIL = 2_000
# A claim without a renewal for this long is free, by the database's clock: those of the replicas' hosts may differ.
LEASE = timedelta(seconds=5)
# Before the second, third… try of a mail that must wait.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 30))
# After this long the office is told in the recipient's place. It is counted in tries, not by the clock: what a mail
# waits while the relay or this service is away is not its recipient's doing.
PATIENCE = timedelta(hours=24)
_MOST_TRIES = len(RETRY_DELAYS) + (PATIENCE - sum(RETRY_DELAYS, timedelta())) // RETRY_DELAYS[-1]
LINES_SHOWN = 50
# So many settled mails are kept for whoever missed what was told of them. For nobody to be told twice it is enough that
# a document is in a part.
MAILS_REMEMBERED = 1_000
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fr.cerfrance.connect:digests")


@dataclass(frozen=True)
class Group:
    """What makes documents belong to one digest. The deposit's id alone proves nothing: its caller chooses it.

    `person` is the `sub` of who deposited, published or returned them.
    """

    kind: Kind
    office: str
    client: str
    space: Literal["deposits", "published"]
    folder: str
    person: str
    deposit: str

    @property
    def id(self) -> str:
        """The digest's id, one token of a subject."""
        parts = (self.kind, self.office, self.client, self.space, self.folder, self.person, self.deposit)
        return uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).hex


@dataclass(frozen=True)
class Entry:
    """A document as its event told of it, and when that was first heard. `reason` is why it was returned."""

    name: str
    at: datetime
    alert: tuple[str, ...] = ()
    reason: str | None = None
    heard_at: datetime | None = None


@dataclass(frozen=True)
class Digest:
    """One record. `revision` rises with every change; `wake_at` is the `next_at` that was stored. `unfinished` files
    and those `withdrawn` while they waited count for the deposit, and are told to nobody. `heard_at` is when the last
    of its documents was first heard."""

    id: str
    group: Group
    revision: int = 0
    client_name: str | None = None
    person_name: str | None = None
    size: int | None = None
    closed: frozenset[str] | None = None
    unfinished: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    heard_at: datetime | None = None
    pending: Mapping[str, Entry] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    mails: Mapping[str, Mail] = field(default_factory=dict)
    wake_at: datetime | None = None

    @property
    def next_at(self) -> datetime | None:
        """When something is to be done, None when nothing is."""
        times = [mail.until for mail in self.mails.values() if mail.open]
        if self.pending:
            times.append(self._due())
        return min(times, default=None)

    @property
    def deferred_since(self) -> datetime | None:
        """Since when the mail that has been put off for the longest has been, None where none is."""
        return min((mail.put_off_at for mail in self.mails.values() if mail.open and mail.put_off_at), default=None)

    @property
    def untold(self) -> frozenset[str]:
        """The documents that somebody is still to be told of."""
        parts = (self.parts[mail.part].documents for mail in self.mails.values() if mail.open)
        return frozenset(self.pending).union(*parts)

    def told_by(self, mail: Mail) -> tuple[str, ...]:
        """The documents that a mail tells of."""
        return tuple(each for each in self.parts[mail.part].documents if each not in mail.left_out)

    def part_of(self, document: str) -> int | None:
        """The number of the part that a document is in, None while it waits or is unknown."""
        return next((number for number, part in enumerate(self.parts) if document in part.documents), None)

    def is_due(self, now: datetime) -> bool:
        """Whether the waiting documents are to be told of."""
        return bool(self.pending) and self._due() <= now

    def ticked(self) -> frozenset[str]:
        """The contacts ticked for any of the waiting documents."""
        return frozenset(contact for entry in self.pending.values() for contact in entry.alert)

    def sealed(self, recipients: Iterable[Recipient], *, mail_domain: str, now: datetime) -> "Digest":
        """The waiting documents, or as many as a mail tells of, made a part, with a mail for each recipient."""
        waiting = sorted(self.pending.items(), key=lambda item: (item[1].at, item[0]))
        ordered = waiting[:MOST_IN_A_MAIL]
        part = Part(
            documents=tuple(document for document, _ in ordered),
            lines=tuple(Line(entry.name, entry.reason) for _, entry in ordered[:LINES_SHOWN]),
            latest=ordered[-1][1].at,
            sealed_at=now,
        )
        mails = [self._new_mail(len(self.parts), recipient, domain=mail_domain, now=now) for recipient in recipients]
        return replace(
            self,
            pending=dict(waiting[MOST_IN_A_MAIL:]),
            parts=(*self.parts, part),
            mails={**self._remembered(), **{mail.key: mail for mail in mails}},
        )

    def without(self, gone: Collection[str], *, now: datetime) -> "Digest | None":
        """These documents left out of every mail not yet sent, and a mail with nothing left dropped; None when that
        changes nothing. A mail under way is left as it is."""
        unsettled = {mail.part for mail in self.mails.values() if mail.open}
        changed = replace(
            self,
            pending={document: entry for document, entry in self.pending.items() if document not in gone},
            withdrawn=self.withdrawn.union(document for document in self.pending if document in gone),
            parts=tuple(part.without(gone) if number in unsettled else part for number, part in enumerate(self.parts)),
        )
        for mail in self.mails.values():
            if changed.parts[mail.part].is_empty and mail.idle(now):
                changed = changed._settled(replace(mail, state="dropped"), now) or changed
        return changed if changed != self else None

    def claimable(self, now: datetime) -> str | None:
        """The key of a mail to be sent now."""
        return next((key for key, mail in self.mails.items() if mail.open and mail.until <= now), None)

    def claimed(self, key: str, *, claim: str, now: datetime) -> "Digest | None":
        """The mail claimed by whoever sends it, None when somebody else is at it, it is settled, or nothing is left."""
        mail = self.mails[key]
        part = self.parts[mail.part]
        if not mail.open or mail.until > now or part.is_empty:
            return None
        return self._with(
            replace(mail, state="claimed", claim=claim, until=now + LEASE, left_out=part.withdrawn),
        )

    def renewed(self, key: str, *, claim: str, now: datetime) -> "Digest | None":
        """The claim prolonged, None when it was lost."""
        mail = self.mails[key]
        return self._with(replace(mail, until=now + LEASE)) if mail.claim == claim else None

    def released(self, key: str, *, claim: str, now: datetime) -> "Digest | None":
        """The mail as if it had not been claimed."""
        mail = self.mails[key]
        return self._with(replace(mail, state="waiting", claim=None, until=now)) if mail.claim == claim else None

    def put_off(self, key: str, *, claim: str, now: datetime) -> "Digest | None":
        """The mail waiting for another try."""
        mail = self.mails[key]
        if mail.claim != claim:
            return None
        delay = RETRY_DELAYS[min(mail.tries, len(RETRY_DELAYS) - 1)]
        waiting = replace(mail, state="waiting", claim=None, tries=mail.tries + 1, until=now + delay)
        return self._with(replace(waiting, put_off_at=mail.put_off_at or now))

    def out_of_patience(self, key: str) -> bool:
        """Whether a mail was put off for so long that another is told instead; after the inbox there is nobody."""
        mail = self.mails[key]
        return mail.recipient.id != INBOX and mail.tries > _MOST_TRIES

    def sent(self, key: str, now: datetime) -> "Digest | None":
        """The mail accepted by the relay, whoever sent it; None when that was known."""
        return self._settled(replace(self.mails[key], state="sent"), now)

    def failed(self, key: str, *, code: str, now: datetime) -> "Digest | None":
        """The mail refused for good; the office's inbox gets it where it was mandatory."""
        mail = self.mails[key]
        changed = self._settled(replace(mail, state="failed", code=code), now)
        domain = mail.message_id.rpartition("@")[2].rstrip(">")
        fallback = self._new_mail(mail.part, Recipient(INBOX, "inbox"), domain=domain, now=now)
        if changed is None or not mail.recipient.mandatory or fallback.key in self.mails:
            return changed
        # The names are still needed, so they are taken from before the mail was settled.
        return replace(changed, parts=self.parts, mails={**changed.mails, fallback.key: fallback})

    def _settled(self, mail: Mail, now: datetime) -> "Digest | None":
        if self.mails[mail.key].told:
            return None
        changed = self._with(replace(mail, claim=None, until=now, settled_at=now))
        if any(other.open for other in changed.mails.values() if other.part == mail.part):
            return changed
        # Nobody needs the names any more, so they are not kept.
        parts = list(self.parts)
        parts[mail.part] = replace(parts[mail.part], lines=())
        return replace(changed, parts=tuple(parts))

    def _remembered(self) -> dict[str, Mail]:
        newest = sorted(mail.part for mail in self.mails.values())[-MAILS_REMEMBERED:]
        # What became of one mail decides what is said in another of the same part.
        unsettled = {mail.part for mail in self.mails.values() if mail.open}
        return {key: mail for key, mail in self.mails.items() if mail.part in unsettled or mail.part >= newest[0]}

    def _new_mail(self, part: int, recipient: Recipient, *, domain: str, now: datetime) -> Mail:
        token = hashlib.sha256(f"{self.id}/{part}/{recipient.id}".encode()).hexdigest()[:32]
        return Mail(part, recipient, f"<{token}@{domain}>", until=now)

    def _with(self, mail: Mail) -> "Digest":
        return replace(self, mails={**self.mails, mail.key: mail})

    def _due(self) -> datetime:
        assert self.heard_at is not None
        first = min(entry.heard_at or self.heard_at for entry in self.pending.values())
        return min(self.heard_at + self._wait(), first + WAIT_AT_MOST)

    def _wait(self) -> timedelta:
        """How long the waiting documents wait after the last of them."""
        heard = self.unfinished.union(self.withdrawn, self.pending, *(part.documents for part in self.parts))
        if len(heard) == self.size or len(self.pending) >= MOST_IN_A_MAIL:
            return timedelta()
        if self.closed is not None and self.closed <= heard and self.closed.issuperset(self.pending):
            return timedelta()
        more = not self.closed <= heard if self.closed is not None else len(heard) < (self.size or 0)
        return WAIT_FOR_MORE if more else WAIT_UNANNOUNCED
