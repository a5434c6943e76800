"""From NATS' one account of before (`$G`) to the accounts of today, as `docs/upgrading.md` says: nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import catalog.main
import ged_mover.main
import nats
import notify.main
import pytest
import upload.main
from chassis.bus import Consumer
from chassis.jetstream_source import declare_consumer
from contracts.directory import office_key
from contracts.registry import EVENTS
from contracts.streams import BUCKETS, DIRECTORY, DOCUMENTS, STREAMS
from contracts.subscribers import API_PREFIX, heard_by, inbox_of
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from deploy.accounts import PASSWORDS, accounts_of
from tests.suites.nats_server import NatsServer
from tests.support.operator import Ran, broker_alone, connect_ops

_MESSAGES, _ERASED = 120, 17
_SUBSCRIBER = Consumer(DOCUMENTS.name, "crm-14", (heard_by("14"),))
_HELD = (*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS))
# One account for all, which nobody named; who may do what is left out.
_BEFORE = "authorization { users: [ { user: ops, password: ops }, { user: worker, password: secret } ] }"
_PASSWORDS = {user: user for user in PASSWORDS}


class Server(NatsServer):
    """A server in its old configuration, until it is given another one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "data"
        self.users = _BEFORE

    async def stop(self) -> None:
        """As an operator stops it."""
        assert self._process
        self._process.terminate()
        await asyncio.to_thread(self._process.wait)

    def _write_configuration(self) -> Path:
        config = self._folder / "nats.conf"
        storage = f"jetstream {{ store_dir: {json.dumps(str(self.data))}, sync_interval: always }}"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\n{storage}\n{self.users}')
        return config

    @asynccontextmanager
    async def user(self, name: str, *, password: str = "") -> AsyncIterator[Client]:
        client = await nats.connect(
            self.url, user=name, password=password or name, inbox_prefix=inbox_of(name).encode(), allow_reconnect=False
        )
        yield client
        await client.close()

    async def ops(self, *arguments: object) -> Ran:
        """`connect-ops`, which reaches this server and nothing else."""
        return await connect_ops(broker_alone(self.url, user="ops", password="ops"), *arguments)


def _consumers() -> Iterable[Consumer]:
    """Every durable that the services declare, and an outside subscriber's."""
    subscriptions = (
        *upload.main.subscriptions(Mock()),
        *catalog.main.subscriptions(Mock(), Mock(), generation=1),
        *notify.main.subscriptions(Mock(), Mock()),
        *ged_mover.main.subscriptions(Mock(), mode="GOVERNANCE", moves_at_once=1),
    )
    return (*(each.consumer for each in subscriptions), _SUBSCRIBER)


async def _used_for_a_while(js: JetStreamContext) -> None:
    """Events, mails put off, dead letters; some handled, some in hand, some not looked at."""
    topics = sorted({event.topic(office) for event in EVENTS for office in ("14", "53")})
    for number in range(_MESSAGES):
        topic = topics[number % len(topics)]
        await js.publish(topic, f"event {number}".encode(), headers={"Nats-Msg-Id": f"e{number}"})
    for subject in ("connect.v1.audit.deposited.14", "connect.v1.audit.sealed.14", "connect.v1.dead.notify"):
        await js.publish(subject, subject.encode())
    await js.delete_msg(DOCUMENTS.name, _ERASED)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    due = {"Nats-Schedule": f"@at {later}", "Nats-Schedule-Target": "connect.v1.wake.due.notify.digest.x"}
    await js.publish("connect.v1.wake.schedule.notify.digest.x", headers=due)
    await (await js.key_value(DIRECTORY.name)).put(office_key("14"), b"{}")
    for consumer in _consumers():
        await declare_consumer(js, consumer)
        reader = await js.pull_subscribe_bind(durable=consumer.durable, stream=consumer.stream)
        if consumer.stream == DOCUMENTS.name:
            *handled, _ = await reader.fetch(4, timeout=5)
            for message in handled:
                await message.ack_sync()


