"""What a digest of an older backup learns from the events that say what became of its mails since.

`connect-ops restore records` asks for it, while no replica runs: a running one knows what it has sent. A document that
waited in the backup and was told of since is cut off as the part that it became; a mail that waited is settled as the
event says. Whom no event names is still to be told. Everything here is pure, and can be done again.
"""

from collections.abc import Collection
from dataclasses import replace

from contracts.directory import Directory
from contracts.events import Alerted, AlertFailed

from notify.mails import Mail, Recipient
from notify.model import Digest
from notify.recipients import recipients


def told_since(digest: Digest, alert: Alerted | AlertFailed, *, directory: Directory) -> Digest | None:
    """The digest as it is once a mail of it was settled so; None when nobody waits for what that mail told of.

    Raises Unavailable before the directory was read.
    """
    open_before = digest.untold.intersection(alert.documents)
    changed = _cut_off(digest, open_before, alert, directory)
    for part in sorted({number for each in open_before if (number := changed.part_of(each)) is not None}):
        changed = _settled(changed, part, alert)
    return changed if changed != digest else None


def _cut_off(digest: Digest, told: Collection[str], alert: Alerted | AlertFailed, directory: Directory) -> Digest:
    """What waits of these made a part, with a mail for each recipient; the other documents go on waiting. So do these
    while the directory knows nobody to tell: a part without mails would be told to nobody, ever."""
    waiting = {document: entry for document, entry in digest.pending.items() if document in told}
    if not waiting:
        return digest
    due = replace(digest, pending=waiting)
    to = recipients(directory, digest.group, due.ticked())
    if not to:
        return digest
    sealed = due.sealed(to, mail_domain=_domain(alert), now=alert.at)
    return replace(sealed, pending={each: entry for each, entry in digest.pending.items() if each not in waiting})


def _settled(digest: Digest, part: int, alert: Alerted | AlertFailed) -> Digest:
    mandatory = alert.role in ("client", "inbox") or (alert.kind == "deposited" and alert.role == alert.folder)
    # Not every recipient has a mail here: the inbox takes the place of another, a contact may have left the directory.
    known = Mail(part, Recipient(alert.recipient, alert.role, mandatory), alert.message_id, until=alert.at)
    known = digest.mails.get(known.key, known)
    asked = replace(digest, mails={**digest.mails, known.key: replace(known, message_id=alert.message_id)})
    if isinstance(alert, AlertFailed):
        return asked.failed(known.key, code=alert.code, now=alert.at) or digest
    return asked.sent(known.key, alert.at) or digest


def _domain(alert: Alerted | AlertFailed) -> str:
    return alert.message_id.rpartition("@")[2].rstrip(">")
