"""Tokens of further issuers: believed for who somebody is, and for nothing else."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from chassis.auth import LONGEST_SESSION, Authenticator, Role, subject_hash
from chassis.issuers import PROVIDER_ALGORITHMS, Trust, portal_of
from chassis.problem import Problem
from chassis.settings import AuthSettings, IssuerSettings, ServiceSettings
from fastapi import Request
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey, RSAKey
from pydantic import ValidationError

ISSUER, MOBILE = "https://portal.example", "https://mobile.example"
SETTINGS = AuthSettings(issuer=ISSUER, jwks_url=f"{ISSUER}/.well-known/jwks.json")
KEY = OKPKey.generate_key("Ed25519", auto_kid=True)
# Made once: making an RSA key takes long.
MOBILE_KEY = RSAKey.generate_key(2048, auto_kid=True)


class Held:
    def __init__(self, key: OKPKey | RSAKey) -> None:
        self._key = key

    async def keys(self, *, kid: str) -> KeySet:
        return KeySet([type(self._key).import_key(self._key.as_dict(private=False))])


@dataclass(frozen=True)
class Entry:
    """What the directory says of somebody."""

    name: str = "SOMEBODY"
    email: str = "somebody@example.org"
    role: Role = "client"
    office: str = "14"
    clients: tuple[str, ...] = ("earl-du-chene",)


KNOWN = {"somebody": Entry()}


def both(revoked: Mapping[str, bytes] | None = None) -> Authenticator:
    mobile = Trust(MOBILE, "documents", Held(MOBILE_KEY), PROVIDER_ALGORITHMS)
    portal = portal_of(SETTINGS, Held(KEY))
    return Authenticator(portal, known=KNOWN.get, revoked=lambda: revoked or {}, further=(mobile,))


def mobile_token(**changes: Any) -> str:
    now = time.time()
    made = {"iss": MOBILE, "aud": "documents", "sub": "somebody", "iat": now, "exp": now + 60, **changes}
    return jwt.encode({"alg": "RS256", "kid": MOBILE_KEY.kid}, made, MOBILE_KEY, algorithms=["RS256"])


def session(**changes: Any) -> str:
    now = time.time()
    made = {"iss": ISSUER, "aud": "connect", "sub": "somebody", "iat": now, "exp": now + 60, **vars(Entry()), **changes}
    return jwt.encode({"alg": "Ed25519", "kid": KEY.kid}, made, KEY, algorithms=["Ed25519"])


def request(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


async def test_of_a_further_issuer_only_the_sub_counts() -> None:
    boast = {"role": "admin", "office": "53", "clients": ["everybody"], "name": "ROOT"}
    who = await both().identify(mobile_token(**boast))
    assert Entry(who.name, who.email, who.role, who.office, who.clients) == KNOWN["somebody"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "connect"},
        {"aud": None},
        {"iss": "https://another.example"},
        {"iss": ISSUER},
        {"sub": "stranger"},
        {"exp": time.time() - 60},
        {"iat": time.time() - LONGEST_SESSION - 60},
    ],
)
async def test_a_further_issuer_s_token_must_be_for_us_and_of_somebody_we_know(changes: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        await both().identify(mobile_token(**changes))
    assert refused.value.status == 401


async def test_a_further_issuer_s_token_counts_no_longer_than_a_session() -> None:
    """What is open by it, a live stream, ends then: ended sessions are remembered for no longer."""
    now = int(time.time())
    assert (await both().identify(mobile_token(iat=now, exp=now + 30 * 86400))).expires_at == now + LONGEST_SESSION
    assert (await both().identify(mobile_token(iat=now, exp=now + 60))).expires_at == now + 60


async def test_an_issuer_that_is_not_configured_is_not_believed() -> None:
    only_the_portal = Authenticator(portal_of(SETTINGS, Held(KEY)), known=KNOWN.get, revoked=dict)
    with pytest.raises(Problem):
        await only_the_portal.identify(mobile_token())


async def test_no_issuer_signs_in_another_s_name() -> None:
    for forged in (mobile_token(iss=ISSUER, aud="connect", **vars(Entry())), session(iss=MOBILE, aud="documents")):
        with pytest.raises(Problem):
            await both().identify(forged)
    assert await both().identify(session())


async def test_a_further_issuer_s_token_ends_with_all_other_sessions() -> None:
    revoked = {subject_hash("somebody"): f"{time.time() + 1:.3f}".encode()}
    with pytest.raises(Problem):
        await both(revoked).identify(mobile_token())


async def test_a_further_issuer_s_public_key_is_no_secret_of_ours() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": MOBILE_KEY.kid}).encode()).decode().rstrip("=")
    signed = f"{header}.{mobile_token().split('.')[1]}"
    mac = hmac.digest(MOBILE_KEY.as_pem(private=False), signed.encode(), "sha256")
    with pytest.raises(Problem):
        await both().identify(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


async def test_only_the_portal_s_own_session_counts_as_a_cookie() -> None:
    assert await both()(request(authorization=f"Bearer {mobile_token()}"))
    with pytest.raises(Problem):
        await both()(request(cookie=f"connect_session={mobile_token()}"))
    assert await both()(request(cookie=f"connect_session={session()}"))


def test_an_issuer_stands_once_in_the_settings() -> None:
    again = IssuerSettings(issuer=ISSUER, audience="x", jwks_url="https://evil.example/jwks")
    with pytest.raises(ValidationError, match="stands twice"):
        AuthSettings(issuer=ISSUER, jwks_url=ISSUER, further=(again,))


def test_they_are_configured_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(ServiceSettings, env_prefix="PROBE_"):
        auth: AuthSettings

    environment = {
        "PORT": "1", "NATS_URL": "nats://x", "NATS_USER": "x", "NATS_PASSWORD": "x", "MONGO_URL": "x",
        "MONGO_DATABASE": "x", "AUTH__ISSUER": ISSUER, "AUTH__JWKS_URL": ISSUER,
        "AUTH__FURTHER": f'[{{"issuer": "{MOBILE}", "audience": "documents", "jwks_url": "{MOBILE}/jwks"}}]',
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(f"PROBE_{name}", value)
    (mobile,) = Settings().auth.further
    assert mobile == IssuerSettings(issuer=MOBILE, audience="documents", jwks_url=f"{MOBILE}/jwks")
