"""What intake tells the audit trail: who deposited or published what."""

from contracts.audit import DepositEntry, PublicationEntry, receipt_evidence
from contracts.envelope import Envelope, envelop

from upload.model import Upload


def reception(upload: Upload, announcement: Envelope) -> Envelope:
    """The journal's entry of a document that is `owed`, beside the event that announces it."""
    assert upload.receipt is not None
    entry = PublicationEntry if upload.space == "published" else DepositEntry
    return envelop(
        entry(
            document=upload.id,
            office=upload.office,
            client=upload.client.id,
            actor=upload.depositor.sub,
            at=upload.receipt.received_at,
            evidence=receipt_evidence(upload.receipt.signature),
            event=announcement.id,
        ),
        time=upload.receipt.received_at,
    )
