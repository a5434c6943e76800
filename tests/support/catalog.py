"""The catalog as a process of its own, and an office made for one test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
import nats
from chassis.dead import dead_subject
from chassis.origin import Origin
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
from contracts.envelope import Envelope, envelop
from nats.aio.client import Client as Nats
from nats.js import JetStreamContext

from contracts import events as e
from deploy.local.object_store import connect
from tests.suites.catalog_events import SHA, announced, at

from .eventually import eventually
from .ports import free_port
from .sessions import session_of


class CatalogProcess:
    """One replica on a free port. A context manager: started, and terminated in good order."""

    def __init__(self, env: Mapping[str, str], *, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**env, "CATALOG_PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "catalog"], env={**os.environ, **self.env}, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.terminate(within=25)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text()

    async def ready(self) -> None:
        """Wait until it says so."""

        async def asked() -> bool:
            async with httpx.AsyncClient() as http:
                try:
                    return (await http.get(f"{self.url}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

        await eventually(asked, within=60)

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self, *, within: float) -> int:
        """SIGTERM, unless it has ended; returns the exit status, -SIGTERM for one that drained and then gave in to the
        signal. Raises TimeoutExpired, with the process killed."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


def letter_headers(subject: str, *, code: str = "bug") -> dict[str, str]:
    """The headers of a dead letter that came on a subject."""
    buried = datetime(2026, 3, 26, 14, 5, 9, tzinfo=UTC)
    said = {"Code": code, "Reason": "pourquoi", "Subscription": "ged-mover-moves", "Buried-At": buried.isoformat()}
    return {**Origin(subject, 1, buried, "").headers(), **{f"Connect-{name}": value for name, value in said.items()}}


class Serving(Protocol):
    """A catalog that answers."""

    @property
    def url(self) -> str: ...

    @property
    def env(self) -> Mapping[str, str]:
        """What it was started with."""


