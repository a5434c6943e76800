"""What ends or delays a move, each with its stable code.

Rejected
├── StagingMissing       staging has no such document, and neither has the GED
├── HashDiffers          the bytes in staging are not the ones that were announced
├── OtherContent         something else lies at the document's key in the GED
├── CopyMissing          the version to be locked is no longer in the GED
└── ErasureRefused       the store does not let a copy be erased: it is locked
Later
├── OneInTrouble         a store fails on this document while it answers otherwise; the code is the failure's
├── NotArchivedYet       `taken` came before its document was in the GED
├── CopyVanished         a write met something at the key that was gone at the next look
├── ChecksumDisputed     the store received other bytes than were sent
└── RetentionNotKept     the lock that was set is not the one that is read back
"""

from chassis.errors import Later, Rejected

# Seconds until the next try.
_SOON, _PATIENTLY = 5.0, 30.0


class StagingMissing(Rejected):
    """Nothing in staging."""

    def __init__(self) -> None:
        super().__init__("staging_missing", "neither staging nor the GED holds the document")


class HashDiffers(Rejected):
    """The bytes in staging were changed."""

    def __init__(self) -> None:
        super().__init__("hash_differs", "the bytes in staging are not the announced ones")


class OtherContent(Rejected):
    """The key is taken."""

    def __init__(self) -> None:
        super().__init__("ged_holds_other_content", "other content lies at the document's key in the GED")


class CopyMissing(Rejected):
    """Somebody took the archived version away."""

    def __init__(self) -> None:
        super().__init__("ged_copy_missing", "the archived version is no longer in the GED")


class ErasureRefused(Rejected):
    """A locked version."""

    def __init__(self) -> None:
        super().__init__("erasure_refused", "the store keeps a version of the document: it is locked")


class OneInTrouble(Later):
    """One bad object, or a failure that has passed already."""

    def __init__(self, code: str) -> None:
        super().__init__(code, delay=_SOON)


class NotArchivedYet(Later):
    """The bus promises no order."""

    def __init__(self) -> None:
        super().__init__("not_archived_yet", delay=_SOON)


class CopyVanished(Later):
    """Somebody else is at work on the key."""

    def __init__(self) -> None:
        super().__init__("ged_copy_vanished", delay=_SOON)


class ChecksumDisputed(Later):
    """What was read and checked here did not arrive as such."""

    def __init__(self) -> None:
        super().__init__("checksum_disputed", delay=_PATIENTLY)


class RetentionNotKept(Later):
    """The store acknowledged a lock that it does not have."""

    def __init__(self) -> None:
        super().__init__("retention_not_kept", delay=_PATIENTLY)
