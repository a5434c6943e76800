"""The three failures a handler may state. Anything else it raises is a bug.

Failure
├── Unavailable   something everybody needs is down; waiting helps
├── Later         this one message must wait; the others go on
└── Rejected      the input's fault; waiting does not help

Each has a stable `code`, used alike in HTTP answers, dead letters, metrics and logs. `str()` is a reason for people and
holds no personal data.
"""


class Failure(Exception):
    """What went wrong, as one stable `code` and a reason."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(reason or code)
        self.code = code


class Unavailable(Failure):
    """A store, database, broker or relay is down for everybody: 503, or the worker waits for all."""


class Later(Failure):
    """Only this message must wait, `delay` seconds: the worker puts it off and goes on with the others."""

    def __init__(self, code: str, reason: str = "", *, delay: float) -> None:
        super().__init__(code, reason)
        self.delay = delay


class Rejected(Failure):
    """The input is at fault: a 4xx, or a dead letter."""
