"""The worker's behaviour on a broker in memory."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.suites.fake_bus import FakeBus, Stored
from tests.suites.worker import WorkerBehaviour


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
