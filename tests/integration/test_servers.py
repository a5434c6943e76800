"""The servers that the other suites stand on."""

import asyncio
import os
import sys
from typing import Any

import httpx
import nats
import pytest
from contracts.streams import BUCKETS, STREAMS
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure

from tests.support.eventually import eventually
from tests.support.running import RunningStack

SERVICES = ("upload", "catalog", "notify", "ged-mover")


def _prefix(service: str) -> str:
    return service.replace("-", "_").upper()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_finds_no_fault_with_the_environment_it_is_given(servers: RunningStack, service: str) -> None:
    checking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service.replace("-", "_"), "--check"),
        env={**os.environ, **servers.env(service)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, faults = await checking.communicate()
    assert (checking.returncode, faults.decode()) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_signs_in_to_nats_with_its_own_user(servers: RunningStack, service: str) -> None:
    env, prefix = servers.env(service), _prefix(service)
    client = await nats.connect(
        env[f"{prefix}_NATS_URL"],
        user=env[f"{prefix}_NATS_USER"],
        password=env[f"{prefix}_NATS_PASSWORD"],
        inbox_prefix=f"_INBOX_{service}".encode(),
        allow_reconnect=False,
    )
    try:
        info = await client.jetstream().stream_info("CONNECT_DOCUMENTS")
        assert info.config.name == "CONNECT_DOCUMENTS"
    finally:
        await client.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_use_its_own_database_and_no_other(servers: RunningStack, service: str) -> None:
    env, prefix = servers.env(service), _prefix(service)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(env[f"{prefix}_MONGO_URL"])
    try:
        own = client[env[f"{prefix}_MONGO_DATABASE"]]["probe"]
        await own.insert_one({"_id": "probe"})
        await own.drop()
        other = client["notify" if service != "notify" else "upload"]["probe"]
        with pytest.raises(OperationFailure, match="not authorized"):
            await other.find_one({})
    finally:
        client.close()


async def test_every_stream_and_bucket_of_the_contract_is_declared(servers: RunningStack) -> None:
    nats_server = servers.endpoints["nats"]
    client = await nats.connect(nats_server["url"], user=nats_server["user"], password=nats_server["password"])
    try:
        declared = {info.config.name for info in await client.jetstream().streams_info()}
    finally:
        await client.close()
    wanted = {stream.name for stream in STREAMS} | {f"KV_{bucket.name}" for bucket in BUCKETS}
    assert wanted <= declared


async def test_a_killed_server_comes_back_by_itself(servers: RunningStack) -> None:
    pid = servers.kill("maildump")
    await servers.replaced("maildump", pid)
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{servers.endpoints['mail']}/messages/")).status_code == 200


async def test_a_server_that_is_stopped_stays_away_until_it_is_started(servers: RunningStack) -> None:
    await servers.down("maildump")
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{servers.endpoints['mail']}/messages/")
    await servers.up("maildump")


async def test_eventually_tells_what_was_missing() -> None:
    answers = iter([None, "yes"])
    assert await eventually(lambda: next(answers), every=0) == "yes"
    with pytest.raises(AssertionError, match="still 0"):
        await eventually(lambda: asyncio.sleep(0, result=0), within=0.01, every=0)
