"""Everybody who may ask for a document: whose it is, who isn't, and whoever can not prove who they are."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from catalog.signing import SigningKeys
from chassis.auth import Role, subject_hash
from contracts.directory import (
    Client,
    ClientPerson,
    Contact,
    Office,
    OfficePerson,
    Subject,
    client_key,
    office_key,
    person_key,
)
from joserfc import jwt
from joserfc.jwk import OKPKey

from .catalog import Scene

ASKERS = ("owner", "other", "foreign", "adviser", "colleague", "outsider", "admin", "admin53")
_AWAY = {"foreign": "-53", "outsider": "-53", "admin53": "-53", "namesake": "-85"}
_ROLES: Mapping[str, Role] = {
    "owner": "client",
    "other": "client",
    "foreign": "client",
    "namesake": "client",
    "adviser": "collaborator",
    "colleague": "collaborator",
    "outsider": "collaborator",
    "admin": "admin",
    "admin53": "admin",
}


class Cast(Scene):
    """The scene with all of `ASKERS`, and `namesake`: whose account, in a third office, has the same id as the owner's.

    Every session begun more than a minute before the scene was ended everywhere.
    """

    foreign = "ferme-des-tilleuls"

    async def __aenter__(self) -> Cast:
        await super().__aenter__()
        assert self._nats is not None
        self._began = time.time()
        revoked = await self._nats.jetstream().key_value("REVOKED")
        for who in ASKERS:
            await revoked.put(subject_hash(self._subject(who).sub), f"{self._began - 60:.3f}".encode())
        return self

    async def restore(self) -> None:
        """Write the directory again as it was in the beginning."""
        assert self._nats is not None
        bucket = await self._nats.jetstream().key_value("DIRECTORY")
        for key, value in self._directory().items():
            await bucket.put(key, value.model_dump_json().encode())

    def claims(self, who: str) -> dict[str, Any]:
        """What a session of theirs says."""
        subject, now = self._subject(who), time.time()
        accounts = {"clients": list(subject.clients)} if subject.role == "client" else {}
        facts = {name: getattr(subject, name) for name in ("sub", "name", "email", "role", "office")}
        env = self._catalog.env
        place = {"iss": env["CATALOG_AUTH__ISSUER"], "aud": env["CATALOG_AUTH__AUDIENCE"]}
        return {**place, **facts, **accounts, "iat": now, "exp": now + 600}

    def unproven(self, who: str) -> Iterator[tuple[str, str]]:
        """(What is wrong, token) for everything that looks like a session of theirs and isn't."""
        keys = SigningKeys.load(Path(self._catalog.env["CATALOG_SESSION_KEYS_DIR"]))
        claims, now = self.claims(who), time.time()
        yield "no token", ""
        for wrong, changes in (
            ("expired", {"iat": now - 55, "exp": now - 40}),
            ("wrong issuer", {"iss": "https://evil.example"}),
            ("wrong audience", {"aud": "another"}),
            ("removed from the directory", {"sub": f"gone-{claims['sub']}"}),
            ("ended everywhere", {"iat": self._began - 120}),
        ):
            yield wrong, keys.sign({**claims, **changes})
        public = keys.public.keys[0]
        header = {"alg": "Ed25519", "kid": public.kid}
        yield "wrong key", jwt.encode(header, claims, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])
        signed = _signed({"alg": "none", "kid": public.kid}, claims)
        yield "alg none", f"{signed}."
        yield "alg none, signed", f"{signed}.{keys.sign(claims).rsplit('.', 1)[1]}"
        for form, secret in _forms(public):
            signed = _signed({"alg": "HS256", "kid": public.kid}, claims)
            yield (
                f"HS256 with the public key as {form}",
                f"{signed}.{_b64(hmac.digest(secret, signed.encode(), 'sha256'))}",
            )

    async def known(self, ask: Callable[[str, str], Any]) -> bool:
        """Whether a service has heard of everybody: `ask(who, token)` gives the status of a request of theirs."""
        started = {who: await ask(who, self.token(who)) for who in ASKERS}
        ended = [await ask("owner", token) for wrong, token in self.unproven("owner") if wrong == "ended everywhere"]
        return 401 not in started.values() and ended == [401]

    def _subject(self, who: str) -> Subject:
        name = {"accountant": "adviser"}.get(who, who)
        office = self.office + _AWAY.get(name, "")
        clients: tuple[str, ...] = ()
        if _ROLES[name] == "client":
            clients = ({"other": self.other, "foreign": self.foreign}.get(name, self.client),)
        sub = f"{name}-{self.office}"
        return Subject(sub, name.upper(), f"{name}@example.org", _ROLES[name], office, clients)

    def _directory(self) -> dict[str, Any]:
        records: dict[str, Any] = {}
        for who, contact in (("owner", "adviser"), ("other", None), ("foreign", "outsider"), ("namesake", None)):
            person = self._subject(who)
            records[office_key(person.office)] = Office(id=person.office, name="CERFRANCE T", inbox="inbox@example.org")
            (client,) = person.clients
            records[client_key(person.office, client)] = Client(
                office=person.office,
                id=client,
                name=client,
                people=(ClientPerson(sub=person.sub, name=person.name, email=person.email),),
                contacts=(self._contact(contact),) if contact else (),
            )
        for one in (self._subject(who) for who in ASKERS):
            if one.role != "client":
                records[person_key(one.office, one.sub)] = OfficePerson.model_validate(vars(one))
        return records

    def _contact(self, who: str) -> Contact:
        person = self._subject(who)
        return Contact(id=who, sub=person.sub, name=person.name, email=person.email, role="comptable")


def _forms(key: Any) -> Iterator[tuple[str, bytes]]:
    public = key.as_dict(private=False)
    yield "PEM", key.as_pem(private=False)
    yield "raw bytes", base64.urlsafe_b64decode(public["x"] + "=")
    yield "JWK", json.dumps(public).encode()


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
