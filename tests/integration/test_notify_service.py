"""Notify as processes, with the rights that the service has: from the stream to the mailbox and back to the stream."""

import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import nats
import pytest
from contracts.audit import Sealed
from contracts.directory import Client, Office, client_key, office_key
from contracts.envelope import Envelope, decode, envelop
from contracts.streams import DIRECTORY
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient

from tests.suites.notify_events import CLIENT, Deposit, erased, new_id, withdrawn
from tests.support.eventually import eventually
from tests.support.mailbox import Mail, Mailbox
from tests.support.operator import connect_ops
from tests.support.running import RunningStack
from tests.support.scripted_smtp import ScriptedSmtp
from tests.support.service import ServiceProcess

OFFICE = "77"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Servers of this suite's own: a new notify tells of all that other suites deposited before it comes to ours."""
    running = RunningStack(tmp_path_factory.mktemp("servers"), only=frozenset(("mongod", "nats", "maildump")))
    running.start()
    yield running
    running.stop()


class Bench:
    """A client of its own with an accountant of its own, whose mails are nobody else's."""

    def __init__(self, js: JetStreamContext, mailbox: Mailbox) -> None:
        self._js, self._mailbox = js, mailbox
        self._heard: list[Envelope] = []
        self.client = f"client-{new_id()[:8]}"
        self.accountant = f"{self.client}@cerfrance-77.example"

    async def register(self) -> None:
        """Write the client and its office into the directory."""
        contact = {"id": "jeanny", "name": "JEANNY JÉRÔME", "email": self.accountant, "role": "comptable"}
        client = Client.model_validate(
            {**CLIENT.model_dump(), "office": OFFICE, "id": self.client, "contacts": [contact]}
        )
        office = Office(id=OFFICE, name="CERFRANCE 77", inbox="accueil@cerfrance-77.example")
        bucket = await self._js.key_value(DIRECTORY.name)
        await bucket.put(office_key(OFFICE), office.model_dump_json().encode())
        await bucket.put(client_key(OFFICE, self.client), client.model_dump_json().encode())

    def deposit(self, size: int | None) -> Deposit:
        return Deposit(size=size, office=OFFICE, client=self.client)

    async def publish(self, *events: Envelope) -> None:
        for event in events:
            await self._js.publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})

    async def all_noted(self) -> bool:
        """Whether notify has nothing more to hear."""
        consumer = await self._js.consumer_info("CONNECT_DOCUMENTS", "notify-digests")
        return bool(consumer.num_pending == consumer.num_ack_pending == 0)

    async def filter_by(self, *events: str) -> None:
        """Give notify's durable the filters of a notify that heard only these."""
        consumer = await self._js.consumer_info("CONNECT_DOCUMENTS", "notify-digests")
        filters = [f"connect.v1.documents.{event}.*" for event in events]
        older = replace(consumer.config, filter_subject=None, filter_subjects=filters)
        await self._js.add_consumer("CONNECT_DOCUMENTS", older)

    async def filters(self) -> list[str]:
        """What notify's durable hears."""
        consumer = await self._js.consumer_info("CONNECT_DOCUMENTS", "notify-digests")
        return consumer.config.filter_subjects or []

    async def all_seals_heard(self) -> bool:
        """Whether notify has no more seals to hear."""
        consumer = await self._js.consumer_info("CONNECT_AUDIT", "notify-seals")
        return bool(consumer.num_pending == consumer.num_ack_pending == 0)

    async def every_mail(self) -> list[Mail]:
        """Whoever they are for."""
        return await self._mailbox.mails()

    async def mails(self) -> list[Mail]:
        return [mail for mail in await self._mailbox.mails() if self.accountant in mail.to]

    def alerts(self) -> list[Envelope]:
        """What was told of this client's mails, each once."""
        told = {event.id: event for event in self._heard if event.name in ("alerted", "alert_failed")}
        return [event for event in told.values() if event.data.client == self.client]

    async def hear(self, message: Msg) -> None:
        """A message of the stream."""
        self._heard.append(decode(message.data))


