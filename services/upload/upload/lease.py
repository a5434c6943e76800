"""The right to write an upload, held by one request at a time.

The record's epoch decides: every change is conditional on it, and a newer request raises it. The holder looks at the
record every second, so it stops within two; it renews the lease only while bytes come or it is busy with them.
"""

import asyncio
import time
from types import TracebackType
from typing import Self

from chassis.errors import Unavailable

from upload.errors import LeaseLost, Locked
from upload.model import Upload
from upload.ports import Uploads

BEAT_SECONDS = 1.0
TAKE_OVER_SECONDS = 2.5
_LOOK_AGAIN_SECONDS = 0.1


class Hold:
    """A lease that is held; an async context manager. `lost` is done once another request has the upload."""

    def __init__(self, uploads: Uploads, upload: Upload) -> None:
        self._uploads = uploads
        self._document = upload.id
        self._epoch = upload.epoch
        self._busy = 0
        self._touched = True
        self.released = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.cancel()
        await asyncio.wait({self._keeper})
        if self.released:
            return
        # Also when it is lost: whoever took over waits for this.
        await self._uploads.release(self._document, epoch=self._epoch)
        if isinstance(error, LeaseLost) or self.lost.done():
            # A write that was slow may have come after whoever took over had ended and cleaned up.
            await self._uploads.mark_overtaken(self._document)

    def touch(self) -> None:
        """Bytes came."""
        self._touched = True

    def working(self) -> "_Working":
        """A context in which the holder is busy with the bytes it has, however long none comes."""
        return _Working(self)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            busy, self._touched = self._touched or self._busy > 0, False
            try:
                await self._uploads.beat(self._document, epoch=self._epoch, busy=busy)
            except LeaseLost:
                self.lost.set_result(None)
                return
            except Unavailable:
                continue  # the next save meets it; until then the lease ages


class _Working:
    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    def __enter__(self) -> None:
        self._hold._busy += 1

    def __exit__(self, *_: object) -> None:
        self._hold._busy -= 1


async def take_over(uploads: Uploads, upload: Upload) -> Upload:
    """Wait for the writer before us to stop. Raises Locked when it hasn't in time, LeaseLost when another is newer."""
    until = time.monotonic() + TAKE_OVER_SECONDS
    while not await uploads.take(upload.id, epoch=upload.epoch):
        if time.monotonic() > until:
            raise Locked("locked", "Ce fichier est en cours de réception. Réessayez dans quelques instants.")
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return upload
