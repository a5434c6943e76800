"""The staging bucket on a real store keeps the promises that receiving and finishing rely on."""

import io
import uuid
from collections.abc import AsyncIterator

import pytest
from chassis.s3 import S3
from chassis.settings import S3Settings
from upload.errors import Gone, Refused
from upload.model import PART
from upload.s3 import S3Staging

from tests.support.running import RunningStack


@pytest.fixture
async def staging(servers: RunningStack) -> AsyncIterator[S3Staging]:
    env = servers.env("upload")
    names = ("endpoint", "region", "bucket", "access_key", "secret_key")
    settings = S3Settings.model_validate({name: env[f"UPLOAD_STAGING__{name.upper()}"] for name in names})
    async with S3(settings) as s3:
        yield S3Staging(s3)


async def read(staging: S3Staging, key: str) -> bytes:
    return b"".join([chunk async for chunk in staging.read(key)])


async def test_parts_become_the_document_and_completing_again_changes_nothing(staging: S3Staging) -> None:
    document, content = str(uuid.uuid4()), bytes(PART) + b"the end"
    multipart = await staging.begin(document)
    parts = [
        await staging.put_part(document, multipart=multipart, number=number, content=io.BytesIO(piece))
        for number, piece in ((1, content[:PART]), (2, content[PART:]))
    ]
    for _ in range(2):
        await staging.complete(document, multipart=multipart, parts=parts, size=len(content))
        assert await read(staging, document) == content


@pytest.mark.parametrize("noted_first", [True, False])
async def test_of_a_part_written_twice_the_noted_one_becomes_the_document(
    staging: S3Staging, noted_first: bool
) -> None:
    document = str(uuid.uuid4())
    multipart = await staging.begin(document)
    writers = (b"noted", b"other") if noted_first else (b"other", b"noted")
    written = {
        content: await staging.put_part(document, multipart=multipart, number=1, content=io.BytesIO(content))
        for content in writers
    }
    try:
        await staging.complete(document, multipart=multipart, parts=[written[b"noted"]], size=5)
    except Refused:
        return  # what a store may do that keeps only the last
    assert await read(staging, document) == b"noted"


async def test_what_is_left_over_is_removed_and_the_document_only_if_asked(staging: S3Staging) -> None:
    document = str(uuid.uuid4())
    tail = f"tails/{document}/5-1"
    multipart, unknown, neighbour = [await staging.begin(key) for key in (document, document, f"{document}-more")]
    await staging.put_tail(tail, io.BytesIO(b"tail!"))
    await staging.put(document, io.BytesIO(b"whole"))
    for _ in range(2):
        await staging.remove_leftovers(document, in_parts=True, whole=False)
    assert await read(staging, document) == b"whole"
    with pytest.raises(Refused):
        await read(staging, tail)
    for begun in (multipart, unknown):
        with pytest.raises(Gone):
            await staging.put_part(document, multipart=begun, number=1, content=io.BytesIO(b"x"))
    await staging.put_part(f"{document}-more", multipart=neighbour, number=1, content=io.BytesIO(b"x"))
    with pytest.raises(Refused):
        await staging.complete(document, multipart=multipart, parts=[], size=99)
    await staging.remove_leftovers(document, in_parts=False, whole=True)
    with pytest.raises(Refused):
        await read(staging, document)
