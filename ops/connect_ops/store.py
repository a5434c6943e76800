"""The two buckets, as an operator sees them: what lies there of a client, and until when it is locked."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from chassis.s3 import S3, ObjectMissing
from ged_mover.model import ged_key

from connect_ops.settings import OpsSettings

_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}


@dataclass(frozen=True)
class Version:
    """A version of a document in the GED, with the end of its retention."""

    id: str
    size: int
    stored_at: datetime
    locked_until: datetime | None


@dataclass(frozen=True)
class Buckets:
    """All raise Unavailable."""

    staging: S3
    ged: S3

    async def locks(self, office: str, client: str) -> Mapping[str, datetime | None]:
        """The client's documents in the GED, each with the end of its longest retention."""
        prefix = ged_key(office=office, client=client, document="")
        found: dict[str, datetime | None] = {}
        async for version in _versions(self.ged, prefix):
            document = version["Key"].removeprefix(prefix)
            until = await self._locked_until(version)
            found[document] = max(filter(None, (until, found.get(document))), default=None)
        return found

    async def versions(self, *, office: str, client: str, document: str) -> Sequence[Version]:
        """What lies of a document in the GED."""
        key = ged_key(office=office, client=client, document=document)
        return [
            Version(
                each["VersionId"], each["Size"], each["LastModified"].astimezone(UTC), await self._locked_until(each)
            )
            async for each in _versions(self.ged, key)
            if each["Key"] == key
        ]

    async def head(self, *, office: str, client: str, document: str) -> Mapping[str, Any]:
        """What the GED says of a document's newest version, its metadata among it."""
        found: Mapping[str, Any] = await self.ged.call(
            "head_object", Key=ged_key(office=office, client=client, document=document)
        )
        return found

    def everything(self, prefix: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every version in the GED whose key begins so."""
        return _versions(self.ged, prefix)

    async def staged_keys(self) -> AsyncIterator[str]:
        """Every key in staging."""
        more: dict[str, str] = {}
        while True:
            page = await self.staging.call("list_objects_v2", **more)
            for each in page.get("Contents", ()):
                yield each["Key"]
            if not page["IsTruncated"]:
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def staged(self, documents: Collection[str]) -> frozenset[str]:
        """Those of the documents that anything lies of in staging."""
        answers = await asyncio.gather(*(self._is_staged(document) for document in documents))
        return frozenset(document for document, is_staged in zip(documents, answers, strict=True) if is_staged)

    async def _is_staged(self, document: str) -> bool:
        for prefix in (document, f"tails/{document}/"):
            if (await self.staging.call("list_objects_v2", Prefix=prefix, MaxKeys=1)).get("Contents"):
                return True
        return False

    async def _locked_until(self, version: Mapping[str, Any]) -> datetime | None:
        try:
            answer = await self.ged.call("get_object_retention", Key=version["Key"], VersionId=version["VersionId"])
        except ObjectMissing:
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_LOCK:
                return None
            raise
        until: datetime = answer["Retention"]["RetainUntilDate"]
        return until.astimezone(UTC)


@asynccontextmanager
async def opened(settings: OpsSettings) -> AsyncIterator[Buckets]:
    """The buckets, for a command."""
    async with S3(settings.staging) as staging, S3(settings.ged) as ged:
        yield Buckets(staging, ged)


async def _versions(s3: S3, prefix: str) -> AsyncIterator[Mapping[str, Any]]:
    marker: dict[str, str] = {}
    while True:
        page = await s3.call("list_object_versions", Prefix=prefix, **marker)
        for version in page.get("Versions", ()):
            yield version
        if not page["IsTruncated"]:
            return
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
