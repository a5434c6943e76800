"""Who is asking: the person that a token proves, as the directory has them now.

A token comes as `Authorization: Bearer` or, if it is the portal's, in the session cookie; a cookie alone does not
authorise an unsafe request from another origin.
"""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from fastapi import Request
from joserfc import jws
from joserfc.errors import JoseError

from chassis.issuers import Trust
from chassis.problem import Problem

COOKIE = "connect_session"
Role = Literal["client", "collaborator", "admin"]
_ROLES = ("client", "collaborator", "admin")
_SAFE = {"GET", "HEAD", "OPTIONS"}
# Seconds. Ended sessions are remembered for as long, so that a token which is older can not be known to stand.
LONGEST_SESSION = 8 * 3600
_LEEWAY = 30


@dataclass(frozen=True)
class Identity:
    """Who signed in. `clients` are the accounts a client may act for; a collaborator's come from the directory.

    `issued_at` (with its fraction) and `expires_at` are seconds since the epoch.
    """

    sub: str
    name: str
    email: str
    role: Role
    office: str
    clients: tuple[str, ...]
    issued_at: float
    expires_at: int


class Known(Protocol):
    """What the directory says of a person now."""

    @property
    def name(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def office(self) -> str: ...

    @property
    def clients(self) -> tuple[str, ...]: ...


async def _everybody(_request: Request, _identity: Identity) -> None:
    """Lets in whoever is who they say."""


async def _uncounted(_request: Request) -> None:
    """Has nothing to add to a 401."""


class Authenticator:
    """Turns a request into an Identity, or into the problem why not.

    Role, office and accounts are the directory's: `known` gives what it says of a `sub` now, None where it knows nobody
    (any more). The portal's sessions carry what it said at sign-in, which can only take away from that; the claims of
    `further` issuers decide nothing. `revoked` gives, for each hash of a `sub`, the time (seconds since the epoch)
    before which its tokens are void. Both may raise Unavailable. `admit` is asked once for a request, of whoever it
    proved to come from, and raises the Problem why they are not let in now. `deny` is asked once for a request without
    a valid session, before it is answered 401, and may raise the Problem of one too many.
    """

    def __init__(
        self,
        portal: Trust,
        *,
        known: Callable[[str], Known | None],
        revoked: Callable[[], Mapping[str, bytes]],
        further: Sequence[Trust] = (),
        admit: Callable[[Request, Identity], Awaitable[None]] = _everybody,
        deny: Callable[[Request], Awaitable[None]] = _uncounted,
    ) -> None:
        self._portal = portal
        self._further = {trust.issuer: trust for trust in further}
        self._known = known
        self._revoked = revoked
        self._admit = admit
        self._deny = deny

    async def __call__(self, request: Request) -> Identity:
        """A FastAPI dependency; it may be asked again for the same request. Raises Problem, Unavailable."""
        known: Identity | None = getattr(request.state, "identity", None)
        if known is None:
            known = await self.recognise(request)
            await self._admit(request, known)
            request.state.identity = known
        return known

    async def recognise(self, request: Request) -> Identity:
        """Who sends it, admitted or not. Raises Problem, Unavailable."""
        try:
            return await self._recognised(request)
        except Problem as refused:
            if refused.status == 401:
                await self._deny(request)
            raise

    async def identify(self, token: str) -> Identity:
        """The identity that a bearer token proves, whoever of those we trust has issued it.

        Raises Problem 401, Unavailable.
        """
        return await self._proven(token, by=self._further.get(_unverified_issuer(token), self._portal))

    def current(self, identity: Identity) -> Identity | None:
        """What is left of a proven identity now: None once its sessions were ended, or its role or office is another's,
        or it is a client's without an account. Raises Unavailable."""
        known = self._known(identity.sub)
        if known is None or (known.role, known.office) != (identity.role, identity.office):
            return None
        if identity.issued_at < self._void_before(identity.sub):
            return None
        clients = tuple(client for client in identity.clients if client in known.clients)
        if identity.role == "client" and not clients:
            return None
        return replace(identity, clients=clients)

    def check_origin(self, request: Request) -> None:
        """Raises Problem 403 for an unsafe request that a page of another site may have sent.

        No page can send a bearer token with it unless we allow it to, and we allow none.
        """
        if request.method in _SAFE or _bearer_of(request):
            return
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        # Browsers send Origin with every unsafe request, but for some old ones; then this site's own pages say so.
        own = site == "same-origin" if origin is None else origin == self._portal.issuer
        if not own or site not in (None, "same-origin"):
            raise Problem(403, "cross_origin", "La demande vient d’un autre site.")

    async def _recognised(self, request: Request) -> Identity:
        if bearer := _bearer_of(request):
            return await self.identify(bearer)
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            raise unauthenticated()
        self.check_origin(request)
        return await self._proven(cookie, by=self._portal)

    async def _proven(self, token: str, *, by: Trust) -> Identity:
        try:
            claims = await by.claims(token)
            if by is not self._portal:
                claims = {**claims, **self._said_of(str(claims["sub"]))}
            identity = _identity(claims)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            raise unauthenticated() from None
        current = self.current(identity)
        if current is None or identity.issued_at < time.time() - LONGEST_SESSION - _LEEWAY:
            raise unauthenticated()
        return current

    def _said_of(self, sub: str) -> dict[str, Any]:
        known = self._known(sub)
        if known is None:
            raise unauthenticated()
        return {name: getattr(known, name) for name in ("name", "email", "role", "office", "clients")}

    def _void_before(self, sub: str) -> float:
        entry = self._revoked().get(subject_hash(sub))
        return float(entry) if entry else 0.0


def subject_hash(sub: str) -> str:
    """The key of a person in the bucket of revoked sessions: no name of theirs stands there."""
    return hashlib.sha256(sub.encode()).hexdigest()


def unauthenticated() -> Problem:
    """The 401 for a missing, expired or unacceptable token; which of them is nobody's business."""
    detail = "Votre session a expiré. Connectez-vous de nouveau."
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _bearer_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unverified_issuer(token: str) -> str:
    """Who a token says has issued it, empty when it doesn't say: only whose keys to try."""
    try:
        return str(json.loads(jws.extract_compact(token.encode()).payload).get("iss", ""))
    except (JoseError, ValueError, AttributeError, RecursionError):
        return ""


def _identity(claims: dict[str, Any]) -> Identity:
    role = claims["role"]
    if role not in _ROLES:
        raise ValueError(role)
    return Identity(
        sub=str(claims["sub"]),
        name=str(claims["name"]),
        email=str(claims.get("email", "")),
        role=role,
        office=str(claims["office"]),
        clients=tuple(map(str, claims.get("clients", ()))),
        issued_at=float(claims["iat"]),
        # Some further issuers' tokens last longer, but ended sessions are remembered for no longer than that.
        expires_at=min(int(claims["exp"]), int(claims["iat"]) + LONGEST_SESSION),
    )
