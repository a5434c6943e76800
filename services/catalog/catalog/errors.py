"""Why the catalog says no to a person, each with a stable `code` and a French sentence for them.

Failure (chassis)
└── Refusal
    ├── NotFound    404  there is none, or it isn't theirs: no answer tells which
    ├── Forbidden   403  a verb that is not theirs, on what they may see
    ├── Conflict    409  the state the document is in does not allow it
    ├── Gone        410  withdrawn or erased: there are no bytes any more
    ├── Invalid     422  the request itself
    └── TooSoon     429  asked again before its time
"""

from typing import ClassVar

from chassis.errors import Failure


class Refusal(Failure):
    """What a person is told instead of what they asked for. `str()` is the French sentence."""

    status: ClassVar[int]


class NotFound(Refusal):
    """No such thing among what this person may see."""

    status = 404

    def __init__(self) -> None:
        super().__init__("not_found", "Introuvable.")


class Forbidden(Refusal):
    """Theirs to see, not to do."""

    status = 403


class Conflict(Refusal):
    """Another state than the verb needs."""

    status = 409


class Gone(Refusal):
    """The document's bytes were withdrawn."""

    status = 410


class Invalid(Refusal):
    """A request that cannot be meant so."""

    status = 422


class TooSoon(Refusal):
    """Asked again within `retry_after` seconds."""

    status = 429

    def __init__(self, code: str, reason: str, *, retry_after: int) -> None:
        super().__init__(code, reason)
        self.retry_after = retry_after
