"""The worker's behaviour on a broker in memory."""

import asyncio
from collections.abc import Sequence

import pytest
from chassis.bus import Outgoing
from chassis.errors import Unavailable
from chassis.metrics import CONSUMER_LAG
from prometheus_client import REGISTRY

from tests.suites.fake_bus import FakeBus, Stored
from tests.suites.worker import Bench, WorkerBehaviour, running
from tests.support.eventually import eventually


class _FakeBroker:
    def __init__(self) -> None:
        self.bus = FakeBus()

    async def stored(self, subject: str) -> Sequence[Stored]:
        return self.bus.stored(subject)

    async def interrupt(self) -> None:
        self.bus.reachable = False
        await asyncio.sleep(0.3)
        self.bus.reachable = True


class TestWorkerOnFakeBus(WorkerBehaviour):
    fetch_wait = 0.05

    @pytest.fixture
    def broker(self) -> _FakeBroker:
        return _FakeBroker()

    async def test_what_is_no_longer_listened_to_is_no_longer_measured(self, bench: Bench) -> None:
        async def unavailable(_: str) -> Sequence[Outgoing]:
            raise Unavailable("away")

        def measured(what: str) -> float | None:
            return REGISTRY.get_sample_value(f"connect_consumer_{what}", {"subscription": bench.durable})

        await bench.say("a")
        async with running(bench.worker(unavailable)):
            await eventually(lambda: measured("suspended") == 1 and measured("lag") == 1)
        assert (measured("suspended"), measured("lag")) == (None, None)


async def test_how_much_waits_is_told_above_all_while_no_handler_comes_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chassis.lane.LAG_PERIOD", 0.05)
    bench, comes_to_its_end = Bench(_FakeBroker()), asyncio.Event()

    async def handle(_: str) -> Sequence[Outgoing]:
        await comes_to_its_end.wait()
        return ()

    await bench.say("a")
    async with running(bench.worker(handle, concurrency=1)):
        await eventually(lambda: bench.seen)
        await bench.say("b", "c", "d")
        try:
            await eventually(lambda: CONSUMER_LAG.labels(bench.durable)._value.get() == 4, within=5)
        finally:
            comes_to_its_end.set()
