"""`connect-ops streams apply` on a real nats-server: what is missing comes, what differs changes, nothing is lost."""

import argparse
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import pytest
from chassis.errors import Unavailable
from connect_ops import broker
from connect_ops.settings import OpsSettings
from connect_ops.streams import apply_streams
from contracts.streams import ADVISORIES, BUCKETS, DEAD, DOCUMENTS, REVOKED, STREAMS, WAKE
from nats.aio.client import Client
from nats.js.api import RetentionPolicy
from pydantic import SecretStr
from rich.console import Console

from tests.suites.nats_server import NatsServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path) as server:
        await server.start()
        yield server


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, user="worker", password="secret")
    yield client
    await client.close()


async def _apply(server: NatsServer, *, dry_run: bool = False) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    arguments = argparse.Namespace(replicas=None, dry_run=dry_run, json=True)
    settings = OpsSettings.model_construct(nats_url=server.url, nats_user="worker", nats_password=SecretStr("secret"))
    status = await apply_streams(arguments, settings, Console(file=out))
    return status, {each["stream"]: each for each in json.loads(out.getvalue())["changes"]}


async def test_what_is_missing_is_declared_and_a_second_time_there_is_nothing_to_do(
    server: NatsServer, client: Client
) -> None:
    names = {each.name for each in STREAMS} | {f"KV_{each.name}" for each in BUCKETS}
    status, told = await _apply(server, dry_run=True)
    assert (status, set(told)) == (0, names)
    assert await client.jetstream().streams_info() == []
    assert set((await _apply(server))[1]) == names
    assert await _apply(server) == (0, {})
    config = (await client.jetstream().stream_info(WAKE.name)).config
    assert (config.retention, config.allow_msg_schedules) == (RetentionPolicy.WORK_QUEUE, True)
    assert (await client.jetstream().stream_info("KV_REVOKED")).config.max_age == REVOKED.ttl


async def test_a_command_that_reads_a_stream_which_is_not_there_says_so(server: NatsServer) -> None:
    settings = OpsSettings.model_construct(nats_url=server.url, nats_user="worker", nats_password=SecretStr("secret"))
    async with broker.opened(settings) as streams:
        for asked in (anext(streams.read(DEAD.name)), streams.consumers(DEAD.name)):
            with pytest.raises(Unavailable) as missing:
                await asked
            assert missing.value.code == "stream_missing"


async def test_what_differs_is_told_and_changed_and_messages_stay(server: NatsServer, client: Client) -> None:
    await _apply(server)
    jetstream = client.jetstream()
    config = (await jetstream.stream_info(DOCUMENTS.name)).config
    await jetstream.update_stream(replace(config, duplicate_window=60.0, description="ours"))
    await jetstream.publish("connect.v1.documents.taken.14", b"one")
    status, told = await _apply(server, dry_run=True)
    assert (status, told[DOCUMENTS.name]["differs"]) == (0, {"duplicate_window": [60.0, 600]})
    assert (await jetstream.stream_info(DOCUMENTS.name)).config.duplicate_window == 60
    await _apply(server)
    info = await jetstream.stream_info(DOCUMENTS.name)
    assert (info.config.duplicate_window, info.config.description, info.state.messages) == (600, "ours", 1)


async def test_a_bucket_with_a_history_keeps_the_latest_alone(server: NatsServer, client: Client) -> None:
    """Services read a bucket by its number of messages: with older ones among them they would never be done."""
    jetstream = client.jetstream()
    bucket = await jetstream.create_key_value(bucket="DIRECTORY", history=5, direct=True)
    for value in (b"1", b"2"):
        await bucket.put("offices.14", value)
    assert (await _apply(server))[0] == 0
    assert (await bucket.get("offices.14")).value == b"2"
    assert (await bucket.status()).values == 1


@pytest.mark.parametrize(
    ("stream", "kept_by_hand", "why"),
    [
        (ADVISORIES.name, {"max_bytes": -1}, "max_bytes"),
        (ADVISORIES.name, {"max_age": 0.0}, "max_age"),
        ("KV_REVOKED", {"max_age": 0.0}, "max_age"),
        (DOCUMENTS.name, {"subjects": ["connect.v1.documents.>", "elsewhere.>"]}, "subjects"),
    ],
)
async def test_what_would_lose_messages_is_refused_and_nothing_else_is_changed(
    server: NatsServer, client: Client, stream: str, kept_by_hand: dict[str, Any], why: str
) -> None:
    await _apply(server)
    jetstream = client.jetstream()
    await jetstream.update_stream(replace((await jetstream.stream_info(stream)).config, **kept_by_hand))
    await jetstream.delete_stream(WAKE.name)
    before = (await jetstream.stream_info(stream)).config
    status, told = await _apply(server)
    assert status == 1
    assert why in told[stream]["loses"]
    assert (await jetstream.stream_info(stream)).config == before
    with pytest.raises(nats.js.errors.NotFoundError):
        await jetstream.stream_info(WAKE.name)
