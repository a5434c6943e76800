"""The bus's own life, without a server; what it does with one is among the integration tests."""

import asyncio
from contextlib import suppress

import chassis.jetstream
import pytest
from chassis.jetstream import JetStreamBus


class _DeafClient:
    """Connects at the moment it is cancelled, and so never hears of it."""

    def __init__(self) -> None:
        self.connecting = asyncio.Event()

    async def connect(self, **_: object) -> None:
        self.connecting.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_bus_closes_though_its_connection_is_made_at_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _DeafClient()
    monkeypatch.setattr(chassis.jetstream, "WaryClient", lambda: client)

    async def opened_and_closed() -> None:
        async with JetStreamBus(url="nats://localhost:1", user="nobody", password="none", name="test"):
            await client.connecting.wait()

    done, _ = await asyncio.wait([asyncio.create_task(opened_and_closed())], timeout=10)
    assert done
