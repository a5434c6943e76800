"""The OpenID Connect provider (authorization code flow with PKCE), as its client sees it."""

import time
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from chassis.errors import Rejected, Unavailable
from chassis.issuers import PROVIDER_ALGORITHMS, IssuerKeys, unverified_kid
from joserfc import jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, ConfigDict, ValidationError

from catalog.attempt import Attempt
from catalog.settings import OidcSettings

# Seconds.
_METADATA_FRESH, _TIMEOUT, _LEEWAY = 3600.0, 5.0, 60


class SignInRefused(Rejected):
    """What came back from the provider does not prove who this is. The code says why, for logs and metrics."""


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id_token: str | None = None
    error: str | None = None


class Provider:
    """Where people sign in. What it publishes about itself is read when first needed, and kept."""

    def __init__(self, settings: OidcSettings, *, redirect_uri: str, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._client = client
        self._metadata: _Metadata | None = None
        self._keys: IssuerKeys | None = None
        self._read_at = 0.0

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where to send the browser. Raises Unavailable."""
        metadata, _ = await self._known()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}"

    async def subject(self, code: str, attempt: Attempt) -> str:
        """The `sub` of whoever signed in, proven by the ID token. Raises SignInRefused, Unavailable."""
        metadata, keys = await self._known()
        token = await self._exchange(metadata.token_endpoint, code=code, verifier=attempt.verifier)
        try:
            known = await keys.keys(kid=unverified_kid(token))
            claims = jwt.decode(token, known, algorithms=list(PROVIDER_ALGORITHMS)).claims
            self._check(claims, attempt.nonce)
        except (JoseError, ValueError) as error:
            raise SignInRefused("id_token_invalid", type(error).__name__) from None
        return str(claims["sub"])

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        client_id = self._settings.client_id
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": client_id},
            azp={"essential": isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(claims)

    async def _exchange(self, endpoint: str, *, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        # RFC 6749, 2.3.1: both are form-encoded before they go into the header.
        secret = self._settings.client_secret.get_secret_value()
        auth = (quote(self._settings.client_id, safe=""), quote(secret, safe=""))
        try:
            answer = await self._client.post(endpoint, data=form, auth=auth, timeout=_TIMEOUT)
            body = _Answer.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise Unavailable("provider_unreachable") from error
        if answer.status_code == 400 and body.error == "invalid_grant":
            raise SignInRefused("code_refused")
        if answer.status_code != 200 or body.id_token is None:
            # Our client id, secret or scope are not accepted, or it is out of order: nobody can sign in.
            raise Unavailable("provider_refused")
        return body.id_token

    async def _known(self) -> tuple[_Metadata, IssuerKeys]:
        if self._metadata is None or self._keys is None or time.monotonic() - self._read_at > _METADATA_FRESH:
            metadata = await self._read()
            if self._metadata is None or self._keys is None or metadata != self._metadata:
                self._keys = IssuerKeys(metadata.jwks_uri, self._client)
            self._metadata, self._read_at = metadata, time.monotonic()
        return self._metadata, self._keys

    async def _read(self) -> _Metadata:
        address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = await self._client.get(address, timeout=_TIMEOUT)
            answer.raise_for_status()
            metadata = _Metadata.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise Unavailable("provider_unreachable") from error
        if metadata.issuer != self._settings.issuer:
            raise Unavailable("provider_is_another")
        return metadata
