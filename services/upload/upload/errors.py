"""What can go wrong with an upload. Messages are French: the person who deposits reads them.

Rejected
└── UploadError
    ├── Malformed          the request does not follow tus, or its metadata makes no sense (400)
    ├── NotAllowed         the person may not do this to what they may see (403)
    ├── NotFound           no such upload, client or deposit for this person (404)
    ├── Conflict           the offset is another one, or the upload is past this (409)
    ├── Gone               cancelled, expired or refused (410)
    ├── TooLarge           more bytes than allowed or announced (413)
    ├── Unprocessable      well-formed and not acceptable: metadata, or the file itself
    │   └── Refused        the file's content was judged and refused
    ├── Locked             another request writes, or a verdict is pending; waiting helps (423)
    │   └── LeaseLost      another request took this upload over
    ├── ChecksumMismatch   the bytes of this request are not what its checksum says (460)
    └── Interrupted        the sender vanished in the middle of a request
        └── SessionEnded   or was signed out (401)
"""

from chassis.errors import Rejected


class UploadError(Rejected):
    """An upload that cannot go on as asked."""


class Malformed(UploadError):
    """The request does not follow tus, or its metadata makes no sense."""


class NotAllowed(UploadError):
    """A verb on something the person may see and not do."""


class NotFound(UploadError):
    """Nothing of that name that is this person's business."""

    def __init__(self, code: str = "not_found", reason: str = "Introuvable.") -> None:
        super().__init__(code, reason)


class Conflict(UploadError):
    """The offset is another one, or the upload is past this."""


class Gone(UploadError):
    """Cancelled, expired or refused: no more bytes are taken."""


class TooLarge(UploadError):
    """More bytes than allowed or announced."""


class Unprocessable(UploadError):
    """Well-formed and not acceptable."""


class Refused(Unprocessable):
    """The file's content was judged and refused."""


class Locked(UploadError):
    """Another request writes, or a verdict is pending; waiting `delay` seconds helps."""

    def __init__(self, code: str, reason: str, *, delay: float = 2.0) -> None:
        super().__init__(code, reason)
        self.delay = delay


class LeaseLost(Locked):
    """Another request took this upload over; nothing more may be written for this one."""

    def __init__(self) -> None:
        super().__init__("lease_lost", "Un autre envoi de ce fichier a pris le relais.")


class ChecksumMismatch(UploadError):
    """The bytes of this request are not what its checksum says; they were not kept."""

    def __init__(self) -> None:
        super().__init__("checksum_mismatch", "Les octets reçus ne correspondent pas à leur empreinte.")


class Interrupted(UploadError):
    """The sender vanished in the middle of a request."""

    def __init__(self) -> None:
        super().__init__("interrupted", "L’envoi a été interrompu.")


class SessionEnded(Interrupted):
    """The sender was signed out in the middle of a request."""


def parts_lost() -> Refused:
    """The store no longer has bytes that the record counts on."""
    return Refused("parts_lost", "Le fichier n’a pas pu être conservé. Transférez-le de nouveau.")


def verdict_pending() -> Locked:
    """The file is whole, and its verdict is not there yet."""
    return Locked("verdict_pending", "Le fichier est en cours de vérification. Patientez quelques instants.")
