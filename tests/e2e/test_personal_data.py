"""Nobody's name, address, file or word gets into a log, a metric or a dead letter's reason, whatever happens.

The letters themselves hold what was said: see `docs/personal-data.md`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import nats
import pytest
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient

from deploy.local.plan import SERVICES
from tests.suites.catalog_events import announced, archived
from tests.support.eventually import eventually
from tests.support.markers import Markers
from tests.support.people import Person, signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.samples import Sample, invoice
from tests.support.scripted_smtp import HANG_UP, ScriptedSmtp
from tests.support.store import Store
from tests.support.streams import stored
from tests.support.tus import Deposit

pytestmark = pytest.mark.timeout(400)

CLIENT, ACCOUNTANT, ADMIN = "earl-du-chene", "jeanny-jerome", "admin-14"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class World:
    """A stack whose directory is marked, and the words that stand for what is personal."""

    stack: RunningStack
    js: JetStreamContext
    http: httpx.AsyncClient
    relay: ScriptedSmtp
    marks: Markers

    @property
    def portal(self) -> str:
        return str(self.stack.endpoints["portal"])

    def file(self, meaning: str) -> Sample:
        return invoice(f"Facture {self.marks.word(f'name of a file {meaning}')}")

    async def person(self, sub: str) -> Person:
        return await signed_in(sub, stack=self.stack, http=self.http)

    async def address_of(self, role: str) -> str:
        """Where the client's only contact of this role gets mail."""
        bucket = await self.js.key_value("DIRECTORY")
        client = json.loads((await bucket.get(f"clients.14.{CLIENT}")).value or b"")
        (address,) = (str(each["email"]) for each in client["contacts"] if each["role"] == role)
        return address


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Of its own: its mails go to a relay of the test's, and its services are stopped."""
    running = RunningStack(tmp_path_factory.mktemp("personal"), only=EVERYTHING, detoured=("smtp",))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
async def world(stack: RunningStack, http: httpx.AsyncClient) -> AsyncIterator[World]:
    relay, marks, where = ScriptedSmtp(), Markers(), stack.endpoints["nats"]
    relay.port = stack.plan.detours["smtp"]
    await relay.start()
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    js = client.jetstream()
    bucket = await js.key_value("DIRECTORY")
    for key in await bucket.keys():
        await bucket.put(key, marks.in_directory((await bucket.get(key)).value or b""))
    made = World(stack, js, http, relay, marks)
    depositor = await made.person(CLIENT)

    async def known() -> bool:
        return any(marks.found(each["name"]) for each in await depositor.portal.contacts())

    await eventually(known)
    yield made
    await client.close()
    await relay.stop()


async def test_nothing_personal_gets_into_logs_metrics_or_dead_letters(world: World) -> None:
    document = await _deposits(world)
    await _refusals(world)
    await _searches(world)
    await _decisions(world, document)
    await _broken_events(world)
    letters = await eventually(lambda: _buried_by_each(world), within=60)
    await _unforeseen_error(world, document)
    await _slow_query(world)
    metrics = await asyncio.gather(*(_metrics(world, service) for service in SERVICES))
    await _gateway_alone(world)

    # What is looked for is there to be found: in the events themselves, and in the letters.
    assert world.marks.found(b"".join([each.data or b"" for each in letters]))
    seen = {log.name: world.marks.found(log.read_bytes()) for log in sorted(world.stack.plan.logs.iterdir())}
    for service, text in zip(SERVICES, metrics, strict=True):
        seen[f"metrics of {service}"] = world.marks.found(text)
    seen["dead letters"] = world.marks.found(" ".join(f"{each.subject} {each.headers}" for each in letters))
    seen["transfer_failed"] = world.marks.found(await _stored(world, "CONNECT_DOCUMENTS", "transfer_failed"))
    seen["audit trail"] = world.marks.found(await _stored(world, "CONNECT_AUDIT", ">"))
    assert {where: sorted(what) for where, what in seen.items() if what} == {}
    assert {"caddy.log", "mongod.log", "nats.log", *(f"{each}-1.log" for each in SERVICES)} <= seen.keys()


