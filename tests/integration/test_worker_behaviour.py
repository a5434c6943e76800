"""The worker's behaviour on a real nats-server, which is killed in the middle, and what only a real one can show."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from chassis.bus import Consumer, Message, Refused
from chassis.errors import Rejected, Unavailable
from chassis.jetstream import JetStreamBus
from contracts.streams import DEAD
from nats.js import api

from tests.suites.fake_bus import Stored
from tests.suites.nats_server import NatsServer
from tests.suites.worker import Bench, WorkerBehaviour, running
from tests.support.eventually import eventually


def _bus(server: NatsServer, user: str = "worker") -> JetStreamBus:
    return JetStreamBus(url=server.url, user=user, password="secret", name="test")


class _RealBroker:
    def __init__(self, server: NatsServer, bus: JetStreamBus) -> None:
        self.server = server
        self.bus = bus

    async def stored(self, subject: str) -> Sequence[Stored]:
        js = (await self.bus.ready(10)).jetstream()
        found: list[Stored] = []
        stream = "CONNECT_DEAD" if ".dead." in subject else "CONNECT_DOCUMENTS"
        reader = await js.subscribe(subject, stream=stream, ordered_consumer=True)
        info = await reader.consumer_info()
        # What waits there, and what is on its way already.
        left = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
        try:
            while left:
                message = await reader.next_msg(timeout=5)
                at = message.metadata.timestamp
                found.append(
                    Stored(message.metadata.sequence.stream, message.subject, message.data, message.headers or {}, at)
                )
                left = message.metadata.num_pending
        finally:
            await reader.unsubscribe()
        return found

    async def interrupt(self) -> None:
        await self.server.kill()
        await self.server.start()


@pytest.fixture
async def broker(server: NatsServer) -> AsyncIterator[_RealBroker]:
    async with _bus(server) as bus:
        yield _RealBroker(server, bus)


class TestWorkerOnRealServer(WorkerBehaviour):
    async def test_a_closed_connection_is_made_anew(self, bench: Bench, broker: _RealBroker) -> None:
        async def handle(key: str) -> Sequence[Message]:
            return (bench.effect(key),)

        async with running(bench.worker(handle)):
            await bench.say("a")
            await eventually(bench.effects)
            client = await broker.bus.ready()
            # What is no NATS is answered with an error on which nats-py closes its client for good.
            assert client._transport is not None
            client._transport.write(b"NONSENSE\r\n")
            await eventually(lambda: client.is_closed)
            await eventually(lambda: broker.bus.generation == 2)
            await bench.say("b")
            await eventually(lambda: sorted(bench.seen) == ["a", "b"])

    async def test_what_is_to_be_buried_waits_while_dead_letters_have_no_stream(
        self, bench: Bench, broker: _RealBroker
    ) -> None:
        async def handle(key: str) -> Sequence[Message]:
            raise Rejected("unfit", key)

        js = (await broker.bus.ready(10)).jetstream()
        await js.delete_stream(DEAD.name)
        await bench.say("a")
        with structlog.testing.capture_logs() as logs:
            async with running(bench.worker(handle)):
                await eventually(lambda: len(bench.seen) > 1)
                assert {each["code"] for each in logs if each["event"] == "subscription_suspended"} == {
                    "broker_did_not_confirm"
                }
                await js.add_stream(name=DEAD.name, subjects=list(DEAD.subjects))
                await eventually(bench.graves)
                await eventually(lambda: "subscription_resumed" in [each["event"] for each in logs])
        assert [each.headers["Connect-Code"] for each in await bench.graves()] == ["unfit"]


async def test_a_bus_and_its_worker_may_start_before_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.lane.FETCH_WAIT", 0.8)
    async with NatsServer(tmp_path) as server, _bus(server) as bus:
        with pytest.raises(Unavailable):
            await bus.publish("connect.v1.documents.happened.1", b"x", timeout=0.2)
        bench = Bench(_RealBroker(server, bus))

        async def handle(key: str) -> Sequence[Message]:
            return (bench.effect(key),)

        async with running(bench.worker(handle)):
            await server.start()
            await server.provision()
            await bus.ready(10)
            await bench.say("a")
            await eventually(bench.effects)


async def test_a_denied_publication_is_logged_as_what_it_is(server: NatsServer) -> None:
    with structlog.testing.capture_logs() as logs:
        async with _bus(server, "limited") as bus:
            with pytest.raises(Unavailable, match="broker_did_not_confirm"):
                await bus.publish("connect.v1.documents.taken.14", b"x", timeout=1)
    (denied,) = [each for each in logs if each["event"] == "nats_permission_denied"]
    assert "connect.v1.documents.taken.14" in denied["detail"]


async def test_a_message_that_is_too_large_is_a_bug_and_not_waited_for(broker: _RealBroker) -> None:
    with pytest.raises(Refused, match="MaxPayloadError"):
        await broker.bus.publish("connect.v1.documents.taken.14", b"x" * 2_000_000)


async def test_a_changed_configuration_reaches_the_durable(broker: _RealBroker) -> None:
    first = Consumer("CONNECT_DOCUMENTS", "probe-durable", ("connect.v1.documents.a.*",), ack_wait=10)
    await broker.bus.subscribe(first)
    second = Consumer(
        "CONNECT_DOCUMENTS",
        "probe-durable",
        ("connect.v1.documents.a.*", "connect.v1.documents.b.*"),
        ack_wait=20,
        max_ack_pending=7,
    )
    await broker.bus.subscribe(second)
    client = await broker.bus.ready()
    info = await client.jetstream().consumer_info("CONNECT_DOCUMENTS", "probe-durable")
    assert info.config.filter_subjects == list(second.filters)
    assert (info.config.ack_wait, info.config.max_ack_pending, info.config.max_deliver) == (20, 7, -1)


async def test_what_is_settled_as_the_bus_closes_has_arrived(server: NatsServer) -> None:
    consumer = Consumer("CONNECT_DOCUMENTS", "closing-durable", ("connect.v1.documents.a.*",))
    async with _bus(server) as bus:
        await bus.publish("connect.v1.documents.a.1", b"x")
        (delivery,) = await (await bus.subscribe(consumer)).fetch(1, 2)
        await delivery.term()
    async with _bus(server) as bus:
        assert await (await bus.subscribe(consumer)).lag() == 0


async def test_what_is_terminated_leaves_an_advisory_in_a_stream(server: NatsServer, broker: _RealBroker) -> None:
    bench = Bench(broker)

    async def handle(_: str) -> Sequence[Message]:
        raise Rejected("not_wanted")

    await bench.say("a")
    async with running(bench.worker(handle)):
        await eventually(lambda: _advisories(broker, "MSG_TERMINATED"))
    (advisory,) = await _advisories(broker, "MSG_TERMINATED")
    assert (advisory["consumer"], advisory["stream_seq"]) == (bench.durable, (await bench.graves())[0].sequence)


async def test_what_is_delivered_for_the_last_time_leaves_an_advisory_in_a_stream(broker: _RealBroker) -> None:
    js = (await broker.bus.ready()).jetstream()
    # None of ours has a last time: this is somebody else's.
    settings = api.ConsumerConfig(
        name="foreign",
        durable_name="foreign",
        filter_subject="connect.v1.documents.a.*",
        ack_wait=0.2,
        max_deliver=1,
    )
    await js.add_consumer("CONNECT_DOCUMENTS", settings)
    reader = await js.pull_subscribe_bind(durable="foreign", stream="CONNECT_DOCUMENTS")
    await broker.bus.publish("connect.v1.documents.a.1", b"x")
    await reader.fetch(1, timeout=2)
    # The broker notices with the next fetch that its time is up and its last delivery was.
    with suppress(TimeoutError):
        await reader.fetch(1, timeout=1)
    await eventually(lambda: _advisories(broker, "MAX_DELIVERIES"))
    (advisory,) = await _advisories(broker, "MAX_DELIVERIES")
    assert (advisory["consumer"], advisory["deliveries"]) == ("foreign", 1)


async def _advisories(broker: _RealBroker, kind: str) -> list[dict[str, Any]]:
    js = (await broker.bus.ready()).jetstream()
    held = (await js.stream_info("CONNECT_ADVISORIES")).state.messages
    messages = [await js.get_msg("CONNECT_ADVISORIES", sequence) for sequence in range(1, held + 1)]
    return [json.loads(each.data or b"") for each in messages if f".{kind}." in (each.subject or "")]


async def _ping_fails(bus: JetStreamBus) -> bool:
    try:
        await bus.ping()
    except Unavailable:
        return True
    return False


async def test_a_ping_fails_while_the_server_is_away(broker: _RealBroker) -> None:
    await broker.bus.ping()
    await broker.server.kill()
    await eventually(lambda: _ping_fails(broker.bus))
    await broker.server.start()
    await eventually(lambda: broker.bus.generation == 2)
    await broker.bus.ping()
