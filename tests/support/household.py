"""A client account made for one test, whose every name holds one word: what is left of them can be looked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import httpx
import nats
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
from nats.aio.client import Client as Nats
from nats.js import JetStreamContext

from .eventually import eventually
from .people import Person
from .portal import Portal
from .running import RunningStack
from .sessions import session_of
from .tus import VERSION, TusClient


class Household:
    """An office with an accountant and two clients, `client` and `neighbour`. An async context manager.

    `word` stands in the names and addresses of the client, its people and its own contact, and nowhere else; ids do
    not hold it.
    """

    def __init__(self, stack: RunningStack, http: httpx.AsyncClient) -> None:
        mark = uuid.uuid4().hex[:8]
        self.word = f"Zorglub{mark}"
        self.office, self.client, self.neighbour = f"o{mark}", f"client-{mark}", f"neighbour-{mark}"
        self.stack = stack
        self._http = http
        self._nats: Nats | None = None

    async def __aenter__(self) -> Self:
        where = self.stack.endpoints["nats"]
        self._nats = await nats.connect(where["url"], user=where["user"], password=where["password"])
        await self.admit()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._nats is not None
        await self._nats.close()

    @property
    def jetstream(self) -> JetStreamContext:
        """With the operator's rights."""
        assert self._nats is not None
        return self._nats.jetstream()

    async def admit(self) -> None:
        """Write everybody into the directory, and wait until intake and catalog have read it."""
        bucket = await self.jetstream.key_value("DIRECTORY")
        for key, value in self._directory().items():
            await bucket.put(key, value.model_dump_json().encode())
        for who in ("accountant", "client", "neighbour"):
            await eventually(partial(self._is_known, who), within=30)

    async def _is_known(self, who: str) -> bool:
        origin, headers = (
            self.stack.endpoints["portal"],
            {"Authorization": f"Bearer {self.person(who).token}", **VERSION},
        )
        listed = await self._http.get(f"{origin}/api/documents", headers=headers)
        unknown = await self._http.head(f"{origin}/uploads/{uuid.uuid4()}", headers=headers)
        return (listed.status_code, unknown.status_code) == (200, 404)

    def person(self, who: str) -> Person:
        """`client`, `neighbour` or `accountant`, with a session."""
        token = session_of(self._subject(who), env=self.stack.env("catalog"))
        origin = self.stack.endpoints["portal"]
        tus = TusClient(self._http, base=origin, token=token)
        return Person(token=token, tus=tus, portal=Portal(self._http, base=origin, token=token))

    def _subject(self, who: str) -> Subject:
        account = {"client": self.client, "neighbour": self.neighbour}.get(who)
        name = f"{self.word} Personne" if who == "client" else who.upper()
        email = f"{self.word}@example.org" if who == "client" else f"{who}@example.org"
        return Subject(
            sub=f"{who}-{self.office}",
            name=name,
            email=email,
            role="client" if account else "collaborator",
            office=self.office,
            clients=(account,) if account else (),
        )

    def _directory(self) -> Mapping[str, Any]:
        accountant = self._subject("accountant")
        records: dict[str, Any] = {
            office_key(self.office): Office(id=self.office, name="CERFRANCE T", inbox="inbox@example.org"),
            person_key(self.office, accountant.sub): OfficePerson.model_validate(vars(accountant)),
        }
        advised = Contact(id="jj", sub=accountant.sub, name="ACCOUNTANT", email=accountant.email, role="comptable")
        spouse = Contact(id="pd", name=f"{self.word} Paul", email=f"paul@{self.word}.example", role="autre")
        for who, contacts in (("client", (advised, spouse)), ("neighbour", (advised,))):
            one = self._subject(who)
            (account,) = one.clients
            records[client_key(self.office, account)] = Client(
                office=self.office,
                id=account,
                name=f"{self.word} Ferme" if who == "client" else "Voisin",
                people=(ClientPerson(sub=one.sub, name=one.name, email=one.email),),
                contacts=contacts,
            )
        return records
