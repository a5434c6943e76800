"""Sessions of whoever a test makes up, signed with a running catalog's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog.session import Sessions
from catalog.signing import SigningKeys
from contracts.directory import Subject


def session_of(subject: Subject, *, env: Mapping[str, str]) -> str:
    """A session token. `env` is the catalog's environment."""
    keys = SigningKeys.load(Path(env["CATALOG_SESSION_KEYS_DIR"]))
    issuer, audience = env["CATALOG_AUTH__ISSUER"], env["CATALOG_AUTH__AUDIENCE"]
    bus: Any = None  # signing needs none
    sessions = Sessions(keys, bus, lambda: datetime.now(UTC), issuer=issuer, audience=audience)
    return sessions.token(subject)
