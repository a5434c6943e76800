"""What the mover tells the audit trail: which version of which object a document became in the GED."""

from contracts.audit import ArchivalEntry, archive_evidence
from contracts.envelope import Envelope, envelop
from contracts.events import Archived
from contracts.values import Location

ACTOR = "/connect/ged-mover"


def archival(archived: Archived) -> Envelope:
    """The journal's entry of an archived document."""
    place = Location(bucket=archived.bucket, key=archived.key)
    evidence = archive_evidence(archived.document, place, version=archived.version_id, sha256=archived.sha256)
    entry = ArchivalEntry(
        document=archived.document,
        office=archived.office,
        client=archived.client,
        actor=ACTOR,
        at=archived.archived_at,
        version=archived.version_id,
        evidence=evidence,
    )
    return envelop(entry, time=archived.archived_at)
