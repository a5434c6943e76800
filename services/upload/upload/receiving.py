"""Receiving: bytes go to the store as they come.

A file of at most one part is gathered whole and written as one object. A larger one is a multipart upload whose parts
are cut at fixed multiples of 8 MiB, whoever writes them. What lies between the last boundary and the offset when a
request ends, or when nothing comes for two seconds, is the *tail*: an object of its own, under a key that names its
end and the epoch, so it is never overwritten.

A file that comes in one request is kept in the spool as well, where there is room: so it can be checked without being
read back from the store.

With a checksum nothing of the request is recorded before its last byte has come and the checksum was right.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from chassis.errors import Unavailable

from upload import model
from upload.errors import ChecksumMismatch, Interrupted, LeaseLost, TooLarge
from upload.evidence import Evidence, EvidenceMemory
from upload.lease import Hold
from upload.metrics import RECEIVED_BYTES
from upload.model import PART, Tail, Upload
from upload.ports import Staging, Uploads
from upload.scratch import Scratch, Spool

BLOCK = 128 * 1024
IDLE_SECONDS = 2.0
# A replica that is told to stop takes what comes within this time, so a small file still gets through.
LAST_SECONDS = 0.2


class Draining(Unavailable):
    """This replica stops; another takes the rest."""

    def __init__(self) -> None:
        super().__init__("draining")


class Checksum(Protocol):
    """A running checksum and the value it must come to."""

    def update(self, block: bytes, /) -> None: ...

    def is_right(self) -> bool: ...


@dataclass
class Receiver:
    """One request's bytes into one upload. `upload` is the record as this request last saved it; `spool` holds the
    bytes from the last part boundary on, or from the first one on. The caller closes the spool."""

    uploads: Uploads
    staging: Staging
    memory: EvidenceMemory
    hold: Hold
    upload: Upload
    spool: Spool
    draining: asyncio.Future[None]
    checksum: Checksum | None = None
    evidence: Evidence | None = None
    _parts: list[model.Part] = field(default_factory=list)
    _position: int = 0
    _boundary: int = 0
    _keeps_all: bool = False

    @classmethod
    def of(
        cls,
        upload: Upload,
        hold: Hold,
        *,
        uploads: Uploads,
        staging: Staging,
        memory: EvidenceMemory,
        scratch: Scratch,
        checksum: Checksum | None,
        draining: asyncio.Future[None],
    ) -> "Receiver":
        """A receiver with an empty spool."""
        return cls(uploads, staging, memory, hold, upload, scratch.spool(upload.length), draining, checksum)

    @property
    def holds_whole_file(self) -> bool:
        """The spool has all bytes of the file."""
        return self._keeps_all and self._position == self.upload.length

    @property
    def _is_one_object(self) -> bool:
        return self.upload.length <= PART

    @property
    def _gathered(self) -> int:
        """Bytes from the last part boundary on."""
        return self._position - self._boundary

    async def receive(self, body: AsyncIterator[bytes]) -> None:
        """Take the body in. Afterwards everything that came is durable, or a whole small file lies in the spool alone.

        Raises LeaseLost, TooLarge, ChecksumMismatch, Unavailable; Interrupted and Draining with what came before kept.
        """
        await self._resume()
        try:
            async for block in paced(body, hold=self.hold, draining=self.draining):
                if block:
                    await self._take(block)
                elif self.checksum is None:
                    await self._save_tail()
                del block  # as in `paced`
        except (Interrupted, Draining):
            if self.checksum is None:
                await self._save_tail()
            raise
        if self.checksum is not None and not self.checksum.is_right():
            raise ChecksumMismatch
        if not (self._is_one_object and self.holds_whole_file):
            await self._save_rest()

    async def _resume(self) -> None:
        upload = self.upload
        self._position = upload.offset
        self._boundary = upload.part_start
        self._parts = list(upload.parts)
        self._keeps_all = upload.part_start == 0
        self.evidence = self.memory.take(upload.id, saved_by=upload.saved_by, offset=upload.offset)
        if upload.part_start == 0 and self.evidence is None:
            self.evidence = Evidence()
            if upload.tail:
                await self.spool.fill(self.staging.read(upload.tail.key), self.evidence.feed)
        elif upload.tail:
            await self.spool.fill(self.staging.read(upload.tail.key))

    async def _take(self, block: bytes) -> None:
        if self._position + len(block) > self.upload.length:
            raise TooLarge("too_many_bytes", "Le fichier envoyé est plus long qu’annoncé.")
        RECEIVED_BYTES.inc(len(block))
        while block:
            piece, block = block[: PART - self._gathered], block[PART - self._gathered :]
            await self.spool.write(piece, *self._feeds())
            self._position += len(piece)
            if self._gathered == PART and not self._is_one_object:
                await self._write_part()
                if self.checksum is None:
                    await self._save(tail=None)

    def _feeds(self) -> list[Callable[[bytes], None]]:
        feeds: list[Callable[[bytes], None]] = []
        if self.evidence is not None:
            feeds.append(self.evidence.feed)
        if self.checksum is not None:
            feeds.append(self.checksum.update)
        return feeds

    async def _write_part(self) -> None:
        with self.hold.working():
            if self.upload.multipart is None:
                begun = self.upload.model_copy(update={"multipart": await self.staging.begin(self.upload.id)})
                await self.uploads.save(begun)
                self.upload = begun
            multipart = self.upload.multipart
            assert multipart is not None
            number = (self._position - 1) // PART + 1
            part = await self.staging.put_part(
                self.upload.id, multipart=multipart, number=number, content=self.spool.last(self._gathered)
            )
        self._parts.append(part)
        self._boundary = self._position
        self._keeps_all = self._keeps_all and self.spool.may_keep
        if not self._keeps_all:
            self.spool.clear()

    async def _save_rest(self) -> None:
        """The request ended: the last part of a whole file, or a tail, or a part boundary reached with a checksum."""
        if self._position == self.upload.length and self._gathered:
            await self._write_part()
        if self._gathered:
            await self._save_tail()
        else:
            await self._save(tail=None)

    async def _save_tail(self) -> None:
        if self._position == self.upload.offset:
            return
        key = f"tails/{self.upload.id}/{self._position}-{self.upload.epoch}"
        with self.hold.working():
            await self.staging.put_tail(key, self.spool.last(self._gathered))
            await self._save(tail=Tail(key=key, size=self._gathered))

    async def _save(self, *, tail: Tail | None) -> None:
        if self._position == self.upload.offset:
            return
        now = datetime.now(UTC)
        saved = model.received(self.upload, offset=self._position, parts=self._parts, tail=tail, now=now)
        await self.uploads.save(saved)
        self.upload = saved

    def remember(self) -> None:
        """Keep what was seen, for a next request that comes to this process."""
        if self.evidence is not None and self.evidence.size == self.upload.offset:
            self.memory.keep(self.upload.id, epoch=self.upload.epoch, evidence=self.evidence)


async def paced(body: AsyncIterator[bytes], *, hold: Hold, draining: asyncio.Future[None]) -> AsyncIterator[bytes]:
    """The body in blocks of 128 KiB or what comes at once; an empty one when nothing came for two seconds, after what
    had come.

    Raises LeaseLost as soon as the lease is lost; Interrupted and Draining, after what had come.
    """
    gathered = bytearray()
    coming: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(body))
            first: set[asyncio.Future[Any]] = {coming, hold.lost}
            told = draining.done()
            if not told:
                first.add(draining)
            await asyncio.wait(first, timeout=LAST_SECONDS if told else IDLE_SECONDS, return_when=FIRST_COMPLETED)
            if hold.lost.done():
                raise LeaseLost
            if coming.done() and (chunk := _come(coming)):
                hold.touch()
                gathered += chunk
                coming = None
            if len(gathered) < BLOCK and (coming is None or (draining.done() and not told)):
                continue  # there may be more at once, also for what is told to stop just now
            if gathered:
                block = bytes(gathered)
                gathered.clear()
                yield block
                del block  # of as many as send at once, none is held while the next comes
            if coming is not None and coming.done():
                coming.result()
                return
            if draining.done():
                raise Draining
            if coming is not None:
                yield b""
    finally:
        if coming is not None:
            coming.cancel()


async def _next(body: AsyncIterator[bytes]) -> bytes | None:
    async for chunk in body:
        if chunk:
            return chunk
    return None


def _come(coming: "asyncio.Future[bytes | None]") -> bytes | None:
    return coming.result() if coming.exception() is None else None
