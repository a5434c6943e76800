"""The faults, as a table: the alerts that each is to fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import strikes
from .stage import disks_are_out_of_reach
from .strikes import Strike


@dataclass(frozen=True)
class Expected:
    """An alert, and labels that it has among others. One that fires `afterwards` tells of what is over."""

    alert: str
    labels: Mapping[str, str] = field(default_factory=dict)
    afterwards: bool = False


@dataclass(frozen=True)
class Fault:
    """`strike` is under way for as long as its context is open."""

    what: str
    strike: Strike
    fires: tuple[Expected, ...]


_DISK_FULL = Fault("a disk is filled to its last twentieth", strikes.full, (Expected("DiskFull"),))

EXCUSED: Mapping[str, str] = {
    "JobFailed": "only a cluster has Jobs",
    **({"DiskFull": reason} if (reason := disks_are_out_of_reach()) else {}),
}
"""Why an alert's fault cannot be caused here."""

ROUNDS: tuple[tuple[Fault, ...], ...] = (
    (
        Fault("nothing seals the journal", strikes.never_sealed, (Expected("JournalNeverSealed"),)),
        Fault("notify is stopped", strikes.down("notify-1"), (Expected("ServiceDown", {"job": "notify"}),)),
        Fault("ged-mover is scraped no more", strikes.unscraped, (Expected("ServiceMissing", {"job": "ged-mover"}),)),
        Fault(
            "intake runs without a scanner", strikes.without_scanner, (Expected("FilesUnscanned", {"job": "upload"}),)
        ),
        Fault("something that is no event", strikes.malformed, (Expected("DeadLetters", {"service": "ged-mover"}),)),
        Fault("a broken record of the directory", strikes.unreadable, (Expected("DirectoryUnreadable"),)),
        Fault("a stream is filled", strikes.large, (Expected("StreamLarge", {"stream": "CONNECT_DOCUMENTS"}),)),
        *(() if "DiskFull" in EXCUSED else (_DISK_FULL,)),
    ),
    (
        Fault("an entry of the journal is changed", strikes.changed_entry, (Expected("JournalBroken"),)),
        Fault(
            "the mail relay is stopped",
            strikes.relay_away,
            (Expected("RelayDown", {"job": "notify"}), Expected("Unfinished", {"job": "notify", "of": "mail"})),
        ),
        Fault(
            "a mail has been put off since yesterday", strikes.put_off, (Expected("MailsDeferred", {"job": "notify"}),)
        ),
        Fault(
            "clamd is stopped",
            strikes.scanner_away,
            (Expected("ScannerDown", {"job": "upload"}), Expected("Unfinished", {"job": "upload", "of": "verdict"})),
        ),
        Fault("a host's clock is wrong", strikes.clock_wrong, (Expected("ClocksDiffer", {"job": "notify"}),)),
        Fault("ged-mover dies again and again", strikes.dying, (Expected("ServiceRestarting", {"job": "ged-mover"}),)),
    ),
    (
        Fault(
            "MongoDB is stopped, and people and events go on",
            strikes.database_away,
            (
                Expected("DependencyDown", {"job": "catalog", "dependency": "mongo"}),
                Expected("ServiceErrors", {"job": "catalog"}),
                Expected("SubscriptionSuspended", {"subscription": "catalog-audit"}),
                Expected("SubscriptionBehind", {"subscription": "catalog-audit"}),
            ),
        ),
    ),
    (
        Fault("the last seal is of yesterday, entries came since", strikes.not_sealed, (Expected("JournalUnsealed"),)),
        Fault("NATS is stopped, and deposits go on", strikes.broker_away, (Expected("EventsOwed", {"job": "upload"}),)),
    ),
    (
        Fault(
            "the GED refuses the mover's key, and deposits go on",
            strikes.key_refused,
            (
                Expected("StoreDown", {"job": "ged-mover", "dependency": "ged"}),
                Expected("SubscriptionSuspended", {"subscription": "ged-mover-moves"}),
                Expected("ArchivingSlow", afterwards=True),
            ),
        ),
    ),
)
"""The faults of a round strike one after the other, and are under way together."""

EXPECTED = tuple(expected for faults in ROUNDS for fault in faults for expected in fault.fires)