class Scene:
    """An office of its own with two clients, their people, and whoever else asks. An async context manager.

    `client`'s contact is `jj` (collaborator `accountant`); nobody advises `other`. `both` may act for either account.
    `outsider` is a collaborator of another office.
    """

    client, other = "earl-du-chene", "garage-du-pont"

    def __init__(self, endpoints: dict[str, Any], catalog: Serving) -> None:
        self.office = f"t{uuid.uuid4().hex[:10]}"
        self._endpoints = endpoints
        self._catalog = catalog
        self._nats: Nats | None = None
        self._http: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        bucket = await (await self._jetstream()).key_value("DIRECTORY")
        for key, value in self._directory().items():
            await bucket.put(key, value.model_dump_json().encode())
        async with self.browser("accountant") as http:

            async def known() -> bool:
                return bool((await http.get("/api/contacts")).json())

            await eventually(known)
        return self

    async def __aexit__(self, *_: object) -> None:
        for http in self._http:
            await http.aclose()
        if self._nats is not None:
            await self._nats.close()

    def token(self, who: str) -> str:
        """A session of `client`, `other`, `both`, `accountant`, `admin` or `outsider`."""
        return session_of(self._subject(who), env=self._catalog.env)

    def browser(self, who: str | None) -> httpx.AsyncClient:
        """An HTTP client of the catalog, signed in as somebody."""
        headers = {"Authorization": f"Bearer {self.token(who)}"} if who else {}
        http = httpx.AsyncClient(base_url=self._catalog.url, headers=headers, timeout=20)
        self._http.append(http)
        return http

    def announced(self, *, client: str | None = None, **changes: Any) -> Envelope:
        """A deposit of this office, under an id of its own."""
        document = str(uuid.uuid4())
        of = client or self.client
        place = {"bucket": "staging", "key": document}
        facts = {"document": document, "office": self.office, "client": {"id": of, "name": of}, "location": place}
        return announced(1, **{**facts, **changes})

    async def tell(self, *events: Envelope) -> None:
        """Publish events, as whichever service they are of."""
        js = await self._jetstream()
        for event in events:
            await js.publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})

    async def bury(self, event: Envelope, *, code: str = "bug", subject: str = "") -> int:
        """Leave an event with the mover's dead letters, as it came or from another `subject`; returns its number."""
        headers = letter_headers(subject or event.topic, code=code)
        js = await self._jetstream()
        return (await js.publish(dead_subject("ged-mover"), event.encode(), headers=headers)).seq

    async def told(self, subject: str, *, of: str = "documents") -> list[dict[str, Any]]:
        """The messages of this office stored on `connect.v1.<of>.<subject>.<office>`."""
        js = await self._jetstream()
        topic, stream = f"connect.v1.{of}.{subject}.{self.office}", f"CONNECT_{of.upper()}"
        info = await js.stream_info(stream, subjects_filter=topic)
        if not info.state.subjects:
            return []
        message = await js.get_last_msg(stream, topic)
        return [json.loads(message.data or b"")] * info.state.subjects[topic]

    async def shown(self, http: httpx.AsyncClient, event: Envelope, state: str = "deposited") -> dict[str, Any]:
        """Wait until the document an event announced is shown in a state."""

        async def asked() -> dict[str, Any] | None:
            answer = await http.get(f"/api/documents/{event.data.document}")
            found: dict[str, Any] = answer.json()
            return found if answer.status_code == 200 and found["state"] == state else None

        # A service that was just started may take a while on a busy machine.
        return await eventually(asked, within=40)

    async def enter(self, key: str, value: bytes) -> None:
        """Write an entry of the directory past all who check it."""
        await (await (await self._jetstream()).key_value("DIRECTORY")).put(key, value)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object with the operator's keys."""
        s3 = self._endpoints["s3"]
        client = connect(s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"])
        client.put_object(Bucket=bucket, Key=key, Body=body)
        client.close()

    async def _jetstream(self) -> JetStreamContext:
        # Connected anew when the server was away: nats-py's own way back leaves sockets open that failed half-way.
        if self._nats is None or self._nats.is_closed:
            where = self._endpoints["nats"]
            self._nats = await nats.connect(
                where["url"], user=where["user"], password=where["password"], allow_reconnect=False
            )
        return self._nats.jetstream()

    def _subject(self, who: str) -> Subject:
        sub = f"{who}-{self.office}"
        common: dict[str, Any] = {"sub": sub, "name": who.upper(), "email": f"{who}@example.org"}
        accounts = {"client": (self.client,), "other": (self.other,), "both": (self.client, self.other)}
        if who in accounts:
            return Subject(**common, role="client", office=self.office, clients=accounts[who])
        if who == "outsider":
            return Subject(**common, role="collaborator", office="elsewhere")
        return Subject(**common, role="admin" if who == "admin" else "collaborator", office=self.office)

    def _directory(self) -> dict[str, Any]:
        accountant = self._subject("accountant")
        contact = Contact(id="jj", sub=accountant.sub, name="ACCOUNTANT", email=accountant.email, role="comptable")
        records: dict[str, Any] = {
            office_key(self.office): Office(id=self.office, name="CERFRANCE T", inbox="inbox@example.org")
        }
        for one in map(self._subject, ("accountant", "admin", "outsider")):
            records[person_key(one.office, one.sub)] = OfficePerson.model_validate(vars(one))
        for who, client, contacts in (("client", self.client, (contact,)), ("other", self.other, ())):
            people = tuple(
                ClientPerson(sub=one.sub, name=one.name, email=one.email) for one in map(self._subject, (who, "both"))
            )
            records[client_key(self.office, client)] = Client(
                office=self.office, id=client, name=client, people=people, contacts=contacts
            )
        return records


def archived(deposit: Envelope) -> Envelope:
    """What the mover says once an announced document lies in the GED."""
    data = deposit.data
    facts = {"document": data.document, "office": data.office, "client": data.client.id, "space": data.space}
    key = f"{data.office}/{data.client.id}/{data.document}"
    place = {"bucket": "ged", "key": key, "version_id": "v1", "sha256": SHA, "archived_at": at(60)}
    return envelop(e.Archived.model_validate({**facts, **place}))
