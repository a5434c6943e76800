"""What the worker promises, on whichever broker."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import pytest
from chassis.bus import Bus, Consumer, Message, Outgoing
from chassis.dead import dead_subject
from chassis.errors import Later, Rejected, Unavailable
from chassis.origin import Origin
from chassis.worker import Subscription, Worker

from chassis import wake
from tests.suites.fake_bus import Stored
from tests.suites.traced_bus import TracedBus
from tests.support.eventually import eventually

Handle = Callable[[str], Awaitable[Sequence[Outgoing]]]


class Broker(Protocol):
    """The broker under test."""

    @property
    def bus(self) -> Bus: ...

    async def stored(self, subject: str) -> Sequence[Stored]:
        """What the streams hold on a subject."""

    async def interrupt(self) -> None:
        """Kill it and start it again, on the same data."""


class Bench:
    """One service with one subscription, under names that no other test uses."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.bus = TracedBus(broker.bus)
        self.token = uuid.uuid4().hex[:12]
        self.service = f"s{self.token}"
        self.durable = f"{self.service}-things"
        self.seen: list[str] = []

    def topic(self, event: str) -> str:
        return f"connect.v1.documents.{event}.{self.token}"

    def consumer(self, **settings: Any) -> Consumer:
        given = {"ack_wait": 2.0, "filters": (self.topic("happened"),), **settings}
        return Consumer("CONNECT_DOCUMENTS", self.durable, **given)

    def effect(self, key: str) -> Message:
        return Message(self.topic("done"), key.encode(), id=f"{self.token}:{key}")

    async def say(self, *keys: str, event: str = "happened") -> None:
        for key in keys:
            await self.broker.bus.publish(self.topic(event), key.encode(), message_id=f"{self.token}:{event}:{key}")

    async def effects(self) -> list[str]:
        return [each.payload.decode() for each in await self.broker.stored(self.topic("done"))]

    async def graves(self) -> Sequence[Stored]:
        return await self.broker.stored(dead_subject(self.service))

    def worker(
        self, handle: Handle, *, wakes: dict[str, Handle] | None = None, concurrency: int = 4, **consumer: Any
    ) -> Worker:
        patience = consumer.pop("patience", 300)

        async def noted(key: str) -> Sequence[Outgoing]:
            self.seen.append(key)
            return await handle(key)

        subscription = Subscription(
            self.consumer(**consumer), decode=_text, handle=noted, concurrency=concurrency, patience=patience
        )
        return Worker(service=self.service, bus=self.bus, subscriptions=[subscription], wakes=wakes)

    async def lag(self) -> int:
        return await (await self.broker.bus.subscribe(self.consumer())).lag()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Event]:
    """The worker at work; it drains at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


def _text(payload: bytes, _: str) -> str:
    return payload.decode()


async def _nothing(_: str) -> Sequence[Outgoing]:
    return ()


class WorkerBehaviour:
    """Subclassed with a fixture `broker`."""

    # Seconds; a real server wants time for heartbeats in it.
    fetch_wait = 0.4

    @pytest.fixture
    def bench(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Bench:
        monkeypatch.setattr("chassis.lane.PROBE_FIRST", 0.05)
        monkeypatch.setattr("chassis.lane.PROBE_LONGEST", 0.2)
        monkeypatch.setattr("chassis.lane.FETCH_WAIT", self.fetch_wait)
        monkeypatch.setattr("chassis.worker.BUG_DELAYS", (0.02,) * 7)
        return Bench(broker)

    async def test_effects_are_published_before_the_source_is_acknowledged(self, bench: Bench) -> None:
        async def handle(key: str) -> Sequence[Outgoing]:
            bench.bus.trace.append("handle")
            return (bench.effect(key), Message(bench.topic("more"), b""))

        await bench.say("a")
        async with running(bench.worker(handle)):
            await eventually(lambda: len(bench.bus.trace) == 4)
        assert bench.bus.trace == [
            "handle",
            f"publish {bench.topic('done')}",
            f"publish {bench.topic('more')}",
            f"ack {bench.topic('happened')}",
        ]

    async def test_an_effect_travels_with_its_headers_and_id(self, bench: Bench) -> None:
        async def handle(_: str) -> Sequence[Outgoing]:
            return (Message(bench.topic("done"), b"x", id=bench.token, headers={"Content-Type": "text/x"}),)

        await bench.say("a")
        async with running(bench.worker(handle)):
            await eventually(bench.effects)
        stored = (await bench.broker.stored(bench.topic("done")))[0]
        assert stored.headers["Content-Type"] == "text/x"
        assert stored.headers["Nats-Msg-Id"] == bench.token

    async def test_a_message_whose_worker_crashed_before_the_ack_comes_again(self, bench: Bench) -> None:
        never = asyncio.Event()

        async def hang(_: str) -> Sequence[Outgoing]:
            await never.wait()
            return ()

        await bench.say("a")
        bystanders = asyncio.all_tasks()
        task = asyncio.create_task(bench.worker(hang, ack_wait=1.0).run(asyncio.Event()))
        await eventually(lambda: bench.seen)
        victims = asyncio.all_tasks() - bystanders
        for victim in victims:
            victim.cancel()
        await asyncio.gather(*victims, return_exceptions=True)
        assert task.done()
        assert not await bench.effects()

        async def handle(key: str) -> Sequence[Outgoing]:
            return (bench.effect(key),)

        async with running(bench.worker(handle, ack_wait=1.0)):
            await eventually(bench.effects)
        assert bench.seen == ["a", "a"]

    async def test_while_something_is_down_the_subscription_only_probes_and_then_resumes(self, bench: Bench) -> None:
        down = True

        async def handle(key: str) -> Sequence[Outgoing]:
            if down:
                raise Unavailable("store_unavailable")
            return (bench.effect(key),)

        keys = [f"m{n}" for n in range(12)]
        await bench.say(*keys)
        async with running(bench.worker(handle, max_ack_pending=4, concurrency=4)):
            await eventually(lambda: len(bench.seen) >= 6)
            before, started = len(bench.seen), time.monotonic()
            await eventually(lambda: time.monotonic() - started > 1)
            probes = len(bench.seen) - before
            # One at a time, at most 0.2 s apart once the wait has grown.
            assert 2 <= probes <= 12
            assert len(set(bench.seen)) <= 4, "more was fetched while all that is out waits"
            down = False
            await eventually(lambda: _all_of(bench, keys), within=5)
        assert await bench.lag() == 0

    async def test_a_message_that_must_wait_lets_the_others_go_on(self, bench: Bench) -> None:
        first_tried: dict[str, float] = {}
        done: dict[str, float] = {}

        async def handle(key: str) -> Sequence[Outgoing]:
            first_tried.setdefault(key, time.monotonic())
            if key == "slow" and bench.seen.count(key) == 1:
                raise Later("greylisted", delay=1.0)
            done[key] = time.monotonic()
            return (bench.effect(key),)

        await bench.say("slow", "a", "b", "c")
        async with running(bench.worker(handle, max_ack_pending=1, concurrency=1)):
            await eventually(lambda: _all_of(bench, ["slow", "a", "b", "c"]))
        assert max(done["a"], done["b"], done["c"]) < done["slow"]
        assert done["slow"] - first_tried["slow"] >= 0.9

    async def test_a_rejected_message_lies_with_the_dead_under_its_code_and_is_gone(self, bench: Bench) -> None:
        async def handle(_: str) -> Sequence[Outgoing]:
            raise Rejected("hash_differs", "l’empreinte diffère")

        await bench.say("a")
        async with running(bench.worker(handle)):
            await eventually(bench.graves)
            await eventually(lambda: _lag_is(bench, 0))
        (grave,) = await bench.graves()
        assert grave.payload == b"a"
        assert grave.headers["Connect-Code"] == "hash_differs"
        assert grave.headers["Connect-Subject"] == bench.topic("happened")
        assert grave.headers["Connect-Subscription"] == bench.durable
        assert bench.seen == ["a"]
        assert bench.bus.trace[-1] == f"term {bench.topic('happened')}"

    async def test_a_payload_that_cannot_be_decoded_is_rejected(self, bench: Bench) -> None:
        await bench.broker.bus.publish(bench.topic("happened"), b"\xff\xfe")
        async with running(bench.worker(_nothing)):
            await eventually(bench.graves)
        assert (await bench.graves())[0].headers["Connect-Code"] == "malformed"
        assert not bench.seen

    async def test_a_bug_is_tried_eight_times_and_then_buried_as_what_it_was(self, bench: Bench) -> None:
        async def handle(key: str) -> Sequence[Outgoing]:
            if key == "bad":
                raise KeyError("somebody@example.org")
            return (bench.effect(key),)

        await bench.say("bad", "good")
        async with running(bench.worker(handle, max_ack_pending=1, concurrency=1)):
            await eventually(bench.graves, within=20)
        (grave,) = await bench.graves()
        assert bench.seen.count("bad") == 8
        assert grave.headers["Connect-Code"] == "bug"
        assert grave.headers["Connect-Reason"] == "KeyError"
        assert grave.headers["Connect-Subject"] == bench.topic("happened")
        assert await bench.effects() == ["good"]

    async def test_a_newer_wake_up_replaces_the_older(self, bench: Bench) -> None:
        fired: list[float] = []

        async def ring(_: str) -> Sequence[Outgoing]:
            fired.append(time.monotonic())
            return ()

        alarm, now, started = wake.Alarm(bench.bus, service=bench.service), datetime.now(UTC), time.monotonic()
        await alarm.set("digest.1", now + timedelta(seconds=0.3))
        await alarm.set("digest.1", now + timedelta(seconds=1))
        async with running(bench.worker(_nothing, wakes={"digest": ring})):
            await eventually(lambda: fired)
            await eventually(lambda: time.monotonic() - started > 1.5)
        assert len(fired) == 1
        assert fired[0] - started >= 0.9

    async def test_a_wake_up_hands_its_id_over_and_its_effects_are_published(self, bench: Bench) -> None:
        async def ring(key: str) -> Sequence[Outgoing]:
            return (bench.effect(key),)

        await wake.Alarm(bench.bus, service=bench.service).set("digest.a.b", datetime.now(UTC) - timedelta(days=1))
        async with running(bench.worker(_nothing, wakes={"digest": ring})):
            await eventually(bench.effects)
        assert await bench.effects() == ["a.b"]

    async def test_whoever_may_wakes_a_service_at_once(self, bench: Bench) -> None:
        async def ring(key: str) -> Sequence[Outgoing]:
            return (bench.effect(key),)

        async with running(bench.worker(_nothing, wakes={"move": ring})):
            await bench.broker.bus.publish(wake.due_subject(bench.service, "move.7"), b"")
            await eventually(bench.effects)

    async def test_a_numbered_subscription_is_told_the_first_message_s_sequence_also_after_a_wait(
        self, bench: Bench
    ) -> None:
        told: list[tuple[str, int]] = []

        async def handle(numbered: tuple[str, int]) -> Sequence[Outgoing]:
            told.append(numbered)
            if len(told) == 1:
                raise Later("not_yet", delay=0.05)
            return ()

        await bench.say("other", event="else")
        sequence = await bench.broker.bus.publish(bench.topic("happened"), b"a")
        subscription = Subscription(bench.consumer(), decode=_text, handle=handle, numbered=True)
        async with running(Worker(service=bench.service, bus=bench.bus, subscriptions=[subscription])):
            await eventually(lambda: len(told) == 2)
        assert told == [("a", sequence), ("a", sequence)]

    async def test_an_unknown_wake_up_is_buried(self, bench: Bench) -> None:
        await bench.broker.bus.publish(wake.due_subject(bench.service, "nonsense.1"), b"")
        async with running(bench.worker(_nothing)):
            await eventually(bench.graves)
        assert (await bench.graves())[0].headers["Connect-Code"] == "unknown_wake_up"

    async def test_what_another_s_schedule_sends_for_a_subscription_is_buried_unheard(self, bench: Bench) -> None:
        due = wake.due_subject(bench.service, wake.put_off_key(bench.durable, 1))
        withdrawn = Origin(bench.topic("happened"), 1, datetime.now(UTC), "an-id")
        headers = {"Nats-Schedule": "@at 2026-01-01T00:00:00Z", "Nats-Schedule-Target": due}
        forged = f"connect.v1.wake.schedule.x{bench.token}.a"
        await bench.broker.bus.publish(forged, b"forged", headers={**withdrawn.headers(), **headers})
        async with running(bench.worker(_nothing)):
            await eventually(bench.graves)
        (grave,) = await bench.graves()
        assert not bench.seen
        assert (grave.headers["Connect-Code"], grave.headers["Connect-Reason"]) == ("wake_up_forged", forged)
        assert grave.headers["Connect-Subject"] == due, "what it says of itself is not believed"

    async def test_an_effect_with_the_same_id_is_stored_once(self, bench: Bench) -> None:
        async def handle(_: str) -> Sequence[Outgoing]:
            return (bench.effect("same"),)

        await bench.say("a", "b")
        async with running(bench.worker(handle)):
            await eventually(lambda: bench.bus.trace.count(f"ack {bench.topic('happened')}") == 2)
        assert await bench.effects() == ["same"]

    async def test_draining_finishes_what_is_under_way_and_takes_nothing_new(self, bench: Bench) -> None:
        go_on = asyncio.Event()

        async def slow(key: str) -> Sequence[Outgoing]:
            await go_on.wait()
            return (bench.effect(key),)

        await bench.say("a")
        stop = asyncio.Event()
        task = asyncio.create_task(bench.worker(slow, concurrency=1).run(stop))
        await eventually(lambda: bench.seen)
        stop.set()
        await bench.say("b")
        assert not task.done()
        go_on.set()
        await asyncio.wait_for(task, 5)
        assert await bench.effects() == ["a"]
        async with running(bench.worker(slow)):
            await eventually(lambda: _all_of(bench, ["a", "b"]))
        assert bench.seen == ["a", "b"]

    async def test_draining_waits_for_a_handler_for_as_long_as_it_takes(self, bench: Bench) -> None:
        go_on = asyncio.Event()

        async def slow(key: str) -> Sequence[Outgoing]:
            await go_on.wait()
            return (bench.effect(key),)

        await bench.say("a")
        stop = asyncio.Event()
        task = asyncio.create_task(bench.worker(slow, concurrency=2).run(stop))
        await eventually(lambda: bench.seen)
        stop.set()
        started = time.monotonic()
        await eventually(lambda: time.monotonic() - started > 2 * self.fetch_wait)
        assert not task.done()
        go_on.set()
        await asyncio.wait_for(task, 5)
        assert await bench.effects() == ["a"]

    async def test_a_slow_handler_keeps_its_message_by_marks_of_progress(self, bench: Bench) -> None:
        async def slow(key: str) -> Sequence[Outgoing]:
            await asyncio.sleep(1.5)
            return (bench.effect(key),)

        await bench.say("a")
        async with running(bench.worker(slow, ack_wait=0.6)):
            await eventually(bench.effects)
            await eventually(lambda: _lag_is(bench, 0))
        assert bench.seen == ["a"]

    async def test_past_its_patience_a_handler_loses_its_message_to_another(self, bench: Bench) -> None:
        never = asyncio.Event()

        async def hang_once(key: str) -> Sequence[Outgoing]:
            if bench.seen.count(key) == 1:
                await never.wait()
            return (bench.effect(key),)

        await bench.say("a")
        async with running(bench.worker(hang_once, ack_wait=0.6, patience=0.5)):
            await eventually(bench.effects)
            never.set()
        assert bench.seen == ["a", "a"]

    async def test_a_changed_consumer_updates_the_durable_that_is_there(self, bench: Bench) -> None:
        await bench.broker.bus.subscribe(bench.consumer())
        await bench.say("a")
        await bench.say("b", event="else")
        async with running(bench.worker(_nothing, filters=(bench.topic("happened"), bench.topic("else")))):
            await eventually(lambda: sorted(bench.seen) == ["a", "b"])

    async def test_300_messages_pass_two_interruptions_of_the_broker_and_none_is_missing(self, bench: Bench) -> None:
        keys = [f"{n:03}" for n in range(300)]

        async def handle(key: str) -> Sequence[Outgoing]:
            await asyncio.sleep(0.01)
            return (bench.effect(key),)

        async def say_all() -> None:
            for key in keys:
                await _until_stored(bench, key)

        async with running(bench.worker(handle, concurrency=4)):
            saying = asyncio.create_task(say_all())
            for share in (100, 200):
                await eventually(partial(_seen, bench, share), within=60)
                await bench.broker.interrupt()
            await saying
            await eventually(lambda: _all_of(bench, keys), within=60)
        assert sorted(await bench.effects()) == keys


async def _all_of(bench: Bench, keys: Sequence[str]) -> bool:
    return set(await bench.effects()) == set(keys)


def _seen(bench: Bench, count: int) -> bool:
    return len(bench.seen) >= count


async def _lag_is(bench: Bench, lag: int) -> bool:
    return await bench.lag() == lag


async def _until_stored(bench: Bench, key: str) -> None:
    while True:
        try:
            await bench.say(key)
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return
