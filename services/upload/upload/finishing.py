"""From the last byte to the announcement: assemble, check, owe.

Each step is idempotent and leaves its state in the record, so any replica takes up where another stopped. A small
file that came whole in one request needs no steps in between: what it owes is written in the one write that makes it
final.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from chassis.errors import Unavailable
from chassis.logs import about, logger
from chassis.owed import OwedEvent, owe
from contracts.envelope import envelop

from upload import model
from upload.background import Background
from upload.errors import Gone, Refused
from upload.evidence import Evidence
from upload.journal import reception
from upload.kinds import judge, kind_of
from upload.lease import Hold
from upload.metrics import FINISHED
from upload.model import PART, Part, Tail, Upload
from upload.ports import Announcer, Inspection, Scanner, Signer, Staging, Uploads
from upload.scratch import Scratch, Spool

# A verdict that takes longer is waited for with the bytes noted as being in the store.
NOTED_AFTER_SECONDS = 1.0


@dataclass(frozen=True)
class Finisher:
    """The steps, and what they need."""

    uploads: Uploads
    staging: Staging
    inspection: Inspection
    scanner: Scanner
    signer: Signer
    announcer: Announcer
    scratch: Scratch
    background: Background

    async def finish(
        self, upload: Upload, hold: Hold, *, evidence: Evidence | None = None, content: Spool | None = None
    ) -> Upload:
        """Take a pending upload to its end and return it: `owed` or `refused`.

        `content` is the whole file where it came in one go: a small one is not yet in the store then. `evidence` is
        what this process saw of it. Raises Unavailable, LeaseLost.
        """
        about(document=upload.id)
        with hold.working():
            try:
                if upload.state == "receiving":
                    upload = await self.assemble(upload, content=content)
                if upload.state == "assembled":
                    upload = await self.check(upload, evidence=evidence, content=content)
            except Refused as refusal:
                return await self.refuse(upload, refusal, hold)
            return await self.announce(upload, hold)

    async def assemble(self, upload: Upload, *, content: Spool | None = None) -> Upload:
        """receiving → assembled: the object `<document>` holds all bytes. Raises Refused when parts are lost."""
        now = datetime.now(UTC)
        if content is not None and upload.length <= PART:
            await self.staging.put(upload.id, content.last(content.size))
            return model.assembled(upload, now=now)
        parts = list(upload.parts)
        if upload.tail is not None:
            parts += await self._place_tail(upload, upload.tail)
        if upload.multipart is not None:
            await self.staging.complete(upload.id, multipart=upload.multipart, parts=parts, size=upload.length)
        upload = model.assembled(upload, now=now)
        await self.uploads.save(upload)
        return upload

    async def check(self, upload: Upload, *, evidence: Evidence | None = None, content: Spool | None = None) -> Upload:
        """assembled → checked. Raises Refused."""
        judging = asyncio.create_task(self._judged(upload, evidence=evidence, content=content))
        try:
            if content is not None and not (await asyncio.wait({judging}, timeout=NOTED_AFTER_SECONDS))[0]:
                # Whoever asks meanwhile is to hear that the verdict is pending, not to send the bytes again.
                await self.uploads.save(upload)
            upload = await judging
        except Unavailable:
            if content is not None:
                # The bytes are in the store: the sweeper goes on from here.
                await self.uploads.save(upload)
            raise
        finally:
            judging.cancel()
            await asyncio.gather(judging, return_exceptions=True)
        if content is None:
            await self.uploads.save(upload)
        return upload

    async def announce(self, upload: Upload, hold: Hold) -> Upload:
        """checked → owed. The journal's entry is owed with the event, so neither is without the other."""
        upload = model.owed(upload, receipt=self.signer.receipt(upload), now=datetime.now(UTC))
        announcement = model.announcement(upload, bucket=self.staging.bucket)
        event, now = envelop(announcement), announcement.deposited_at
        entry = owe(upload.id, reception(upload, event), now=now, awaits_successor=False)
        await self._end(upload, [owe(upload.id, event, now=now), entry], hold)
        return upload

    async def refuse(self, upload: Upload, refusal: Refused, hold: Hold) -> Upload:
        """→ refused; the bytes are removed afterwards."""
        now = datetime.now(UTC)
        upload = model.refused(upload, refusal, now=now)
        event = owe(upload.id, envelop(model.rejection(upload)), now=now, awaits_successor=False)
        await self._end(upload, [event], hold)
        return upload

    async def clean(self, upload: Upload) -> None:
        """Remove what is left in staging besides a document, and note that nothing is."""
        needed = upload.state in model.FINISHED and not upload.moved
        await self.staging.remove_leftovers(upload.id, in_parts=upload.length > PART, whole=not needed)
        await self.uploads.mark_clean(upload.id, epoch=upload.epoch)

    async def abandon(self, upload: Upload, *, cause: Literal["cancelled", "expired"], hold: Hold | None) -> None:
        """→ abandoned; the bytes are removed afterwards, once no other writer is left. Raises LeaseLost."""
        now = datetime.now(UTC)
        upload = model.abandoned(upload, cause=cause, now=now)
        event = owe(upload.id, envelop(model.abandonment(upload)), now=now, awaits_successor=False)
        await self._end(upload, [event], hold)

    async def _end(self, upload: Upload, owing: Sequence[OwedEvent], hold: Hold | None) -> None:
        alone = hold is not None or upload.lease is None
        await self.uploads.save(upload, owing=owing, release=alone)
        if hold is not None:
            hold.released = True
        FINISHED.labels(upload.state).inc()
        logger().info("upload_ended", document=upload.id, state=upload.state)
        self.background.start(self._after(upload, owing, clean=alone and upload.leftovers))

    async def _after(self, upload: Upload, owing: Sequence[OwedEvent], *, clean: bool) -> None:
        await self.announcer.publish_now(owing)
        if clean:
            await self.clean(upload)

    async def _place_tail(self, upload: Upload, tail: Tail) -> list[Part]:
        """The last bytes were saved as a tail: they become the last part, or the whole of a small document."""
        spool = self.scratch.spool(tail.size)
        try:
            await spool.fill(self.staging.read(tail.key))
            if upload.multipart is None:
                await self.staging.put(upload.id, spool.last(spool.size))
                return []
            multipart, number, last = upload.multipart, len(upload.parts) + 1, spool.last(spool.size)
            return [await self.staging.put_part(upload.id, multipart=multipart, number=number, content=last)]
        except Gone:
            return []  # completed before by someone who died before noting it, or removed: completing tells which
        finally:
            spool.close()

    async def _judged(self, upload: Upload, *, evidence: Evidence | None, content: Spool | None) -> Upload:
        seen = evidence if evidence and evidence.size == upload.length else None
        needs_content = self.scanner.needs_content or kind_of(upload.name).needs_content
        if seen is not None and (content is not None or not needs_content):
            return await self._verdict(upload, seen, content)
        read_back, seen = self.scratch.spool(upload.length), Evidence()
        try:
            await read_back.fill(self.staging.read(upload.id), seen.feed)
            return await self._verdict(upload, seen, read_back)
        finally:
            read_back.close()

    async def _verdict(self, upload: Upload, evidence: Evidence, content: Spool | None) -> Upload:
        if upload.expected_sha256 not in (None, evidence.sha256):
            raise Refused("sha256_mismatch", "Le fichier reçu n’est pas identique au fichier envoyé.")
        if content is None:
            content_type = judge(upload.name, evidence, None)
        else:
            # What is surest first: a file that is refused anyway need not wait for a scanner that is down.
            content_type = await asyncio.to_thread(judge, upload.name, evidence, content.content())
            if look := kind_of(upload.name).look:
                await self.inspection.inspect(look, content.content())
            await self.scanner.scan(content.content())
        return model.checked(upload, sha256=evidence.sha256, content_type=content_type)