async def _held(js: JetStreamContext) -> dict[str, Any]:
    """All that the server holds: each stream's messages, and how far each consumer is."""
    found: dict[str, Any] = {}
    for stream in _HELD:
        state = (await js.stream_info(stream)).state
        messages = [await _message(js, stream, number) for number in range(max(1, state.first_seq), state.last_seq + 1)]
        consumers = [each for each in await js.consumers_info(stream) if each.config.durable_name]
        found[stream] = {
            "messages": messages,
            "last": state.last_seq,
            "consumers": {each.name: _standing(each) for each in consumers},
        }
    return found


def _standing(consumer: ConsumerInfo) -> dict[str, Any]:
    given, acknowledged = cast(Any, consumer.delivered), cast(Any, consumer.ack_floor)
    return {
        "config": consumer.config,
        "given": (given.consumer_seq, given.stream_seq),
        "acknowledged": (acknowledged.consumer_seq, acknowledged.stream_seq),
        "waiting": consumer.num_pending,
        "in hand": consumer.num_ack_pending,
    }


async def _message(js: JetStreamContext, stream: str, number: int) -> Any:
    if (stream, number) == (DOCUMENTS.name, _ERASED):
        return None
    found = await js.get_msg(stream, seq=number)
    return found.seq, found.subject, found.data, found.headers, found.time


async def _renamed(server: Server, _: Path) -> None:
    """One server."""
    await server.stop()
    (server.data / "jetstream" / "$G").rename(server.data / "jetstream" / "CONNECT")
    await _started_anew(server)
    async with server.user("ops") as client:
        # What is said again by whoever missed the answer is known. (A restored stream knows nothing of that.)
        again = await client.jetstream().publish(EVENTS[0].topic("53"), headers={"Nats-Msg-Id": f"e{_MESSAGES - 1}"})
    assert (again.duplicate, again.seq) == (True, _MESSAGES)


async def _saved_and_restored(server: Server, backup: Path) -> None:
    """A cluster, whose servers know each stream by its account: it is given back to servers that have none."""
    saved = await server.ops("backup", "streams", backup)
    assert saved.status == 0, saved.errors
    await server.stop()
    server.data.rename(server.data.with_name("data-before"))
    await _started_anew(server)
    restored = await server.ops("restore", "streams", backup)
    assert restored.status == 0, restored.errors


async def _started_anew(server: Server) -> None:
    server.users = accounts_of(_PASSWORDS)
    await server.start()


@pytest.mark.parametrize("moved", [_renamed, _saved_and_restored])
async def test_what_was_in_the_one_account_is_in_the_platforms(
    moved: Callable[[Server, Path], Awaitable[None]], tmp_path: Path
) -> None:
    async with Server(tmp_path) as server:
        await server.start()
        await server.provision()
        async with server.user("ops") as client:
            await _used_for_a_while(client.jetstream())
            before = await _held(client.jetstream())
        await moved(server, tmp_path / "backup")
        async with server.user("ops") as client:
            js = client.jetstream()
            assert await _held(js) == before
            assert before.keys() == set(_HELD)
            assert len(before[DOCUMENTS.name]["messages"]) == _MESSAGES
            assert all(each["in hand"] and each["waiting"] for each in before[DOCUMENTS.name]["consumers"].values())
        async with server.user("notify") as client:
            await _goes_on(client.jetstream(), "notify-digests", before)
        await _subscriber_goes_on(server, before)


async def _subscriber_goes_on(server: Server, before: Any) -> None:
    """With an account of its own, and its consumer where it was."""
    added = await server.ops("subscriber", "add", "crm", "--office", "14", "--json")
    assert added.status == 0, added.errors
    server.users = accounts_of(_PASSWORDS, subscribers=[added.report["block"]])
    await server.stop()
    await server.start()
    async with server.user("crm-14", password=added.report["password"]) as client:
        await _goes_on(client.jetstream(prefix=API_PREFIX), "crm-14", before)


async def _goes_on(js: JetStreamContext, durable: str, before: Any) -> None:
    """With the message after the last that it was given; the one that it had in hand may come again before."""
    reader = await js.pull_subscribe_bind(durable=durable, stream=DOCUMENTS.name)
    found = [each.metadata for each in await reader.fetch(2, timeout=10)]
    new, *_ = [each for each in found if each.num_delivered == 1]
    assert new.sequence.stream > before[DOCUMENTS.name]["consumers"][durable]["given"][1]
