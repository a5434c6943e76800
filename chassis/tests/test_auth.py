"""Who is asking: which tokens are believed, which are not, and what the directory leaves of them."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from chassis.auth import LONGEST_SESSION, Authenticator, Role, subject_hash
from chassis.errors import Unavailable
from chassis.issuers import portal_of
from chassis.problem import Problem
from chassis.settings import AuthSettings
from fastapi import Request
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

ISSUER = "https://portal.example"
SETTINGS = AuthSettings(issuer=ISSUER, audience="connect", jwks_url=f"{ISSUER}/.well-known/jwks.json")
KEY = OKPKey.generate_key("Ed25519", auto_kid=True)


class Held:
    async def keys(self, *, kid: str) -> KeySet:
        return KeySet([OKPKey.import_key(KEY.as_dict(private=False))])


@dataclass(frozen=True)
class Entry:
    """What the directory says of somebody."""

    name: str = "SOMEBODY"
    email: str = "somebody@example.org"
    role: Role = "client"
    office: str = "14"
    clients: tuple[str, ...] = ("earl-du-chene",)


KNOWN = {"somebody": Entry(), "somebody-else": Entry()}


def claims(**changes: Any) -> dict[str, Any]:
    now = time.time()
    made = {
        "iss": ISSUER,
        "aud": "connect",
        "sub": "somebody",
        "name": "SOMEBODY",
        "email": "somebody@example.org",
        "role": "client",
        "office": "14",
        "clients": ["earl-du-chene"],
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(key: OKPKey = KEY, **changes: Any) -> str:
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims(**changes), key, algorithms=["Ed25519"])


def authenticator(revoked: Mapping[str, bytes] | None = None, *, known: Mapping[str, Entry] = KNOWN) -> Authenticator:
    return Authenticator(portal_of(SETTINGS, Held()), known=known.get, revoked=lambda: revoked or {})


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": raw})


async def test_a_session_says_who_is_asking() -> None:
    who = await authenticator().identify(token())
    assert (who.sub, who.role, who.office, who.clients) == ("somebody", "client", "14", ("earl-du-chene",))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "connect-login"},
        {"aud": None},
        {"exp": time.time() - 60},
        {"exp": None},
        {"exp": float("nan")},
        {"iat": time.time() - LONGEST_SESSION - 60, "exp": time.time() + 60},
        {"nbf": time.time() + 600},
        {"iat": time.time() + 600},
        {"iat": None},
        {"sub": None},
        {"sub": ["somebody"]},
        {"role": "root"},
        {"role": None},
        {"office": None},
    ],
)
async def test_a_token_with_a_wrong_or_missing_claim_is_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        await authenticator().identify(token(**changes))
    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")


def unsigned() -> str:
    return token().rsplit(".", 1)[0] + "."


def declared_unsigned() -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": KEY.kid}).encode()).decode().rstrip("=")
    return f"{header}.{token().split('.')[1]}."


def signed_with_the_public_key_as_secret() -> str:
    secret = OctKey.import_key(str(KEY.as_dict(private=False)["x"]) * 2)
    return jwt.encode({"alg": "HS256", "kid": KEY.kid}, claims(), secret, algorithms=["HS256"])


def signed_by_another_under_our_name() -> str:
    other = OKPKey.generate_key("Ed25519")
    return jwt.encode({"alg": "Ed25519", "kid": KEY.kid}, claims(), other, algorithms=["Ed25519"])


def signed_by_an_unknown_key() -> str:
    return token(OKPKey.generate_key("Ed25519", auto_kid=True))


@pytest.mark.parametrize(
    "forged",
    [
        unsigned,
        declared_unsigned,
        signed_with_the_public_key_as_secret,
        signed_by_another_under_our_name,
        signed_by_an_unknown_key,
        lambda: "",
        lambda: "é.é.é",
        lambda: "a.b.c",
    ],
)
async def test_a_forged_token_is_not_believed(forged: Any) -> None:
    with pytest.raises(Problem) as refused:
        await authenticator().identify(forged())
    assert refused.value.status == 401


async def test_a_session_ended_everywhere_is_void_and_the_next_one_is_not() -> None:
    now = time.time()
    revoked = {subject_hash("somebody"): f"{now:.3f}".encode()}
    with pytest.raises(Problem):
        await authenticator(revoked).identify(token(iat=now - 0.2))
    assert await authenticator(revoked).identify(token(iat=now + 0.2))
    assert await authenticator(revoked).identify(token(iat=now - 0.2, sub="somebody-else"))


FOREIGN = {"origin": "https://evil.example"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        FOREIGN,
        {"origin": "null"},
        {"origin": ISSUER + ".evil.example"},
        {"origin": ISSUER, "sec-fetch-site": "cross-site"},
        {"origin": ISSUER, "sec-fetch-site": "same-site"},
        {"origin": "https://other.portal.example", "sec-fetch-site": "same-site"},
        {**FOREIGN, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_cookie_alone_does_not_authorise_another_site_to_change_anything(
    method: str, headers: dict[str, str]
) -> None:
    cookie = f"connect_session={token()}"
    with pytest.raises(Problem) as refused:
        await authenticator()(request(method, cookie=cookie, **headers))
    assert (refused.value.status, refused.value.code) == (403, "cross_origin")
    assert await authenticator()(request("GET", cookie=cookie, **headers))


@pytest.mark.parametrize(
    "headers",
    [{"origin": ISSUER}, {"origin": ISSUER, "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "same-origin"}],
)
async def test_this_site_s_own_pages_change_things_with_their_cookie(headers: dict[str, str]) -> None:
    assert await authenticator()(request("POST", cookie=f"connect_session={token()}", **headers))


async def test_a_forged_cookie_is_no_session_on_this_site_either() -> None:
    with pytest.raises(Problem) as refused:
        await authenticator()(request("POST", cookie=f"connect_session={declared_unsigned()}", origin=ISSUER))
    assert refused.value.status == 401


async def test_a_bearer_token_needs_no_origin() -> None:
    assert await authenticator()(request("POST", authorization=f"Bearer {token()}", **FOREIGN))


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic c29tZWJvZHk6"])
async def test_another_authorization_does_not_spare_a_cookie_its_origin(header: str) -> None:
    with pytest.raises(Problem) as refused:
        await authenticator()(request("POST", cookie=f"connect_session={token()}", authorization=header, **FOREIGN))
    assert refused.value.status == 403


async def test_a_request_is_looked_at_once() -> None:
    class Counting(Held):
        asked = 0

        async def keys(self, *, kid: str) -> KeySet:
            self.asked += 1
            return await super().keys(kid=kid)

    held, asking = Counting(), request(authorization=f"Bearer {token()}")
    authenticate = Authenticator(portal_of(SETTINGS, held), known=KNOWN.get, revoked=dict)
    assert await authenticate(asking) is await authenticate(asking)
    assert held.asked == 1


async def test_without_a_token_nobody_is_asking() -> None:
    with pytest.raises(Problem) as refused:
        await authenticator()(request())
    assert refused.value.status == 401


async def test_a_session_has_no_account_that_the_directory_has_taken_back() -> None:
    known = {"somebody": Entry(clients=("pont", "ferme"))}
    who = await authenticator(known=known).identify(token(clients=["chene", "pont"]))
    assert who.clients == ("pont",)


@pytest.mark.parametrize(
    "entry",
    [None, Entry(clients=("ferme",)), Entry(office="53"), Entry(role="collaborator", clients=()), Entry(role="admin")],
)
async def test_a_session_ends_with_the_place_in_the_directory_it_was_made_for(entry: Entry | None) -> None:
    before, known = await authenticator().identify(token()), {"somebody": entry} if entry else {}
    with pytest.raises(Problem) as refused:
        await authenticator(known=known).identify(token())
    assert refused.value.status == 401
    assert authenticator().current(before) == before
    assert authenticator(known=known).current(before) is None


async def test_a_session_that_was_ended_is_nobody_s() -> None:
    before = await authenticator().identify(token())
    assert authenticator({subject_hash("somebody"): f"{time.time() + 1:.3f}".encode()}).current(before) is None


async def test_without_a_directory_everybody_must_wait() -> None:
    def unread(_: str) -> Entry:
        raise Unavailable("bucket_not_read")

    with pytest.raises(Unavailable):
        await Authenticator(portal_of(SETTINGS, Held()), known=unread, revoked=dict).identify(token())


async def test_whoever_has_no_valid_session_is_counted_before_they_are_told_so() -> None:
    counted: list[Request] = []

    async def deny(asking: Request) -> None:
        counted.append(asking)
        if len(counted) > 2:
            raise Problem(429, "too_many_requests", "Trop de demandes.")

    authenticate = Authenticator(portal_of(SETTINGS, Held()), known=KNOWN.get, revoked=dict, deny=deny)
    assert await authenticate(request(authorization=f"Bearer {token()}"))
    with pytest.raises(Problem) as foreign:
        await authenticate(request("POST", cookie=f"connect_session={token()}", **FOREIGN))
    assert (foreign.value.status, counted) == (403, [])
    statuses = []
    for headers in ({}, {"authorization": f"Bearer {declared_unsigned()}"}, {"cookie": "connect_session=forged"}):
        with pytest.raises(Problem) as refused:
            await authenticate(request(**headers))
        statuses.append(refused.value.status)
    assert (statuses, len(counted)) == ([401, 401, 429], 3)
