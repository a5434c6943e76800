"""Sessions of whoever a test makes up, signed with a running catalog's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from catalog.session import Sessions
from catalog.signing import SigningKeys
from contracts.directory import Subject


def session_of(subject: Subject, *, env: Mapping[str, str]) -> str:
    """A session token. `env` is the catalog's environment."""
    keys = SigningKeys.load(Path(env["CATALOG_SESSION_KEYS_DIR"]))
    issuer, audience = env["CATALOG_AUTH__ISSUER"], env["CATALOG_AUTH__AUDIENCE"]
    sessions = Sessions(keys, None, issuer=issuer, audience=audience)  # type: ignore[arg-type]  # signing needs none
    return sessions.token(subject)
