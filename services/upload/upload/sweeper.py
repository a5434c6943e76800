"""What nobody waits for any more: expiry, files whose verdict is pending, bytes left behind."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from chassis.errors import Failure, Unavailable
from chassis.logs import logger
from chassis.periodic import pause

from upload.background import Background
from upload.errors import LeaseLost
from upload.finishing import Finisher
from upload.lease import Hold
from upload.model import Upload
from upload.ports import Uploads

# Seconds between two looks, and for which one waits for what it took up; uploads that are under way at a time.
PERIOD = 2.0
_AT_ONCE = 4


@dataclass(frozen=True)
class Sweeper:
    """Takes up, on any replica, uploads that are due and that nobody holds."""

    uploads: Uploads
    finisher: Finisher
    background: Background
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def sweep(self) -> int:
        """Take up what is due, a few at a time; returns how many were. Raises Unavailable.

        What takes long (a scan, say) keeps its place, and nothing else back. Nor does a failure: it is reported, and
        the upload stays due.
        """
        due = await self.uploads.due(limit=self._room) if self._room else ()
        claimed = [upload for document in due if (upload := await self.uploads.claim_due(document))]
        begun = {self.background.start(self._take_up(upload)): upload for upload in claimed}
        self._under_way.update(begun)
        for task, upload in begun.items():
            task.add_done_callback(partial(self._ended, upload))
        if begun:
            await asyncio.wait(begun, timeout=PERIOD)
        return len(begun)

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every two seconds until `stop` is set."""
        while not stop.is_set():
            room, swept = self._room, 0
            try:
                swept = await self.sweep()
            except Unavailable as down:
                logger().warning("sweep_unavailable", code=down.code)
            # As many as there was room for: there may be more.
            if swept < max(room, 1):
                await pause(stop, PERIOD)

    @property
    def _room(self) -> int:
        return _AT_ONCE - len(self._under_way)

    def _ended(self, upload: Upload, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        error = task.exception()
        if isinstance(error, Failure):
            logger().warning("upload_not_taken_up", document=upload.id, code=error.code)

    async def _take_up(self, upload: Upload) -> None:
        try:
            async with Hold(self.uploads, upload) as hold:
                if upload.is_pending:
                    await self.finisher.finish(upload, hold)
                elif upload.state == "receiving":
                    await self.finisher.abandon(upload, cause="expired", hold=hold)
                else:
                    with hold.working():
                        await self.finisher.clean(upload)
                    hold.released = True
        except LeaseLost:
            return  # a client came back, and takes it from here