async def _deposits(world: World) -> str:
    """Deposits whose mails are put off, refused, and lost on the way; returns a document that lies in the GED."""
    depositor = await world.person(CLIENT)
    (other,) = (each["id"] for each in await depositor.portal.contacts() if each["role"] == "autre")
    accountant, address = await world.address_of("comptable"), await world.address_of("autre")
    world.relay.answers[f"RCPT {address}"] = [f"550 5.1.1 <{address}>: nobody here"] * 20
    world.relay.answers[f"RCPT {accountant}"] = [f"451 4.7.1 <{accountant}>: come back later", HANG_UP]
    first, second = world.file("deposited at once"), world.file("deposited in pieces")
    to = Deposit(size=2, alert=(other,))
    await depositor.tus.deposit(first, to=to, at_once=True)
    document = await depositor.tus.deposit(second, to=to)
    await eventually(lambda: depositor.portal.archived(document), within=60)
    await eventually(lambda: any(to == accountant for to, _ in world.relay.accepted), within=90)
    return document


async def _refusals(world: World) -> None:
    """Files that are refused by their names, by what they are and by what is said of them."""
    depositor = await world.person(CLIENT)
    wrong = Sample(f"{world.marks.word('name of a program')}.exe", b"MZ" * 100)
    lying = Sample(f"{world.marks.word('name of a file that lies')}.pdf", b"no PDF at all " * 50)
    virus = Sample(f"{world.marks.word('name of a virus')}.txt", EICAR, "text/plain")
    for sample in (wrong, lying, virus):
        with suppress(httpx.HTTPStatusError):  # where no scanner is installed, the last one is let in
            await depositor.tus.deposit(sample, to=Deposit(), at_once=True)
    odd = Deposit(folder=world.marks.word("a folder that is none"), alert=(world.marks.word("a contact that is none"),))
    with pytest.raises(httpx.HTTPStatusError):
        await depositor.tus.create(world.file("for a folder that is none"), odd.metadata(world.file("again")))


async def _searches(world: World) -> None:
    """Names in addresses: by somebody signed in, by nobody, and at the sign-in."""
    word = world.marks.word("a word searched for")
    signed = {"Authorization": f"Bearer {(await world.person(CLIENT)).token}"}
    for path in ("/documents", "/api/documents", "/historique", "/api/contacts"):
        for headers in (signed, {}):
            query = {"q": word, "client": word, "cursor": word}
            await world.http.get(f"{world.portal}{path}", params=query, headers=headers)
    await world.http.get(f"{world.portal}/login", params={"next": f"/documents?q={word}"})
    await world.http.get(f"{world.portal}/auth/callback", params={"error": word, "error_description": word})
    await world.http.get(f"{world.portal}/auth/callback", params={"state": word, "code": word})
    admin = {"Authorization": f"Bearer {(await world.person(ADMIN)).token}"}
    name = world.marks.word("a name that is refused")
    row = {"office": "14", "id": CLIENT, "name": name, "people": [{"email": word}]}
    refused = await world.http.put(f"{world.portal}/api/directory/clients/14/{CLIENT}", json=row, headers=admin)
    assert 400 <= refused.status_code < 500


async def _decisions(world: World, document: str) -> None:
    """Sent back, taken, published, opened, withdrawn; and looked at by everybody."""
    depositor, accountant = await world.person(CLIENT), await world.person(ACCOUNTANT)
    assert await accountant.portal.decide("return", document, reason=world.marks.word("why it is sent back")) == 200
    assert await accountant.portal.decide("take", document) == 200
    label = world.marks.word("label of what is published")
    to = Deposit(folder=label, client=CLIENT, space="published")
    published = await accountant.tus.deposit(world.file("published"), to=to)
    await eventually(lambda: depositor.portal.archived(published), within=60)
    await depositor.portal.content(published)
    assert await accountant.portal.decide("withdraw", published, reason=world.marks.word("why it is withdrawn")) == 200
    await eventually(lambda: accountant.portal.audit(published), within=30)
    headers = {"Authorization": f"Bearer {accountant.token}"}
    for path in ("", "/receipt", "/receipt?format=pdf", "/proof", "/content"):
        await world.http.get(f"{world.portal}/api/documents/{document}{path}", headers=headers)


