"""An account as `connect-ops subscriber add` prints it hears its own office and no other by any of JetStream's ways,
and has nothing stored or acknowledged in the platform's account: with its user's rights, and by the account alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import nats
import pytest
from connect_ops.accounts import account_block
from connect_ops.subscriber import new_subscriber
from contracts.streams import BUCKETS, DOCUMENTS, STREAMS
from contracts.subscribers import API_PREFIX, heard_by
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    RePublish,
    StreamConfig,
    StreamSource,
)

from tests.suites.nats_server import NatsServer
from tests.support.eventually import eventually

OTHERS = "connect.v1.documents.taken.53"
ELSEWHERE = "connect.v1.dead.upload"
CRM = new_subscriber("crm", "14")
NEIGHBOUR = new_subscriber("crm", "53")
INFO, NEXT = CRM["publish"][:2]
Attempt = Callable[[Client], Awaitable[Any]]


class _Connection:
    def __init__(self) -> None:
        self.denials: list[str] = []

    async def open(self, url: str, added: dict[str, Any]) -> Client:
        prefix = added["inbox_prefix"].encode()
        return await nats.connect(
            url,
            user=added["user"],
            password=added["password"],
            inbox_prefix=prefix,
            error_cb=self._note,
            reconnect_time_wait=0.2,
        )

    async def _note(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            self.denials.append(str(error))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    accounts = [account_block(each["user"], each["password"]) for each in (CRM, NEIGHBOUR)]
    async with NatsServer(tmp_path, further=[*accounts, _without_rights(CRM)]) as server:
        await server.start()
        await server.provision()
        yield server


@pytest.fixture
async def platform(server: NatsServer) -> AsyncIterator[Client]:
    """In the platform's account: two events of each office, and each subscriber's consumer."""
    worker = await nats.connect(server.url, user="worker", password="secret")
    for event in ("taken.53", "taken.53", "taken.14", "taken.14"):
        await worker.jetstream().publish(
            f"connect.v1.documents.{event}", b"ours" if "14" in event else b"another office's"
        )
    for each in (CRM, NEIGHBOUR):
        await _declare(worker, each["user"], each["filter"])
    yield worker
    await worker.close()


def _without_rights(added: dict[str, Any]) -> str:
    """The same imports, for a user to whom its own account forbids nothing."""
    block = account_block(added["user"], added["password"])
    before, _, rest = block.partition("permissions {")
    free = before + rest.partition("]\n    }\n")[2]
    return free.replace(f'"{added["user"]}" {{', '"free" {').replace(f'user: "{added["user"]}"', 'user: "free"')


async def _declare(client: Client, name: str, *filters: str, stream: str = DOCUMENTS.name, **more: Any) -> None:
    config = ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=filters[0] if len(filters) == 1 else None,
        filter_subjects=list(filters) if len(filters) > 1 else None,
        ack_policy=AckPolicy.EXPLICIT,
        **more,
    )
    await client.jetstream().add_consumer(stream, config)


def _asks(subject: str, body: bytes = b"") -> Attempt:
    return lambda client: client.request(subject, body, timeout=10)


def _listens(subject: str) -> Attempt:
    return lambda client: client.subscribe(subject)


def _makes(**config: Any) -> Attempt:
    return lambda client: client.jetstream().add_stream(StreamConfig(name="COPY", **config))


_ATTEMPTS: dict[str, Attempt] = {
    "direct get, last of a subject": _asks(f"$JS.API.DIRECT.GET.{DOCUMENTS.name}.{OTHERS}"),
    "direct get, by sequence": lambda c: c.jetstream().get_msg(DOCUMENTS.name, seq=1, direct=True),
    "stream message get": lambda c: c.jetstream().get_msg(DOCUMENTS.name, seq=1),
    "stream message get, last of a subject": lambda c: c.jetstream().get_last_msg(DOCUMENTS.name, OTHERS),
    "consumer with another filter": lambda c: _declare(c, "crm-14", heard_by("53")),
    "consumer with all offices": lambda c: _declare(c, "crm-14", heard_by("*")),
    "consumer without a filter": lambda c: _declare(c, "crm-14"),
    "consumer with a narrower filter of another's": lambda c: _declare(c, "crm-14", OTHERS),
    "consumer with two filters": lambda c: _declare(c, "crm-14", heard_by("14"), heard_by("53")),
    "consumer of the older kind": _asks(f"$JS.API.CONSUMER.DURABLE.CREATE.{DOCUMENTS.name}.crm-14"),
    "consumer of the oldest kind": _asks(f"$JS.API.CONSUMER.CREATE.{DOCUMENTS.name}"),
    "consumer under another's name": lambda c: _declare(c, "crm-53", heard_by("14")),
    "consumer of another stream": lambda c: _declare(c, "crm-14", "connect.v1.audit.*.14", stream="CONNECT_AUDIT"),
    "ordered consumer": lambda c: c.jetstream().subscribe(heard_by("53"), stream=DOCUMENTS.name, ordered_consumer=True),
    "pushed consumer": lambda c: c.jetstream().subscribe(heard_by("53"), stream=DOCUMENTS.name),
    "consumer that is pushed elsewhere": lambda c: _declare(c, "crm-14", heard_by("14"), deliver_subject=ELSEWHERE),
    "consumer that is pushed elsewhere, by its prefix": lambda c: c.jetstream(prefix=API_PREFIX).add_consumer(
        DOCUMENTS.name,
        ConsumerConfig(name="pushed", durable_name="pushed", filter_subject=heard_by("14"), deliver_subject=ELSEWHERE),
    ),
    "its own consumer, declared anew": lambda c: _declare(c, "crm-14", heard_by("14")),
    "its own consumer, deleted": _asks(f"$JS.API.CONSUMER.DELETE.{DOCUMENTS.name}.crm-14"),
    "its own consumer, not by its prefix": _asks(NEXT.replace(API_PREFIX, "$JS.API"), b"1"),
    "another's consumer by its prefix: next": _asks(NEXT.replace("crm-14", "crm-53"), b"1"),
    "another's consumer by its prefix: info": _asks(INFO.replace("crm-14", "crm-53")),
    "another filter by its prefix": _asks(f"{API_PREFIX}.CONSUMER.CREATE.{DOCUMENTS.name}.crm-14.{heard_by('53')}"),
    "another's consumer: next": _asks(f"$JS.API.CONSUMER.MSG.NEXT.{DOCUMENTS.name}.crm-53", b"1"),
    "another's consumer: info": _asks(f"$JS.API.CONSUMER.INFO.{DOCUMENTS.name}.crm-53"),
    "another's consumer: acknowledge": _asks(f"$JS.ACK.{DOCUMENTS.name}.crm-53.1.1.1.1.0"),
    "another's consumer: delete": _asks(f"$JS.API.CONSUMER.DELETE.{DOCUMENTS.name}.crm-53"),
    "another's consumer: pause": _asks(f"$JS.API.CONSUMER.PAUSE.{DOCUMENTS.name}.crm-53"),
    "core, the office": _listens(heard_by("53")),
    "core, every office": _listens("connect.v1.documents.>"),
    "core, everything": _listens(">"),
    "core, live hints": _listens("connect.v1.live.53.*"),
    "core, what is deleted of a bucket": _listens("$KV.>"),
    "another's inbox": _listens("_INBOX_crm-53.>"),
    "a service's inbox": _listens("_INBOX_catalog.>"),
    "the default inbox": _listens("_INBOX.>"),
    "advisories": _listens("$JS.EVENT.ADVISORY.>"),
    "key-value, by the library": lambda c: c.jetstream().key_value("DIRECTORY"),
    "key-value, direct": _asks("$JS.API.DIRECT.GET.KV_DIRECTORY.$KV.DIRECTORY.offices.53"),
    "key-value, watched": _asks("$JS.API.CONSUMER.CREATE.KV_DIRECTORY.crm-14.$KV.DIRECTORY.>"),
    "key-value, written": _asks("$KV.DIRECTORY.offices.53", b"{}"),
    "object store, made": _asks("$JS.API.STREAM.CREATE.OBJ_COPY", b'{"name":"OBJ_COPY","subjects":["$O.COPY.>"]}'),
    "object store, opened": lambda c: c.jetstream().object_store("COPY"),
    "mirror": _makes(mirror=StreamSource(name=DOCUMENTS.name)),
    "source": _makes(sources=[StreamSource(name=DOCUMENTS.name, filter_subject=OTHERS)]),
    "republish, by a new stream": _makes(subjects=["x.>"], republish=RePublish(src="x.>", dest="_INBOX_crm-14.>")),
    "republish, by an update": lambda c: c.jetstream().update_stream(
        StreamConfig(name=DOCUMENTS.name, republish=RePublish(src=">", dest="_INBOX_crm-14.>"))
    ),
    "snapshot": _asks(f"$JS.API.STREAM.SNAPSHOT.{DOCUMENTS.name}", b'{"deliver_subject":"_INBOX_crm-14.x"}'),
    "purge": _asks(f"$JS.API.STREAM.PURGE.{DOCUMENTS.name}"),
    "message delete": _asks(f"$JS.API.STREAM.MSG.DELETE.{DOCUMENTS.name}", b'{"seq":1}'),
    "names of the streams": _asks("$JS.API.STREAM.NAMES"),
    "names of the consumers": _asks(f"$JS.API.CONSUMER.NAMES.{DOCUMENTS.name}"),
    "the stream's facts": _asks(f"$JS.API.STREAM.INFO.{DOCUMENTS.name}"),
    "the account's facts": _asks("$JS.API.INFO"),
    "dead letters": _asks("$JS.API.STREAM.MSG.GET.CONNECT_DEAD", b'{"seq":1}'),
    "the audit trail": _asks("$JS.API.STREAM.MSG.GET.CONNECT_AUDIT", b'{"seq":1}'),
    "an event of its own": _asks("connect.v1.documents.taken.14", b"{}"),
    "an event of another office": _asks(OTHERS, b"{}"),
    "a wake-up": _asks("connect.v1.wake.due.ged-mover.move.x"),
    "the servers' own": _asks("$SYS.REQ.SERVER.PING"),
}


@pytest.mark.parametrize("attempt", _ATTEMPTS.values(), ids=_ATTEMPTS.keys())
async def test_its_user_has_no_right_to_what_leads_elsewhere(server: NatsServer, attempt: Attempt) -> None:
    connection = _Connection()
    client = await connection.open(server.url, CRM)
    trying = asyncio.ensure_future(attempt(client))
    try:
        await eventually(lambda: connection.denials != [])
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        await client.close()


async def test_where_its_account_forbids_nothing_none_of_it_leads_there_either(
    server: NatsServer, platform: Client
) -> None:
    before = await _standing(platform)
    free = await nats.connect(server.url, user="free", password=CRM["password"])
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        heard.append(message.data.decode())

    await free.subscribe(">", cb=hear)
    answers = await asyncio.gather(*(_tried(free, attempt) for attempt in _ATTEMPTS.values()))
    for event in ("taken.53", "taken.14"):
        await platform.jetstream().publish(f"connect.v1.documents.{event}", b"another office's")
    await free.request(INFO, timeout=10)
    await free.close()
    assert [each for each in [*answers, *heard] if "another office's" in each] == []
    after = await _standing(platform)
    documents, documents_before = after.pop(DOCUMENTS.name), before.pop(DOCUMENTS.name)
    assert documents.messages == documents_before.messages + 2
    assert [name for name, *_ in documents.consumers] == [name for name, *_ in documents_before.consumers]
    assert after == before


async def _tried(client: Client, attempt: Attempt) -> str:
    with suppress(Exception):
        return str(await asyncio.wait_for(attempt(client), 3))
    return ""


class _Standing(NamedTuple):
    messages: int
    config: Any
    consumers: list[Any]


async def _standing(platform: Client) -> dict[str, _Standing]:
    """What there is in the platform's account: every stream's messages and configuration, how far every consumer is."""
    jetstream = platform.jetstream(timeout=10)
    found = {}
    for info in await jetstream.streams_info():
        name = str(info.config.name)
        consumers = await jetstream.consumers_info(name)
        told = sorted((each.name, each.num_ack_pending, str(each.ack_floor)) for each in consumers)
        found[name] = _Standing(info.state.messages, info.config, told)
    assert len(found) == len(STREAMS) + len(BUCKETS)
    return found


async def test_what_it_is_given_is_its_own_office_s_and_no_denial(server: NatsServer, platform: Client) -> None:
    connection = _Connection()
    client = await connection.open(server.url, CRM)
    subscription = await _bound(client)
    messages = await subscription.fetch(2, timeout=10)
    for message in messages:
        await message.ack_sync(timeout=10)
    assert [message.data for message in messages] == [b"ours", b"ours"]
    info = await subscription.consumer_info()
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    assert connection.denials == []
    await client.close()


async def test_what_an_erasure_removes_is_gone_for_it_too(server: NatsServer, platform: Client) -> None:
    ours = (await platform.jetstream().get_last_msg(DOCUMENTS.name, "connect.v1.documents.taken.14")).seq
    assert ours is not None
    await platform.jetstream().delete_msg(DOCUMENTS.name, ours)
    client = await _Connection().open(server.url, CRM)
    subscription = await _bound(client)
    (left,) = await subscription.fetch(2, timeout=10)
    await left.ack_sync(timeout=10)
    assert left.metadata.sequence.stream == ours - 1
    assert (await subscription.consumer_info()).num_pending == 0
    await client.close()


async def test_a_request_that_waits_is_given_what_comes_later_and_many_at_once(
    server: NatsServer, platform: Client
) -> None:
    client = await _Connection().open(server.url, CRM)
    subscription = await _bound(client)
    for message in await subscription.fetch(2, timeout=10):
        await message.ack_sync(timeout=10)
    waiting = asyncio.ensure_future(subscription.fetch(50, timeout=30))
    await eventually(lambda: _is_asked(platform))
    for n in range(50):
        await platform.jetstream().publish("connect.v1.documents.taken.14", str(n).encode())
    found = [message.data for message in await waiting]
    assert found == [str(n).encode() for n in range(len(found))]
    assert len(found) > 0
    await client.close()


async def _is_asked(platform: Client) -> bool:
    return bool((await platform.jetstream().consumer_info(DOCUMENTS.name, CRM["durable"])).num_waiting)


@pytest.mark.parametrize("elsewhere", [ELSEWHERE, "$KV.DIRECTORY.offices.53", "connect.v1.documents.taken.53"])
async def test_no_answer_can_be_sent_where_it_may_not_publish(
    server: NatsServer, platform: Client, elsewhere: str
) -> None:
    before = await _standing(platform)
    client = await _Connection().open(server.url, CRM)
    await client.publish(INFO, reply=elsewhere)
    await client.publish(NEXT, reply=elsewhere)
    (message,) = await (await _bound(client)).fetch(1, timeout=10)
    await client.publish(message.reply, b"+NXT", reply=elsewhere)
    await client.request(INFO, timeout=10)
    await client.close()
    after = await _standing(platform)
    assert {name: each.messages for name, each in after.items()} == {n: each.messages for n, each in before.items()}


async def test_no_answer_acknowledges_what_another_has_in_hand(server: NatsServer, platform: Client) -> None:
    """An answer without a body, such as «there is nothing», would acknowledge."""
    source = await platform.jetstream().pull_subscribe_bind(durable=NEIGHBOUR["durable"], stream=DOCUMENTS.name)
    held, _ = await source.fetch(2, timeout=10)
    before = await _standing(platform)
    for user in (CRM, {**CRM, "user": "free"}):
        client = await _Connection().open(server.url, user)
        with suppress(TimeoutError):
            while await (await _bound(client)).fetch(1, timeout=1):
                pass
        nothing = json.dumps({"batch": 1, "no_wait": True}).encode()
        await client.publish(NEXT, nothing, reply=held.reply)
        await client.publish(INFO, reply=held.reply)
        await client.publish(held.reply.replace("crm-53", "crm-14"), b"+ACK", reply=held.reply)
        with suppress(TimeoutError):
            await client.request(INFO, timeout=10)
        await client.close()
    mine = {CRM["durable"]}
    assert _but(mine, await _standing(platform)) == _but(mine, before)
    await held.ack_sync(timeout=10)
    assert _but(mine, await _standing(platform)) != _but(mine, before)


def _but(names: set[str], standing: dict[str, _Standing]) -> list[Any]:
    return [each for each in standing[DOCUMENTS.name].consumers if each[0] not in names]


async def test_the_server_takes_another_account_while_everybody_goes_on(server: NatsServer, platform: Client) -> None:
    client = await _Connection().open(server.url, CRM)
    subscription = await _bound(client)
    await subscription.fetch(1, timeout=10)
    later = new_subscriber("erp", "14")
    await _declare(platform, later["durable"], later["filter"])
    server.admit(account_block(later["user"], later["password"]))
    server.reload()
    another = await _Connection().open(server.url, later)
    await eventually(lambda: _is_admitted(server, another))
    (second,) = await subscription.fetch(1, timeout=10)
    await second.ack_sync(timeout=10)
    assert client.stats["reconnects"] == 0
    bound = await another.jetstream(prefix=API_PREFIX).pull_subscribe_bind(durable="erp-14", stream=DOCUMENTS.name)
    assert [each.data for each in await bound.fetch(2, timeout=10)] == [b"ours", b"ours"]
    await platform.jetstream().publish("connect.v1.documents.taken.14", b"after")
    assert (await platform.jetstream().stream_info(DOCUMENTS.name)).state.messages == 5
    await another.close()
    await client.close()


async def _is_admitted(server: NatsServer, client: Client) -> bool:
    """Whether it reaches its consumer; a new account's imports count from the second reload on."""
    try:
        await client.request(INFO.replace("crm", "erp"), timeout=2)
    except (nats.errors.NoRespondersError, TimeoutError):
        server.reload()
        return False
    return True


async def _bound(client: Client) -> Any:
    jetstream = client.jetstream(prefix=API_PREFIX)
    return await jetstream.pull_subscribe_bind(durable=CRM["durable"], stream=CRM["stream"])
