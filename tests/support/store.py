"""What lies in the object store, seen with the operator's keys."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.object_store import connect


@dataclass(frozen=True)
class StoredObject:
    """One object, read whole."""

    sha256: str
    size: int
    version: str
    encryption: str | None
    metadata: dict[str, str]


class Store:
    """Both buckets of a local stack."""

    def __init__(self, s3: dict[str, Any]) -> None:
        self._buckets: dict[str, str] = s3["buckets"]
        self._client: Any = connect(s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"])

    def close(self) -> None:
        self._client.close()

    async def staged(self) -> set[str]:
        """The keys in staging, unfinished multipart uploads included."""
        return await asyncio.to_thread(self._staged)

    async def archived(self, key: str) -> StoredObject:
        """The object at a key of the GED. Raises botocore's ClientError when it is not there."""
        return await asyncio.to_thread(self._archived, key)

    async def stage(self, key: str, content: bytes) -> str:
        """Write an object into staging, past intake and its checks; returns the bucket's name."""
        bucket = self._buckets["staging"]
        await asyncio.to_thread(self._client.put_object, Bucket=bucket, Key=key, Body=content)
        return bucket

    async def archive(self, key: str, content: bytes) -> None:
        """Write an object into the GED, past the mover."""
        await asyncio.to_thread(self._client.put_object, Bucket=self._buckets["ged"], Key=key, Body=content)

    async def lock(self, key: str, *, until: datetime) -> None:
        """Lock the current version at a key of the GED, for longer or shorter than before."""
        lock = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        of = {"Bucket": self._buckets["ged"], "Key": key}
        await asyncio.to_thread(
            lambda: self._client.put_object_retention(**of, Retention=lock, BypassGovernanceRetention=True)
        )

    async def take_away(self, key: str) -> None:
        """Remove the current version at a key of the GED."""
        version = (await self.archived(key)).version
        await asyncio.to_thread(self._client.delete_object, Bucket=self._buckets["ged"], Key=key, VersionId=version)

    async def versions(self, prefix: str = "") -> dict[str, int]:
        """How many versions each key of the GED has, delete markers included."""
        return await asyncio.to_thread(self._versions, prefix)

    async def history(self) -> dict[str, list[str]]:
        """Every version of each key of the GED, with its bytes' hash and when it was written; delete markers too."""
        return await asyncio.to_thread(self._history)

    def _staged(self) -> set[str]:
        bucket = self._buckets["staging"]
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = {each["Key"] for page in pages for each in page.get("Contents", ())}
        unfinished = self._client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
        return keys | {each["Key"] for each in unfinished}

    def _archived(self, key: str) -> StoredObject:
        answer = self._client.get_object(Bucket=self._buckets["ged"], Key=key)
        content = answer["Body"].read()
        answer["Body"].close()
        return StoredObject(
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            version=answer["VersionId"],
            encryption=answer.get("ServerSideEncryption"),
            metadata=answer["Metadata"],
        )

    def _versions(self, prefix: str) -> dict[str, int]:
        counted: dict[str, int] = {}
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._buckets["ged"], Prefix=prefix)
        for page in pages:
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                counted[each["Key"]] = counted.get(each["Key"], 0) + 1
        return counted

    def _history(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._buckets["ged"]):
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                told = f"{each['VersionId']} {each.get('ETag')} {each['LastModified']}"
                found.setdefault(each["Key"], []).append(told)
        return found
