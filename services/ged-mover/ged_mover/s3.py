"""Staging and the GED on S3. Both translate what a store says about its keys and locks, once, here."""

import hashlib
import tempfile
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from chassis.errors import Unavailable
from chassis.s3 import S3, ChecksumRefused, ObjectExists, ObjectMissing, Window

from ged_mover.errors import ChecksumDisputed, CopyMissing, ErasureRefused, StagingMissing
from ged_mover.model import Copy, Lock, Mode
from ged_mover.ports import Spooled

# Bytes of one document in memory; the rest lies in an unlinked temporary file.
_IN_MEMORY = 8 * 1024 * 1024
_ENCRYPTION = "AES256"
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}


class S3Staging:
    """See `Staging`. Keys are the documents' ids."""

    def __init__(self, s3: S3, *, scratch: Path | None) -> None:
        self._s3 = s3
        self._scratch = scratch

    async def ping(self) -> None:
        """See `Staging.ping`."""
        await self._s3.ping()

    @asynccontextmanager
    async def spooled(self, document: str, *, size: int) -> AsyncIterator[Spooled]:
        """See `Staging.spooled`. boto3 wants a body over plain HTTP seekable, so the bytes are kept, not passed on."""
        digest, received = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._scratch) if self._scratch else None) as body:
            with _asked():
                try:
                    async for chunk in self._s3.read(document):
                        digest.update(chunk)
                        received += len(chunk)
                        body.write(chunk)
                        if received > size:
                            break
                    # What waits in a buffer is written now, where a full disk is still told apart.
                    body.seek(0)
                except ObjectMissing:
                    raise StagingMissing from None
                except OSError as error:
                    # Closing tries once more what the disk did not take.
                    with suppress(OSError):
                        body.close()
                    raise Unavailable("scratch_full") from error
            yield Spooled(body, received, digest.hexdigest())

    async def erase(self, document: str) -> None:
        """See `Staging.erase`."""
        await _erase_versions(self._s3, document)


class S3Ged:
    """See `Ged`: a bucket with versioning and object lock."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3

    async def ping(self) -> None:
        """See `Ged.ping`."""
        await self._s3.ping()

    async def find(self, key: str) -> Copy | None:
        """See `Ged.find`. A store that keeps no checksum of the object has it read."""
        with _asked():
            try:
                head = await self._s3.call("head_object", Key=key, ChecksumMode="ENABLED")
                version = head["VersionId"]
                stored = head.get("ChecksumSHA256")
                sha256 = b64decode(stored).hex() if stored else await self._read_hash(key, version)
            except ObjectMissing:
                return None
        return Copy(self._s3.bucket, key, version, sha256, head["LastModified"].astimezone(UTC))

    async def store(
        self, key: str, content: Spooled, *, content_type: str, metadata: Mapping[str, str], now: datetime
    ) -> Copy | None:
        """See `Ged.store`."""
        with _asked():
            try:
                answer = await self._s3.call(
                    "put_object",
                    Key=key,
                    Body=Window(content.body, size=content.size),
                    ContentLength=content.size,
                    ContentType=content_type,
                    ChecksumSHA256=b64encode(bytes.fromhex(content.sha256)).decode(),
                    ServerSideEncryption=_ENCRYPTION,
                    IfNoneMatch="*",
                    Metadata=dict(metadata),
                )
            except ObjectExists:
                return None
            except ChecksumRefused:
                raise ChecksumDisputed from None
        return Copy(self._s3.bucket, key, answer["VersionId"], content.sha256, now)

    async def lock(self, key: str, version_id: str) -> Lock | None:
        """See `Ged.lock`."""
        with _asked():
            try:
                answer = await self._s3.call("get_object_retention", Key=key, VersionId=version_id)
            except ObjectMissing:
                raise CopyMissing from None
            except ClientError as error:
                if _code(error) in _NO_LOCK:
                    return None
                raise
        return Lock(answer["Retention"]["RetainUntilDate"].astimezone(UTC), answer["Retention"]["Mode"])

    async def set_lock(self, key: str, version_id: str, *, until: datetime, mode: Mode) -> None:
        """See `Ged.set_lock`."""
        retention = {"Mode": mode, "RetainUntilDate": until}
        with _asked():
            try:
                await self._s3.call("put_object_retention", Key=key, VersionId=version_id, Retention=retention)
            except ObjectMissing:
                raise CopyMissing from None

    async def erase(self, key: str) -> None:
        """See `Ged.erase`."""
        await _erase_versions(self._s3, key)

    async def _read_hash(self, key: str, version_id: str) -> str:
        digest = hashlib.sha256()
        async for chunk in self._s3.read(key, VersionId=version_id):
            digest.update(chunk)
        return digest.hexdigest()


async def _erase_versions(s3: S3, key: str) -> None:
    """Delete every version and delete marker of exactly this key; of an unversioned bucket, the object."""
    marker: dict[str, str] = {}
    with _asked():
        while True:
            page = await s3.call("list_object_versions", Prefix=key, **marker)
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if version["Key"] == key:
                    await _delete(s3, key, version["VersionId"])
            if not page["IsTruncated"]:
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


async def _delete(s3: S3, key: str, version_id: str) -> None:
    try:
        await s3.call("delete_object", Key=key, VersionId=version_id)
    except ObjectMissing:
        return  # another replica was faster
    except ClientError as error:
        if _status(error) != 403:
            raise
        # It could be listed with these keys, so they are good: a locked version may not be deleted.
        raise ErasureRefused from error


@contextmanager
def _asked() -> Iterator[None]:
    """Keys that are refused, or a bucket that is not there, are everybody's trouble and no document's fault."""
    try:
        yield
    except ClientError as error:
        if _status(error) in (401, 403):
            raise Unavailable("store_refuses_keys") from error
        if _code(error) == "NoSuchBucket":
            raise Unavailable("bucket_missing") from error
        raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> Any:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
