"""Sign-in: attempts, the keys, what the provider must prove, and who a person is. No sockets."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from catalog.attempt import Attempt, cookie_name, opened
from catalog.oidc import Provider, SignInRefused
from catalog.session import Sessions
from catalog.settings import OidcSettings
from catalog.signing import SigningKeys
from chassis.auth import LONGEST_SESSION, Authenticator, subject_hash
from chassis.errors import Unavailable
from chassis.issuers import portal_of, unverified_kid
from chassis.problem import Problem
from chassis.settings import AuthSettings
from contracts.directory import Subject
from contracts.streams import REVOKED
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey, RSAKey

PORTAL = "https://portal.example"
ISSUER = "https://provider.example"
CLIENT_ID, SECRET = "connect", "s3cr:et/+"
# Made once: making an RSA key takes long.
PROVIDER_KEY = RSAKey.generate_key(2048, auto_kid=True)


def now() -> datetime:
    return datetime.now(UTC)


def pem(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


def keys() -> SigningKeys:
    return SigningKeys(current=OKPKey.generate_key("Ed25519"), others=(OKPKey.generate_key("Ed25519"),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("current", "next"):
        (tmp_path / f"{name}.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    return tmp_path


def test_both_keys_are_published_under_their_thumbprints_and_neither_s_secret(folder: Path) -> None:
    published = SigningKeys.load(folder).published()["keys"]
    secrets = [OKPKey.import_key((folder / f"{name}.pem").read_bytes()) for name in ("current", "next")]
    assert [key["kid"] for key in published] == [secret.thumbprint() for secret in secrets]
    assert all("d" not in key and key["alg"] == "Ed25519" and key["use"] == "sig" for key in published)


def test_a_session_signed_before_a_rotation_is_still_verified_after_it(folder: Path) -> None:
    signed = SigningKeys.load(folder).sign({"sub": "x"})
    rotate(folder)
    rotated = SigningKeys.load(folder)
    assert jwt.decode(signed, rotated.public, algorithms=["Ed25519"]).claims == {"sub": "x"}
    assert unverified_kid(rotated.sign({})) != unverified_kid(signed)


def rotate(folder: Path) -> None:
    """As the runbook says."""
    (folder / "current.pem").rename(folder / "previous.pem")
    (folder / "next.pem").rename(folder / "current.pem")
    (folder / "next.pem").write_bytes(pem(Ed25519PrivateKey.generate()))


async def test_a_rotation_signs_nobody_out_while_replicas_restart_one_after_another(folder: Path) -> None:
    """Neither at a replica that was not restarted yet, nor at one that was, nor where the keys were cached before."""

    class Cached:
        def __init__(self, published: dict[str, Any]) -> None:
            self._set = KeySet.import_key_set(published)  # type: ignore[arg-type]  # a plain dict, as it came over HTTP

        async def keys(self, *, kid: str) -> KeySet:
            assert any(key.kid == kid for key in self._set.keys)
            return self._set

    before = SigningKeys.load(folder)
    cached = Cached(before.published())
    rotate(folder)
    after = SigningKeys.load(folder)
    settings = AuthSettings(issuer=PORTAL, jwks_url=PORTAL)
    for signer in (before, after):
        session = Sessions(signer, Silent(), now, issuer=PORTAL, audience="connect").token(JEANNY)
        for verifier in (before, after, cached, Cached(after.published())):
            known = {JEANNY.sub: JEANNY}.get
            authenticate = Authenticator(portal_of(settings, verifier), known=known, revoked=dict)
            assert (await authenticate.identify(session)).sub == JEANNY.sub


@pytest.mark.parametrize("content", [b"", b"no key", PROVIDER_KEY.as_pem(private=True)])
def test_a_file_that_is_no_ed25519_key_is_named(folder: Path, content: bytes) -> None:
    (folder / "next.pem").write_bytes(content)
    with pytest.raises(ValueError, match=r"next\.pem is not an Ed25519 private key"):
        SigningKeys.load(folder)


def test_a_public_key_alone_cannot_sign(folder: Path) -> None:
    key = OKPKey.import_key((folder / "current.pem").read_bytes())
    (folder / "current.pem").write_bytes(key.as_pem(private=False))
    with pytest.raises(ValueError, match=r"current\.pem is not an Ed25519 private key"):
        SigningKeys.load(folder)


@pytest.mark.parametrize("wanted", ["/", "/documents", "/documents?space=published&folder=Bilan%202020"])
def test_after_signing_in_one_comes_back_to_where_one_was(wanted: str) -> None:
    assert Attempt.begin(wanted).next == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "documents",
        "",
        "/a\nSet-Cookie: x=y",
        "/\t/evil.example",
        "/ok\n",
        " /documents",
    ],
)
def test_signing_in_never_leads_to_another_site(wanted: str) -> None:
    assert Attempt.begin(wanted).next == "/"


def test_another_replica_can_finish_an_attempt_and_nobody_can_forge_one() -> None:
    ours = keys()
    attempt = Attempt.begin("/documents")
    assert opened(attempt.sealed(ours), ours.public) == attempt
    assert opened(attempt.sealed(keys()), ours.public) is None
    assert opened("", ours.public) is None


def test_an_attempt_is_forgotten_after_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = keys()
    sealed = Attempt.begin("/").sealed(ours)
    later = time.time() + 601
    monkeypatch.setattr("time.time", lambda: later)
    assert opened(sealed, ours.public) is None


async def test_an_attempt_is_no_session_and_a_session_no_attempt() -> None:
    ours = keys()
    session = Sessions(ours, Silent(), now, issuer=PORTAL, audience="connect").token(JEANNY)
    assert opened(session, ours.public) is None
    portal = portal_of(AuthSettings(issuer=PORTAL, jwks_url=PORTAL), ours)
    authenticate = Authenticator(portal, known={JEANNY.sub: JEANNY}.get, revoked=dict)
    assert (await authenticate.identify(session)).sub == JEANNY.sub
    with pytest.raises(Problem):
        await authenticate.identify(Attempt.begin("/").sealed(ours))


def test_each_attempt_has_a_cookie_of_its_own_whatever_the_state_says() -> None:
    first, second = Attempt.begin("/"), Attempt.begin("/")
    assert cookie_name(first.state) != cookie_name(second.state)
    assert cookie_name("a;b=c\r\n").removeprefix("connect_login_") == "abc"


class ProviderAtHome:
    """Plays the provider: answers what it was given, remembers what it was asked."""

    def __init__(self) -> None:
        self.key = PROVIDER_KEY
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
        }
        self.token_answer: httpx.Response | None = None
        self.changes: dict[str, Any] = {}
        self.signer = self.key
        self.exchanged: httpx.Request | None = None
        self.nonce = ""
        self.challenge = ""
        """The one a code was asked for with; without it PKCE is not checked."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self.metadata)
        if request.url.path == "/jwks":
            return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
        assert request.url.path == "/token"
        self.exchanged = request
        verifier = parse_qs(request.content.decode())["code_verifier"][0]
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if self.challenge and digest != self.challenge:
            return httpx.Response(400, json={"error": "invalid_grant"})
        return self.token_answer or httpx.Response(200, json={"id_token": self.id_token(), "access_token": "opaque"})

    def id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "sub": "jj", "iat": now, "exp": now + 60, "nonce": self.nonce}
        told = {name: value for name, value in {**claims, **self.changes}.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, told, self.signer, algorithms=["RS256"])