async def _broken_events(world: World) -> None:
    """What each service must bury: events that are none, and moves that cannot go on."""
    word = world.marks.word("what a broken event says")
    deposit, moved = (json.loads(each.encode()) for each in (announced(1, name=word), archived(1)))
    deposit["data"] |= {"name": word * 30, "size": word, "client": {"id": f"{word} {word}", "name": word}}
    moved["data"] |= {"sha256": word, "bucket": word, "key": word}
    for event, payloads in {
        "deposited": (json.dumps(deposit), f'{{"{word}": ', json.dumps({**deposit, "type": word})),
        "archived": (json.dumps(moved), word),
        "retained": (json.dumps({**moved, "type": word, word: word}),),
    }.items():
        for payload in payloads:
            await world.js.publish(f"connect.v1.documents.{event}.14", payload.encode())
    gone, other = (announced(number, name=f"{word}.pdf", sha256="b" * 64) for number in (7, 8))
    store = Store(world.stack.endpoints["s3"])
    await store.stage(other.data.document, word.encode())
    store.close()
    for each in (gone, other):
        await world.js.publish(each.topic, each.encode(), headers={"Nats-Msg-Id": each.id})


async def _unforeseen_error(world: World, document: str) -> None:
    """Records that nobody can read: what they say must not be quoted."""
    bucket, word = await world.js.key_value("DIRECTORY"), world.marks.word("what a broken record says")
    await bucket.put("clients.14.broken", json.dumps({"name": word, word: word, "people": word}).encode())
    headers = {"Authorization": f"Bearer {(await world.person(ACCOUNTANT)).token}"}
    mongo: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(world.stack.endpoints["mongo"]) as mongo:
        records: Any = mongo["catalog"]["documents_g1"]
        sound = await records.find_one_and_update({"_id": document}, {"$set": {"deposited_at": {word: word}}})
        answer = await world.http.get(f"{world.portal}/api/documents/{document}", headers=headers)
        assert (answer.status_code, sound is None) == (500, False)
        await records.replace_one({"_id": document}, sound or {})
    await bucket.delete("clients.14.broken")


async def _slow_query(world: World) -> None:
    """A database tells of what is slow, with all that was asked for."""
    word = world.marks.word("what a slow query looks for")
    mongo: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(world.stack.endpoints["mongo"]) as mongo:
        await mongo["upload"]["uploads"].find_one({"name": {"$ne": word}, "$where": "sleep(400) || true"})


async def _gateway_alone(world: World) -> None:
    """Requests of which the gateway can only say that nobody answers."""
    word = world.marks.word("what a lost request says")
    sample = Sample(f"{word}.pdf", b"%PDF-")
    depositor = await world.person(CLIENT)
    for name in ("upload-1", "catalog-1"):
        await world.stack.down(name)
    asked = world.http.get(f"{world.portal}/documents", params={"q": word}, headers={"Referer": f"/documents?q={word}"})
    answer, refused = await asyncio.gather(
        asked, depositor.tus.create(sample, Deposit().metadata(sample)), return_exceptions=True
    )
    assert isinstance(answer, httpx.Response)
    assert answer.status_code >= 500
    assert isinstance(refused, httpx.HTTPStatusError)

    async def told() -> bool:
        log = (world.stack.plan.logs / "caddy.log").read_text()
        said = [line for line in log.splitlines() if '"status":503' in line]
        return any('"uri":"/uploads"' in line for line in said) and any('"uri":"/documents' in line for line in said)

    await eventually(told)


async def _buried_by_each(world: World) -> list[Any]:
    """Every dead letter, once each service and each kind of trouble has its own."""
    letters = await stored(world.js, "connect.v1.dead.>", stream="CONNECT_DEAD")
    assert {each.subject.rpartition(".")[2] for each in letters} == set(SERVICES)
    codes = {(each.headers or {})["Connect-Code"] for each in letters}
    assert codes >= {"not_an_event", "invalid_data", "unknown_type", "staging_missing", "hash_differs"}, codes
    return letters


async def _metrics(world: World, service: str) -> str:
    (base,) = world.stack.endpoints["replicas"][service]
    return (await world.http.get(f"{base}/metrics")).raise_for_status().text


async def _stored(world: World, stream: str, event: str) -> str:
    family = {"CONNECT_DOCUMENTS": "documents", "CONNECT_AUDIT": "audit"}[stream]
    suffix = "" if event == ">" else ".>"
    messages = await stored(world.js, f"connect.v1.{family}.{event}{suffix}", stream=stream)
    assert messages
    return " ".join(f"{each.subject} {each.headers} {(each.data or b'').decode()}" for each in messages)
