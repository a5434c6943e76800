"""One request's bytes, from the claim to the answer.

The work runs in the background, so a client that leaves changes nothing: what came is kept, and a file that is whole
is finished. The request only waits.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from chassis.errors import Unavailable

from upload import model
from upload.background import Background
from upload.errors import Conflict, Gone, NotFound, Refused, parts_lost, verdict_pending
from upload.evidence import EvidenceMemory
from upload.finishing import Finisher
from upload.lease import Hold, take_over
from upload.model import Upload
from upload.ports import Staging, Uploads
from upload.receiving import Checksum, Receiver
from upload.rights import Owner
from upload.scratch import Scratch

# Seconds a request waits for the verdict; past that it is told to ask again.
VERDICT_SECONDS = 25.0


@dataclass(frozen=True)
class Intake:
    """Takes bytes in, and has whole files finished."""

    uploads: Uploads
    staging: Staging
    finisher: Finisher
    memory: EvidenceMemory
    scratch: Scratch
    background: Background

    async def append(
        self, document: str, *, by: Owner, offset: int, body: AsyncIterator[bytes], checksum: Checksum | None
    ) -> Upload:
        """Append the body at `offset`; returns the upload as it then is: still `receiving`, or finished.

        Raises NotFound, Conflict, Locked, Gone, Refused, TooLarge, ChecksumMismatch, Interrupted, Unavailable.
        """
        claimed = await self.uploads.claim(document, by=by, offset=offset)
        if claimed is None:
            return await self._why_not(document, by=by, offset=offset)
        if not claimed.is_held:
            claimed = await take_over(self.uploads, claimed)
        return await self.take_in(claimed, body=body, checksum=checksum)

    async def take_in(self, claimed: Upload, *, body: AsyncIterator[bytes], checksum: Checksum | None) -> Upload:
        """Append the body to an upload whose lease is ours. Raises as `append` does."""
        whole = asyncio.Event()
        work = self.background.start(self._work(claimed, body=body, checksum=checksum, whole=whole))
        received = asyncio.ensure_future(whole.wait())
        try:
            await asyncio.wait({work, received}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({work}, timeout=VERDICT_SECONDS)
        finally:
            received.cancel()
        if not work.done():
            raise Unavailable("verdict_late")
        return raise_if_refused(work.result())

    async def _work(
        self, upload: Upload, *, body: AsyncIterator[bytes], checksum: Checksum | None, whole: asyncio.Event
    ) -> Upload:
        async with Hold(self.uploads, upload) as hold:
            receiver = Receiver.of(
                upload,
                hold,
                uploads=self.uploads,
                staging=self.staging,
                memory=self.memory,
                scratch=self.scratch,
                checksum=checksum,
                draining=self.background.draining,
            )
            try:
                await receiver.receive(body)
                if not (receiver.holds_whole_file or receiver.upload.is_whole):
                    receiver.remember()
                    return receiver.upload
                whole.set()
                content = receiver.spool if receiver.holds_whole_file else None
                return await self.finisher.finish(receiver.upload, hold, evidence=receiver.evidence, content=content)
            except (Gone, Refused):
                # The store has dropped parts or the tail before their time: an offset that counts them would be a lie.
                return await self.finisher.refuse(receiver.upload, parts_lost(), hold)
            finally:
                receiver.spool.close()

    async def _why_not(self, document: str, *, by: Owner, offset: int) -> Upload:
        """Nothing could be claimed: a repeated last request is answered as the first was, all else is an error."""
        upload = await self.uploads.get(document)
        if upload is None or not by.owns(upload):
            raise NotFound
        raise_if_refused(upload)
        if upload.state == "abandoned":
            raise gone(upload)
        if upload.is_pending:
            raise verdict_pending()
        if offset != upload.offset:
            raise Conflict("offset_mismatch", "Le fichier reprend à un autre endroit.")
        if upload.state in model.FINISHED:
            return upload
        # The offset came to be the asked one between the two looks.
        raise Conflict("offset_moved", "Le fichier a avancé entre-temps.")


def raise_if_refused(upload: Upload) -> Upload:
    """The upload itself, unless it was refused: then why."""
    if upload.state == "refused":
        raise Refused(upload.code or "refused", upload.reason or "")
    return upload


def gone(upload: Upload) -> Gone:
    """Why no more bytes are taken."""
    if upload.code == "expired":
        return Gone("expired", "Ce transfert a expiré.")
    return Gone("cancelled", "Ce transfert a été annulé.")
