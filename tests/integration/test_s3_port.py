"""The S3 client on a real store: what its errors become."""

import asyncio
import base64
import hashlib
import uuid
from collections.abc import AsyncIterator

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from chassis.errors import Unavailable
from chassis.s3 import CHUNK, S3, ChecksumRefused, ObjectExists, ObjectMissing
from chassis.settings import S3Settings
from pydantic import SecretStr

from tests.support.running import RunningStack


def _settings(servers: RunningStack, **changed: str) -> S3Settings:
    s3 = servers.endpoints["s3"]
    given = {"endpoint": s3["endpoint"], "region": s3["region"], "bucket": s3["buckets"]["staging"]}
    keys = {"access_key": s3["access_key"], "secret_key": SecretStr(s3["secret_key"])}
    return S3Settings.model_validate({**given, **keys, **changed})


@pytest.fixture
async def s3(servers: RunningStack) -> AsyncIterator[S3]:
    async with S3(_settings(servers), threads=4) as client:
        yield client


@pytest.fixture
def key() -> str:
    return f"port-{uuid.uuid4().hex}"


async def test_bytes_come_back_in_chunks_as_they_were_put(s3: S3, key: str) -> None:
    body = bytes(range(256)) * 4096 * 2 + b"tail"
    await s3.call("put_object", Key=key, Body=body)
    chunks = [chunk async for chunk in s3.read(key)]
    assert b"".join(chunks) == body
    assert max(map(len, chunks)) <= CHUNK
    assert len(chunks) > 1


async def test_a_body_is_closed_also_when_its_reader_stops_early(s3: S3, key: str) -> None:
    await s3.call("put_object", Key=key, Body=b"x" * (3 * CHUNK))
    answer = await s3.call("get_object", Key=key)
    chunks = s3.chunks(answer)
    await anext(chunks)
    await chunks.aclose()
    assert answer["Body"]._raw_stream.closed


async def test_an_object_that_is_not_there_is_missing(s3: S3, key: str) -> None:
    for operation in ("get_object", "head_object"):
        with pytest.raises(ObjectMissing):
            await s3.call(operation, Key=key)
    with pytest.raises(ObjectMissing):
        await anext(s3.read(key))


async def test_a_conditional_write_finds_what_is_there(s3: S3, key: str) -> None:
    await s3.call("put_object", Key=key, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ObjectExists):
        await s3.call("put_object", Key=key, Body=b"second", IfNoneMatch="*")


async def test_bytes_that_are_not_those_of_their_checksum_are_refused(s3: S3, key: str) -> None:
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(ChecksumRefused):
        await s3.call("put_object", Key=key, Body=b"bytes", ChecksumSHA256=other)


async def test_a_store_that_is_away_is_unavailable(servers: RunningStack) -> None:
    async with S3(_settings(servers, endpoint="http://127.0.0.1:9")) as away:
        with pytest.raises(Unavailable):
            await away.call("head_object", Key="x")
        with pytest.raises(Unavailable):
            await away.ping()


async def test_a_wrong_parameter_is_a_bug_and_not_waited_for(s3: S3) -> None:
    with pytest.raises(ParamValidationError):
        await s3.call("put_object", Key=7)


async def test_the_readiness_check_wants_the_bucket_and_good_keys(servers: RunningStack, s3: S3) -> None:
    await s3.ping()
    for wrong in ({"bucket": "no-such-bucket"}, {"secret_key": "wrong"}):
        async with S3(_settings(servers, **wrong)) as other:
            with pytest.raises(Unavailable, match="store_refuses_keys"):
                await other.ping()


async def test_a_denied_right_is_told_as_it_is(servers: RunningStack, key: str) -> None:
    async with S3(_settings(servers, secret_key="wrong")) as stranger:
        with pytest.raises(ClientError):
            await stranger.call("put_object", Key=key, Body=b"x")


async def test_leaving_waits_for_what_is_under_way(servers: RunningStack, key: str) -> None:
    async with S3(_settings(servers), threads=1) as client:
        put = asyncio.create_task(client.call("put_object", Key=key, Body=b"x" * 5_000_000))
        await asyncio.sleep(0)
    await put
    async with S3(_settings(servers)) as client:
        assert (await client.call("head_object", Key=key))["ContentLength"] == 5_000_000
