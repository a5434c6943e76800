"""Sessions: the token and the cookie that say who has signed in.

Role, office and accounts come from the directory by the provider's `sub`; the provider's own claims decide nothing.
"""

import uuid

from chassis.auth import COOKIE, LONGEST_SESSION, subject_hash
from chassis.bus import Bus
from chassis.kv import put
from contracts.directory import Subject
from contracts.streams import REVOKED
from starlette.responses import Response

from catalog.ports import Clock
from catalog.signing import SigningKeys


class Sessions:
    """Makes and ends sessions. `issuer` is the portal's public origin.

    Which of them a revocation ends, their times decide: `clock` has to be one for all replicas.
    """

    def __init__(self, keys: SigningKeys, bus: Bus, clock: Clock, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._bus = bus
        self._clock = clock
        self._issuer = issuer
        self._audience = audience

    def token(self, subject: Subject) -> str:
        """A fresh session token."""
        now = round(self._clock().timestamp(), 3)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject.sub,
            "name": subject.name,
            "email": subject.email,
            "role": subject.role,
            "office": subject.office,
            "iat": now,
            "exp": int(now) + LONGEST_SESSION,
            "jti": str(uuid.uuid4()),
        }
        if subject.role == "client":
            claims["clients"] = list(subject.clients)
        return self._keys.sign(claims)

    async def revoke(self, sub: str) -> None:
        """End all sessions this person has, everywhere. Raises Unavailable: they may or may not be ended."""
        now = f"{self._clock().timestamp():.3f}"
        await put(self._bus, bucket=REVOKED.name, key=subject_hash(sub), value=now.encode())


def give_cookie(response: Response, token: str) -> None:
    """Hand the session to the browser. `Secure` also holds on localhost, which browsers trust like HTTPS."""
    response.set_cookie(COOKIE, token, max_age=LONGEST_SESSION, path="/", secure=True, httponly=True, samesite="lax")


def take_cookie(response: Response) -> None:
    """Have the browser forget the session."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