@pytest.fixture
def home() -> ProviderAtHome:
    return ProviderAtHome()


@pytest.fixture
async def provider(home: ProviderAtHome) -> AsyncIterator[Provider]:
    settings = OidcSettings.model_validate({"issuer": ISSUER, "client_id": CLIENT_ID, "client_secret": SECRET})
    async with httpx.AsyncClient(transport=httpx.MockTransport(home)) as client:
        yield Provider(settings, redirect_uri=f"{PORTAL}/auth/callback", client=client)


async def test_the_browser_leaves_with_state_nonce_and_the_challenge_but_not_its_secret(provider: Provider) -> None:
    attempt = Attempt.begin("/")
    asked = parse_qs(urlsplit(await provider.authorization_url(attempt)).query)
    assert asked["state"] == [attempt.state]
    assert asked["nonce"] == [attempt.nonce]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{PORTAL}/auth/callback"]
    assert attempt.verifier not in json.dumps(asked)


async def test_a_code_asked_for_with_another_challenge_is_refused(provider: Provider, home: ProviderAtHome) -> None:
    attempt = Attempt.begin("/")
    home.nonce = attempt.nonce
    asked = parse_qs(urlsplit(await provider.authorization_url(attempt)).query)
    (home.challenge,) = asked["code_challenge"]
    assert await provider.subject("code", attempt) == "jj"
    home.challenge = Attempt.begin("/").challenge
    with pytest.raises(SignInRefused) as refused:
        await provider.subject("code", attempt)
    assert refused.value.code == "code_refused"


