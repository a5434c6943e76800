"""Whose tokens are believed, and the public keys to verify them with.

The portal's sessions are; so are the tokens of further issuers that the configuration names, for machines and the
mobile application. Keys are cached and outlive their issuer's absence.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis.errors import Unavailable
from chassis.settings import AuthSettings, IssuerSettings

ALGORITHMS = ("Ed25519",)
# What OpenID Connect providers sign with. All asymmetric: a public key must never pass for a shared secret.
PROVIDER_ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
# Seconds: keys are read again this often; at most this often for an unknown `kid`, and until they were read once.
_KEYS_FRESH, _KEYS_RETRY, _KEYS_FIRST_RETRY = 300.0, 5.0, 1.0
_LEEWAY = 30
# Tokens whose signature is remembered; then all are asked for again.
_TOKENS = 4096


class Keys(Protocol):
    """Where public keys come from."""

    async def keys(self, *, kid: str) -> KeySet:
        """The key set, with `kid` in it where such a key exists. Raises Unavailable."""


class IssuerKeys:
    """The issuer's public keys, read over HTTP and cached; the last ones read serve while the issuer is away."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client
        self._keys: KeySet | None = None
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def keys(self, *, kid: str) -> KeySet:
        """The key set, read again when it is old or lacks `kid`. Raises Unavailable when none was ever read."""
        if self._is_stale(kid):
            async with self._reading:
                if self._is_stale(kid):  # unless another request has just read them
                    await self._read()
        if self._keys is None:
            raise Unavailable("issuer_keys_not_read")
        return self._keys

    async def held(self) -> None:
        """A readiness check: were any read yet? Raises Unavailable."""
        if self._keys is None:
            await self.keys(kid="")

    def _is_stale(self, kid: str) -> bool:
        age = time.monotonic() - self._read_at
        if self._keys is None:
            return age > _KEYS_FIRST_RETRY
        known = any(key.kid == kid for key in self._keys.keys)
        return age > (_KEYS_FRESH if known else _KEYS_RETRY)

    async def _read(self) -> None:
        self._read_at = time.monotonic()
        try:
            answer = await self._client.get(self._url, timeout=2)
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            if self._keys is None:
                raise Unavailable("issuer_keys_not_read") from error


class _Signed:
    """Remembers what was signed: whoever sends documents sends the same token each time.

    Whether its claims hold now is not asked here. A key set that is read anew is another: a key that is gone signs
    nothing.
    """

    def __init__(self) -> None:
        self._keys: KeySet | None = None
        self._claims: dict[str, dict[str, Any]] = {}

    def claims(self, token: str, keys: KeySet, *, algorithms: Sequence[str]) -> dict[str, Any]:
        """The claims of a token that one of these keys signed. Raises JoseError, ValueError for any other."""
        if keys is not self._keys or len(self._claims) >= _TOKENS:
            self._keys = keys
            self._claims.clear()
        if token not in self._claims:
            self._claims[token] = jwt.decode(token, keys, algorithms=list(algorithms)).claims
        return dict(self._claims[token])


@dataclass(frozen=True)
class Trust:
    """One issuer whose tokens are believed, and for what."""

    issuer: str
    audience: str
    keys: Keys
    algorithms: Sequence[str]
    _signed: _Signed = field(default_factory=_Signed, compare=False, repr=False)

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that this issuer signed for us and that has not expired.

        Raises JoseError, ValueError, KeyError, TypeError or RecursionError for any other, Unavailable.
        """
        keys = await self.keys.keys(kid=unverified_kid(token))
        claims = self._signed.claims(token, keys, algorithms=self.algorithms)
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(claims)
        return claims


def portal_of(settings: AuthSettings, keys: Keys) -> Trust:
    """The portal, which signs the sessions."""
    return Trust(settings.issuer, settings.audience, keys, ALGORITHMS)


def further_of(settings: AuthSettings, client: httpx.AsyncClient) -> tuple[Trust, ...]:
    """The further issuers that the configuration names."""

    def trusted(one: IssuerSettings) -> Trust:
        return Trust(one.issuer, one.audience, IssuerKeys(one.jwks_url, client), PROVIDER_ALGORITHMS)

    return tuple(map(trusted, settings.further))


def unverified_kid(token: str) -> str:
    """The key that a token says it was signed with, empty when it doesn't say. Raises JoseError, ValueError."""
    return str(jws.extract_compact(token.encode()).headers().get("kid", ""))
