"""The staging bucket on S3. Keys: `<document>` for a document, `tails/<document>/<end>-<epoch>` for tails."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import BinaryIO

from botocore.exceptions import ClientError
from chassis.s3 import S3, ObjectMissing

from upload.errors import Gone, parts_lost
from upload.model import Part

_PARTS_WRONG = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}


class S3Staging:
    """See `Staging`."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._s3.bucket

    async def put(self, document: str, content: BinaryIO) -> None:
        """See `Staging.put`."""
        await self._s3.call("put_object", Key=document, Body=content)

    async def begin(self, document: str) -> str:
        """See `Staging.begin`."""
        return str((await self._s3.call("create_multipart_upload", Key=document))["UploadId"])

    async def put_part(self, document: str, *, multipart: str, number: int, content: BinaryIO) -> Part:
        """See `Staging.put_part`."""
        try:
            answer = await self._s3.call(
                "upload_part", Key=document, UploadId=multipart, PartNumber=number, Body=content
            )
        except ObjectMissing:
            raise Gone("parts_removed", "Ce transfert a expiré. Transférez le fichier de nouveau.") from None
        return Part(number=number, etag=answer["ETag"])

    async def complete(self, document: str, *, multipart: str, parts: Sequence[Part], size: int) -> None:
        """See `Staging.complete`."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        try:
            await self._s3.call(
                "complete_multipart_upload", Key=document, UploadId=multipart, MultipartUpload={"Parts": listed}
            )
        except ObjectMissing:
            # Completed before, by someone who died before noting it; or removed.
            if await self._size(document) != size:
                raise parts_lost() from None
        except ClientError as error:
            if error.response["Error"]["Code"] in _PARTS_WRONG:
                raise parts_lost() from error
            raise

    async def put_tail(self, key: str, content: BinaryIO) -> None:
        """See `Staging.put_tail`."""
        await self._s3.call("put_object", Key=key, Body=content)

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        """See `Staging.read`."""
        try:
            async with aclosing(self._s3.read(key)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ObjectMissing:
            raise parts_lost() from None

    async def remove_leftovers(self, document: str, *, in_parts: bool, whole: bool) -> None:
        """See `Staging.remove_leftovers`."""
        listed = await self._s3.call("list_objects_v2", Prefix=f"tails/{document}/")
        keys = [entry["Key"] for entry in listed.get("Contents", ())]
        for key in [*keys, document] if whole else keys:
            await self._s3.call("delete_object", Key=key)
        if in_parts:
            await self._abort_all(document)

    async def _abort_all(self, document: str) -> None:
        # Listed, not remembered: one whose beginning was answered into a broken line stands in no record.
        begun = await self._s3.call("list_multipart_uploads", Prefix=document)
        for upload in begun.get("Uploads", ()):
            if upload["Key"] == document:
                with suppress(ObjectMissing):  # aborted or completed meanwhile
                    await self._s3.call("abort_multipart_upload", Key=document, UploadId=upload["UploadId"])

    async def _size(self, document: str) -> int | None:
        try:
            return int((await self._s3.call("head_object", Key=document))["ContentLength"])
        except ObjectMissing:
            return None