def test_the_challenge_is_the_one_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    attempt = Attempt(state="", nonce="", verifier=verifier, next="/")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_the_code_is_exchanged_with_the_verifier_and_the_encoded_secret(
    provider: Provider, home: ProviderAtHome
) -> None:
    attempt = Attempt.begin("/")
    home.nonce = attempt.nonce
    assert await provider.subject("the-code", attempt) == "jj"
    assert home.exchanged
    sent = parse_qs(home.exchanged.content.decode())
    assert (sent["code"], sent["code_verifier"]) == (["the-code"], [attempt.verifier])
    expected = httpx.BasicAuth("connect", "s3cr%3Aet%2F%2B")
    assert home.exchanged.headers["authorization"] == expected._auth_header


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"exp": int(time.time()) - 600},
        {"exp": None},
        {"sub": None},
        {"sub": 7},
    ],
)
async def test_an_id_token_that_does_not_prove_this_sign_in_is_refused(
    provider: Provider, home: ProviderAtHome, changes: dict[str, Any]
) -> None:
    attempt = Attempt.begin("/")
    home.nonce, home.changes = attempt.nonce, changes
    with pytest.raises(SignInRefused):
        await provider.subject("code", attempt)


async def test_an_id_token_signed_by_another_is_refused(provider: Provider, home: ProviderAtHome) -> None:
    attempt = Attempt.begin("/")
    home.nonce, home.signer = attempt.nonce, RSAKey.generate_key(2048)
    with pytest.raises(SignInRefused):
        await provider.subject("code", attempt)


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, {"error": "invalid_grant"}, SignInRefused),
        (401, {"error": "invalid_client"}, Unavailable),
        (500, {}, Unavailable),
        (200, {}, Unavailable),
        (200, [], Unavailable),
    ],
)
async def test_a_used_code_is_the_person_s_trouble_and_anything_else_is_ours(
    provider: Provider, home: ProviderAtHome, status: int, answer: Any, expected: type[Exception]
) -> None:
    home.token_answer = httpx.Response(status, json=answer)
    with pytest.raises(expected):
        await provider.subject("code", Attempt.begin("/"))


async def test_a_provider_that_calls_itself_otherwise_is_not_trusted(provider: Provider, home: ProviderAtHome) -> None:
    home.metadata["issuer"] = "https://elsewhere.example"
    with pytest.raises(Unavailable):
        await provider.authorization_url(Attempt.begin("/"))


JEANNY = Subject(sub="jj", name="JEANNY JEROME", email="jj@cerfrance.example", role="collaborator", office="14")


class Silent:
    """A bus that keeps what is published to it."""

    def __init__(self) -> None:
        self.published: dict[str, bytes] = {}

    async def publish(self, topic: str, payload: bytes, **_: Any) -> int:
        self.published[topic] = payload
        return len(self.published)

    async def subscribe(self, consumer: Any) -> Any:
        raise NotImplementedError


async def test_ending_all_sessions_names_nobody_and_voids_the_token_made_just_before() -> None:
    bus, ours = Silent(), keys()
    sessions = Sessions(ours, bus, now, issuer=PORTAL, audience="connect")
    token = sessions.token(JEANNY)
    await sessions.revoke("jj")
    ((topic, value),) = bus.published.items()
    assert topic == f"$KV.REVOKED.{subject_hash('jj')}"
    # A token made a moment before is believed for half a minute more, and the services' copies are moments behind.
    assert REVOKED.ttl >= LONGEST_SESSION + 60
    issued = jwt.decode(token, ours.public, algorithms=["Ed25519"]).claims["iat"]
    assert issued <= float(value) <= issued + 5


def test_a_session_lasts_eight_hours_and_only_a_client_s_lists_accounts() -> None:
    ours = keys()
    sessions = Sessions(ours, Silent(), now, issuer=PORTAL, audience="connect")
    owner = Subject(sub="c", name="C", email="c@c.example", role="client", office="14", clients=("a", "b"))
    told = [jwt.decode(sessions.token(who), ours.public, algorithms=["Ed25519"]).claims for who in (JEANNY, owner)]
    assert [claims["exp"] - int(claims["iat"]) for claims in told] == [8 * 3600] * 2
    assert "clients" not in told[0]
    assert told[1]["clients"] == ["a", "b"]
    assert told[0]["jti"] != told[1]["jti"]
