"""The operator's commands read a stream whole from a real server, or say that they could not."""

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import nats
import pytest
from chassis.errors import Unavailable
from connect_ops.broker import Broker
from connect_ops.letters import Stored
from contracts.streams import DEAD
from nats.js import JetStreamContext

from tests.suites.nats_server import NatsServer

_MESSAGES = 1203


@pytest.fixture
async def js(tmp_path: Path) -> AsyncIterator[JetStreamContext]:
    """A stream of many messages, of which some were erased since."""
    async with NatsServer(tmp_path) as server:
        await server.start()
        await server.provision()
        client = await nats.connect(server.url, user="worker", password="secret")
        js = client.jetstream()
        for number in range(_MESSAGES + 2):
            await client.publish("connect.v1.dead.notify", str(number).encode())
        await client.flush()
        while (await js.stream_info(DEAD.name)).state.last_seq <= _MESSAGES:
            pass
        for erased in (3, 700):
            await js.delete_msg(DEAD.name, erased)
        yield js
        await client.close()


async def test_a_stream_is_read_to_its_end(js: JetStreamContext) -> None:
    read = [each.payload async for each in Broker(Mock(), js).read(DEAD.name)]
    assert read == [str(number).encode() for number in range(_MESSAGES + 2) if number + 1 not in (3, 700)]


async def test_where_the_last_is_erased_while_it_is_read_it_ends_before_it(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_ops.broker._BATCH", _MESSAGES - 1)
    monkeypatch.setattr("connect_ops.broker._FETCH_WAIT", 2.0)
    read = 0
    async for _ in Broker(Mock(), js).read(DEAD.name):
        read += 1
        if read == 1:
            await js.delete_msg(DEAD.name, _MESSAGES + 2)
    assert read == _MESSAGES - 1


async def test_a_message_that_was_sent_and_did_not_come_is_missed(js: JetStreamContext) -> None:
    read: list[Stored] = []

    async def read_beside_another() -> None:
        async for message in Broker(Mock(), js).read(DEAD.name):
            read.append(message)
            if len(read) == 1:
                # As when the line tears: the server has sent it, to somebody who is no longer there.
                [reader] = await js.consumers_info(DEAD.name)
                bound = await js.pull_subscribe_bind(consumer=reader.name, stream=DEAD.name)
                await bound.fetch(1)

    with pytest.raises(Unavailable, match="stream_not_read_whole"):
        await read_beside_another()
    assert len(read) < _MESSAGES