@pytest.fixture
async def bench(servers: RunningStack) -> AsyncIterator[Bench]:
    endpoint = servers.endpoints["nats"]
    client = await nats.connect(endpoint["url"], user=endpoint["user"], password=endpoint["password"])
    async with httpx.AsyncClient() as http:
        bench = Bench(client.jetstream(), Mailbox(http, url=servers.endpoints["mail"]))
        await bench.register()
        await client.subscribe(f"connect.v1.documents.*.{OFFICE}", cb=bench.hear)
        yield bench
    await client.close()


def replica(servers: RunningStack, number: int = 1, **env: str) -> ServiceProcess:
    return ServiceProcess("notify", {**servers.env("notify"), **env}, port=servers.plan.port("notify", replica=number))


async def test_twenty_files_of_a_deposit_are_one_mail_with_twenty_lines(servers: RunningStack, bench: Bench) -> None:
    deposit = bench.deposit(20)
    names = [f"Relevé d’août n° {number:02}.pdf" for number in range(20)]
    async with replica(servers):
        await bench.publish(*(deposit.deposited(name) for name in names))
        (mail,) = await eventually(bench.mails, within=60)
        (alert,) = await eventually(bench.alerts, within=60)
    assert mail.subject == "EARL du Chêne : 20 nouveaux documents (Comptable)"
    assert "JEANNY JÉRÔME" in mail.to
    assert mail.auto_submitted == "auto-generated"
    for body in (mail.text, mail.html):
        assert sorted(set(re.findall(r"Relevé d’août n° \d\d\.pdf", body))) == names
    assert alert.data.message_id == mail.message_id
    assert (alert.name, alert.data.recipient, len(alert.data.documents)) == ("alerted", "jeanny", 20)


async def test_without_a_size_the_mail_comes_twenty_seconds_after_the_last_document(
    servers: RunningStack, bench: Bench
) -> None:
    deposit = bench.deposit(None)
    async with replica(servers):
        started = time.monotonic()
        await bench.publish(deposit.deposited("a.pdf"), deposit.deposited("b.pdf"))
        (mail,) = await eventually(bench.mails, within=60)
        assert 20 <= time.monotonic() - started < 27
    assert "2 nouveaux documents" in mail.subject


async def test_what_was_withdrawn_before_its_mail_is_not_named_in_it(servers: RunningStack, bench: Bench) -> None:
    deposit = bench.deposit(3)
    first, second = deposit.deposited("erreur.pdf"), deposit.deposited("relevé.pdf")
    async with replica(servers):
        await bench.publish(first, withdrawn(first), second)
        await eventually(bench.all_noted, within=60)
        await bench.publish(deposit.rejected())
        (mail,) = await eventually(bench.mails, within=60)
        (alert,) = await eventually(bench.alerts, within=60)
    assert mail.subject == "EARL du Chêne : 1 nouveau document (Comptable)"
    assert "relevé.pdf" in mail.text
    assert "erreur.pdf" not in mail.text + mail.html
    assert alert.data.documents == (second.data.document,)


async def test_the_durable_of_an_older_notify_hears_of_what_ends_a_document_too(
    servers: RunningStack, bench: Bench
) -> None:
    async with replica(servers):
        await eventually(bench.filters, within=60)
    await bench.filter_by("deposited", "published", "returned", "deposit_closed", "rejected", "abandoned")
    deposit = bench.deposit(2)
    only = deposit.deposited("erreur.pdf")
    async with replica(servers):
        await eventually(lambda: _heard(bench, "taken", "withdrawn", "erased"), within=60)
        await bench.publish(only, erased(only))
        await eventually(bench.all_noted, within=60)
        await bench.publish(deposit.rejected(), bench.deposit(1).deposited("relevé.pdf"))
        (mail,) = await eventually(bench.mails, within=60)
    assert "relevé.pdf" in mail.text


async def test_a_killed_replica_leaves_one_mail_a_deposit(
    servers: RunningStack, bench: Bench, tell: Callable[[str], None]
) -> None:
    deposits = [bench.deposit(3) for _ in range(40)]
    events = [deposit.deposited() for _ in range(3) for deposit in deposits]
    async with AsyncExitStack() as stack:
        dying = await stack.enter_async_context(replica(servers, 1))
        await stack.enter_async_context(replica(servers, 2))
        await bench.publish(*events[:100])
        await dying.end(signal.SIGKILL)
        await bench.publish(*events[100:])
        await eventually(lambda: len(bench.alerts()) == 40, within=90)
    counts = Counter(mail.message_id for mail in await bench.mails())
    doubled = sum(count - 1 for count in counts.values())
    tell(f"{doubled} mails sent twice, with the same Message-ID")
    assert len(counts) == 40
    # No more than the killed process had under way at once.
    assert doubled <= 8


