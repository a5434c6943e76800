"""A sign-in under way: what must be remembered between leaving for the provider and coming back.

It travels in a signed cookie of ten minutes, so any replica can finish what another began. Each attempt has a cookie
of its own: several tabs may sign in at once.
"""

import base64
import hashlib
import re
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Self

from chassis.issuers import ALGORITHMS
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from catalog.signing import SigningKeys

ATTEMPT_SECONDS = 600
# Not the audience of sessions: this cookie must never pass for one.
_AUDIENCE = "connect-login"
_RELATIVE = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


@dataclass(frozen=True)
class Attempt:
    """`state` binds the answer to this browser, `nonce` the ID token to this attempt, `verifier` is PKCE's secret.

    `next` is where the person wanted to go: a path of this site.
    """

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def begin(cls, wanted: str) -> Self:
        """A new attempt; `wanted` counts only when it is a path of this site."""
        target = wanted if _RELATIVE.fullmatch(wanted) else "/"
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state=state, nonce=nonce, verifier=verifier, next=target)

    @property
    def challenge(self) -> str:
        """The verifier's S256 challenge (RFC 7636)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def sealed(self, keys: SigningKeys) -> str:
        """The cookie's value."""
        return keys.sign({**asdict(self), "aud": _AUDIENCE, "exp": int(time.time()) + ATTEMPT_SECONDS})


def opened(sealed: str, keys: KeySet) -> Attempt | None:
    """The attempt in a cookie; None when it is not ours or too old."""
    registry = jwt.JWTClaimsRegistry(aud={"essential": True, "value": _AUDIENCE}, exp={"essential": True})
    try:
        claims = jwt.decode(sealed, keys, algorithms=list(ALGORITHMS)).claims
        registry.validate(claims)
        return Attempt(**{name: str(claims[name]) for name in ("state", "nonce", "verifier", "next")})
    except (JoseError, ValueError, KeyError):
        return None


def cookie_name(state: str) -> str:
    """The cookie of the attempt with this state."""
    return f"connect_login_{re.sub(r'[^A-Za-z0-9_-]', '', state)[:12]}"
