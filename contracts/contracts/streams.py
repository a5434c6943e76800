"""The JetStream streams and buckets, as data: whoever provisions a NATS server declares exactly these."""

from dataclasses import dataclass

from contracts.subjects import ALL, AUDIT_ROOT, DEAD_ROOT, WAKE_ROOT


@dataclass(frozen=True)
class Stream:
    """A stream. Ages and windows are seconds, sizes bytes, 0 meaning no limit; `schedules` allows messages sent for
    later; a `work_queue` drops a message once it is acknowledged."""

    name: str
    subjects: tuple[str, ...]
    max_age: float = 0
    max_bytes: int = 0
    duplicate_window: float = 120
    schedules: bool = False
    work_queue: bool = False
    replicas: int = 1


@dataclass(frozen=True)
class Bucket:
    """A key-value bucket, read with direct gets. `ttl` is seconds, 0 meaning for good."""

    name: str
    ttl: float = 0
    replicas: int = 1


# No age or size limit: the catalog is rebuilt from it for as long as documents live.
DOCUMENTS = Stream("CONNECT_DOCUMENTS", (ALL,), duplicate_window=600)
# What the journal is written from; kept as well, so that the journal of a lost database can be written again.
AUDIT = Stream("CONNECT_AUDIT", (f"{AUDIT_ROOT}.>",), duplicate_window=600)
WAKE = Stream("CONNECT_WAKE", (f"{WAKE_ROOT}.>",), schedules=True, work_queue=True)
DEAD = Stream("CONNECT_DEAD", (f"{DEAD_ROOT}.>",))
# The broker's own word on messages that no consumer will be given again.
ADVISORIES = Stream(
    "CONNECT_ADVISORIES",
    tuple(f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.>" for kind in ("MAX_DELIVERIES", "MSG_TERMINATED")),
    max_age=30 * 86400,
    max_bytes=64 * 1024 * 1024,
)
STREAMS = (DOCUMENTS, AUDIT, WAKE, DEAD, ADVISORIES)

DIRECTORY = Bucket("DIRECTORY")
# As long as a token counts: eight hours, and a little for clocks that differ.
REVOKED = Bucket("REVOKED", ttl=8 * 3600 + 120)
BUCKETS = (DIRECTORY, REVOKED)