async def test_deposits_are_noted_while_the_relay_is_down_and_told_of_when_it_is_back(
    servers: RunningStack, bench: Bench
) -> None:
    relay = ScriptedSmtp()
    await relay.start()
    await relay.stop()
    async with replica(servers, NOTIFY_SMTP__PORT=str(relay.port)):
        await bench.publish(*(bench.deposit(1).deposited() for _ in range(5)))
        await eventually(bench.all_noted, within=60)
        await relay.start()
        await eventually(lambda: _accepted(relay, bench) == 5, within=60)
    await relay.stop()


async def test_a_refused_accountant_is_reported_and_the_inbox_told(servers: RunningStack, bench: Bench) -> None:
    relay = ScriptedSmtp()
    await relay.start()
    relay.answers[f"RCPT {bench.accountant}"] = ["550 5.1.1 no such user"]
    async with replica(servers, NOTIFY_SMTP__PORT=str(relay.port)):
        await bench.publish(bench.deposit(1).deposited())
        await eventually(lambda: len(bench.alerts()) == 2, within=60)
    assert sorted((alert.name, alert.data.recipient) for alert in bench.alerts()) == [
        ("alert_failed", "jeanny"),
        ("alerted", "inbox"),
    ]
    assert [recipient for recipient, _ in relay.accepted] == ["accueil@cerfrance-77.example"]
    await relay.stop()


async def test_what_waits_in_an_older_backup_and_was_mailed_since_is_not_mailed_again(
    servers: RunningStack, bench: Bench
) -> None:
    nowhere = ScriptedSmtp()
    await nowhere.start()
    await nowhere.stop()
    async with replica(servers, NOTIFY_SMTP__PORT=str(nowhere.port)):
        await bench.publish(bench.deposit(1).deposited())
        await eventually(bench.all_noted, within=60)
    async with AsyncMongoClient[dict[str, Any]](servers.endpoints["mongo"]) as mongo:
        digests = mongo["notify"]["digests"]
        [backup] = [each async for each in digests.find({"group.client": bench.client})]
        assert backup["untold"]
        async with replica(servers):
            await eventually(bench.mails, within=60)
            await eventually(bench.alerts, within=60)
        await digests.replace_one({"_id": backup["_id"]}, backup)
    restored = await connect_ops(servers.endpoints, "restore", "records", "--office", OFFICE)
    assert restored.status == 0, restored.errors
    async with replica(servers):
        # What is overdue is looked at when it starts, so before this.
        await bench.publish(bench.deposit(1).deposited())
        await eventually(lambda: len(bench.alerts()) >= 2, within=60)
    assert len(bench.alerts()) == len(await bench.mails()) == 2


async def _heard(bench: Bench, *events: str) -> bool:
    return {f"connect.v1.documents.{event}.*" for event in events} <= set(await bench.filters())


def _accepted(relay: ScriptedSmtp, bench: Bench) -> int:
    return len({content for recipient, content in relay.accepted if recipient == bench.accountant})


async def test_a_seal_is_mailed_once_to_the_office_s_inbox(servers: RunningStack, bench: Bench) -> None:
    number = int(new_id()[:7], 16)  # no other run's
    facts = {"number": number, "first": 1, "last": 9, "root": "1" * 64, "previous": "2" * 64, "at": datetime.now(UTC)}
    seal = envelop(Sealed.model_validate({**facts, "kid": "k", "signature": "e30.e30.c2ln", "office": OFFICE}))

    async def mailed() -> list[Mail]:
        return [mail for mail in await bench.every_mail() if f"Sceau n° {number} " in mail.subject]

    async with replica(servers):
        await bench.publish(seal)
        (mail,) = await eventually(mailed, within=60)
        # Heard again: the broker knows it no more.
        await bench.publish(seal.model_copy(update={"id": new_id()}))
        await eventually(bench.all_seals_heard, within=60)
        assert len(await mailed()) == 1
    assert "accueil@cerfrance-77.example" in mail.to
    assert seal.data.signature in mail.text
