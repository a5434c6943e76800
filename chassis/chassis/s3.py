"""S3 by boto3, in a bounded pool of threads; errors are translated once, here."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import IO, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from s3transfer.utils import ReadFileChunk

from chassis.errors import Failure, Unavailable
from chassis.settings import S3Settings

CHUNK = 256 * 1024
_SENT = 128 * 1024
_DOWN_CODES = {
    "ConditionalRequestConflict",  # two conditional writes at once: the second attempt sees who came first
    "InternalError",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
}


class ObjectMissing(Failure):
    """No such object, version or upload."""


class ObjectExists(Failure):
    """A conditional write found an object at the key."""


class ChecksumRefused(Failure):
    """The store computed another checksum than the one sent along."""


class Window(ReadFileChunk):
    """The `size` bytes of a seekable file from `start` on: a body for `S3.call`."""

    def __init__(self, file: IO[bytes], *, size: int, start: int = 0) -> None:
        file.seek(start)
        super().__init__(file, size, start + size)

    def read(self, amount: int | None = None) -> bytes:
        """All, or 128 KiB, whatever is asked for: 16 KiB to be sent, each a turn at the interpreter; 1 MiB to be
        signed, which with many at once is much."""
        return super().read(amount if amount is None else _SENT)


class S3:
    """One bucket. `call` runs any client operation in a thread; at most `threads` run at once.

    An async context manager: leaving it waits for what is under way.
    """

    def __init__(self, settings: S3Settings, *, threads: int = 16) -> None:
        self.bucket = settings.bucket
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"s3-{settings.bucket}")
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                max_pool_connections=threads,
                connect_timeout=3,
                read_timeout=30,
                retries={"total_max_attempts": 2, "mode": "standard"},
                # boto3's newer default adds checksums that other stores than AWS refuse or even store (boto3 #4392).
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()

    async def call(self, operation: str, **parameters: Any) -> Any:
        """Run `client.<operation>(Bucket=…, **parameters)`; returns boto3's answer.

        Raises Unavailable, ObjectMissing, ObjectExists, ChecksumRefused; any other ClientError as it is, for it is a
        bug or a missing right.
        """
        body = parameters.get("Body")
        if isinstance(body, Window) and len(body) <= CHUNK:
            # Before a file boto3 asks whether it may send it (`Expect: 100-continue`), and waits for the answer.
            parameters["Body"] = body.read()
        return await self._in_thread(getattr(self._client, operation), Bucket=self.bucket, **parameters)

    async def read(self, key: str, **parameters: Any) -> AsyncGenerator[bytes, None]:
        """The object's bytes, in chunks of 256 KiB. Raises as `call` does, also in the middle."""
        answer = await self.call("get_object", Key=key, **parameters)
        async with aclosing(self.chunks(answer)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def chunks(self, answer: Any) -> AsyncGenerator[bytes, None]:
        """The body of a `get_object` answer, in chunks of 256 KiB; closed at the end, however it ends."""
        body = answer["Body"]
        try:
            while chunk := await self._in_thread(body.read, CHUNK):
                yield chunk
        finally:
            body.close()

    async def ping(self) -> None:
        """A readiness check: is the bucket there and are the keys good for it? Raises Unavailable."""
        try:
            # Whoever may read and list is told that no such object is there, or no such bucket (which a HEAD would not
            # tell apart). AWS tells who may read alone that it is refused: `s3:ListBucket` is part of what keys may.
            await self.call("get_object", Key="readiness-probe", Range="bytes=0-0")
        except ObjectMissing:
            return
        except ClientError as error:
            raise Unavailable("store_refuses_keys") from error

    async def _in_thread(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, partial(function, *args, **kwargs))
        except ClientError as error:
            raise _translated(error) from error
        except ParamValidationError:
            raise  # a BotoCoreError too, but a bug of the caller
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise Unavailable("store_unavailable") from error


def _translated(error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in {"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "404"}:
        return ObjectMissing("object_missing")
    if code in {"PreconditionFailed", "412"}:
        return ObjectExists("object_exists")
    if code in {"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}:
        return ChecksumRefused("checksum_refused")
    if code in _DOWN_CODES or status >= 500:
        return Unavailable("store_unavailable")
    return error
