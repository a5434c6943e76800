"""The events `alerted` and `alert_failed`, made from a digest's record: the same ones however often they are made."""

from collections.abc import Iterator

from contracts.envelope import Envelope, envelop
from contracts.events import Alerted, AlertFailed

from notify.mails import Mail
from notify.model import Digest

MOST_DOCUMENTS = 500


def alerts_about(digest: Digest, mail: Mail) -> list[Envelope]:
    """What is told of a settled mail: one event for every 500 documents."""
    documents = digest.told_by(mail)
    chunks = (documents[start : start + MOST_DOCUMENTS] for start in range(0, len(documents), MOST_DOCUMENTS))
    return [_alert(digest, mail, chunk) for chunk in chunks]


def alerts_of(digest: Digest, document: str) -> list[Envelope]:
    """What was told of a document so far."""
    return list(_alerts_of(digest, document))


def _alerts_of(digest: Digest, document: str) -> Iterator[Envelope]:
    part = digest.part_of(document)
    for mail in digest.mails.values():
        if mail.part != part or not mail.told or document in mail.left_out:
            continue
        documents = digest.told_by(mail)
        start = documents.index(document) // MOST_DOCUMENTS * MOST_DOCUMENTS
        yield _alert(digest, mail, documents[start : start + MOST_DOCUMENTS])


def _alert(digest: Digest, mail: Mail, documents: tuple[str, ...]) -> Envelope:
    group = digest.group
    assert mail.settled_at is not None
    told = {
        "office": group.office,
        "client": group.client,
        "space": group.space,
        "folder": group.folder,
        "deposit": group.deposit,
        "recipient": mail.recipient.id,
        "role": mail.recipient.role,
        "kind": group.kind,
        "documents": documents,
        "message_id": mail.message_id,
        "at": mail.settled_at,
    }
    data = AlertFailed.model_validate({**told, "code": mail.code}) if mail.code else Alerted.model_validate(told)
    return envelop(data, time=mail.settled_at)
