"""Many clients of one office, whose people are signed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import nats
from contracts.directory import Client, ClientPerson, Contact, Subject, client_key

from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.sessions import session_of

OFFICE = "14"
ACCOUNTANT_SUB = "jeanny-jerome"
ACCOUNTANT = Contact(
    id="jj",
    sub=ACCOUNTANT_SUB,
    name="JEANNY JEROME",
    email="jeanny.jerome@cerfrance-14.example",
    role="comptable",
)


@dataclass(frozen=True)
class Depositor:
    """A client's one person: `token` is their session."""

    client: str
    token: str


async def gather(stack: RunningStack, *, count: int) -> Sequence[Depositor]:
    """That many clients of office 14, advised by its accountant, once both services that ask have heard of them."""
    env = stack.env("catalog")
    subjects = {name: _subject(name) for name in (f"exploitation-{number:04}" for number in range(1, count + 1))}
    await _write(stack.endpoints["nats"], subjects)
    crowd = [Depositor(name, session_of(subject, env=env)) for name, subject in subjects.items()]
    await _known(stack.endpoints["portal"], crowd[-1])
    return crowd


def _subject(client: str) -> Subject:
    return Subject(
        sub=f"gerant-{client}",
        name=f"GAEC {client}",
        email=f"{client}@example.org",
        role="client",
        office=OFFICE,
        clients=(client,),
    )


async def _write(server: Mapping[str, Any], subjects: Mapping[str, Subject]) -> None:
    connection = await nats.connect(server["url"], user=server["user"], password=server["password"])
    try:
        bucket = await connection.jetstream().key_value("DIRECTORY")
        for name, subject in subjects.items():
            person = ClientPerson(sub=subject.sub, name=subject.name, email=subject.email)
            client = Client(office=OFFICE, id=name, name=subject.name, people=(person,), contacts=(ACCOUNTANT,))
            await bucket.put(client_key(OFFICE, name), client.model_dump_json().encode())
    finally:
        await connection.close()


async def _known(portal: str, last: Depositor) -> None:
    headers = {"Authorization": f"Bearer {last.token}", "Tus-Resumable": "1.0.0"}
    async with httpx.AsyncClient(base_url=portal, headers=headers) as http:

        async def heard() -> bool:
            asked = (await http.get("/api/contacts")).status_code, (await http.head("/uploads/none")).status_code
            return asked == (200, 404)

        await eventually(heard, within=30)
