"""How an issuer's public keys are read and kept."""

import asyncio
import time
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from chassis.errors import Unavailable
from chassis.issuers import ALGORITHMS, IssuerKeys, Trust
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

JWKS_URL = "https://portal.example/.well-known/jwks.json"
KEY = OKPKey.generate_key("Ed25519", auto_kid=True)


class Issuer:
    """Answers with what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Any = {"keys": [KEY.as_dict(private=False)]}
        self.status = 200

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handle))

    def _handle(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, json=self.answer)


async def test_keys_are_read_once_and_kept() -> None:
    issuer = Issuer()
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        for _ in range(3):
            await keys.keys(kid=str(KEY.kid))
    assert issuer.asked == 1


async def test_unknown_keys_do_not_make_us_ask_at_every_request() -> None:
    issuer = Issuer()
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        for number in range(20):
            await keys.keys(kid=f"unknown-{number}")
    assert issuer.asked == 1


@pytest.mark.parametrize(("status", "answer"), [(500, {}), (200, {}), (200, []), (200, {"keys": []}), (200, "no")])
async def test_the_last_keys_serve_while_the_issuer_fails(
    status: int, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer()
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        await keys.keys(kid=str(KEY.kid))
        issuer.status, issuer.answer = status, answer
        much_later = time.monotonic() + 3600
        monkeypatch.setattr("chassis.issuers.time.monotonic", lambda: much_later)
        assert [key.kid for key in await keys.keys(kid=str(KEY.kid))] == [KEY.kid]
    assert issuer.asked == 2


async def test_without_any_keys_everybody_must_wait() -> None:
    issuer = Issuer()
    issuer.status = 503
    async with issuer.client() as client:
        with pytest.raises(Unavailable):
            await IssuerKeys(JWKS_URL, client).keys(kid="any")


async def test_many_requests_at_once_ask_for_the_keys_once() -> None:
    issuer = Issuer()
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        await asyncio.gather(*(keys.keys(kid=str(KEY.kid)) for _ in range(50)))
    assert issuer.asked == 1


async def test_an_issuer_that_was_never_there_is_not_asked_at_every_request() -> None:
    issuer = Issuer()
    issuer.status = 503
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        for _ in range(20):
            with pytest.raises(Unavailable, match="issuer_keys_not_read"):
                await keys.keys(kid="any")
    assert issuer.asked == 1


async def test_a_new_key_of_the_issuer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer, newest = Issuer(), OKPKey.generate_key("Ed25519", auto_kid=True)
    async with issuer.client() as client:
        keys = IssuerKeys(JWKS_URL, client)
        await keys.keys(kid=str(KEY.kid))
        issuer.answer["keys"].append(newest.as_dict(private=False))
        monkeypatch.setattr("chassis.issuers._KEYS_RETRY", 0.0)
        found = await keys.keys(kid=str(newest.kid))
    assert newest.kid in [key.kid for key in found.keys]


class Held:
    """A key set that is held."""

    def __init__(self, *keys: OKPKey) -> None:
        self.set = KeySet(list(keys))

    async def keys(self, *, kid: str) -> KeySet:
        return self.set


def _token(**claims: object) -> str:
    now = int(time.time())
    said = {"iss": "portal", "aud": "connect", "sub": "x", "iat": now, "exp": now + 60, **claims}
    return jwt.encode({"alg": "Ed25519", "kid": str(KEY.kid)}, said, KEY, ["Ed25519"])


async def test_a_signature_is_remembered_for_as_long_as_its_key_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    held, decode = Held(KEY), Mock(wraps=jwt.decode)
    monkeypatch.setattr("chassis.issuers.jwt.decode", decode)
    trust, token = Trust("portal", "connect", held, ALGORITHMS), _token()
    for _ in range(3):
        (await trust.claims(token))["sub"] = "somebody else"
    assert (await trust.claims(token))["sub"] == "x"
    assert decode.call_count == 1
    held.set = KeySet([OKPKey.generate_key("Ed25519", auto_kid=True)])
    with pytest.raises((JoseError, ValueError)):
        await trust.claims(token)


async def test_a_remembered_token_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    trust, token = Trust("portal", "connect", Held(KEY), ALGORITHMS), _token()
    await trust.claims(token)
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(JoseError):
        await trust.claims(token)
