"""Where events travel: `connect.v1.documents.<event>.<office>`; the audit trail's `connect.v1.audit.<action>.<office>`.

The office is the last token, so that a permission or a filter on it is a plain prefix-free wildcard; names of people
or clients never stand in a subject.
"""

ROOT = "connect.v1.documents"
ALL = f"{ROOT}.>"
AUDIT_ROOT = "connect.v1.audit"
WAKE_ROOT = "connect.v1.wake"
DEAD_ROOT = "connect.v1.dead"
LIVE_ROOT = "connect.v1.live"


def subject_of(event: str, office: str, *, root: str = ROOT) -> str:
    """The subject of one event of one office."""
    return f"{root}.{event}.{office}"


def every_office(event: str, *, root: str = ROOT) -> str:
    """The filter for one event of all offices."""
    return f"{root}.{event}.*"


def live(office: str, client: str) -> str:
    """The core NATS subject of live hints about one client's documents."""
    return f"{LIVE_ROOT}.{office}.{client}"
