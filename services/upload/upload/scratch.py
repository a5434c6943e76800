"""Temporary room for bytes on their way: files of up to 1 MiB in memory, larger ones unlinked, under a quota."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from chassis.errors import Unavailable
from chassis.s3 import Window

IN_MEMORY = 1024 * 1024


class Scratch:
    """The scratch folder of one process. `quota` is bytes."""

    def __init__(self, folder: Path, *, quota: int) -> None:
        self._folder = folder
        self._quota = quota
        self.used = 0

    def spool(self, size: int) -> "Spool":
        """An empty spool for some of the bytes of a file of this `size`; whoever gets it closes it."""
        return Spool(self, self._folder, in_memory=size <= IN_MEMORY)

    @property
    def is_roomy(self) -> bool:
        """Whether as much as is used is free, of the quota and on the disk."""
        return self.used <= min(self._quota - self.used, shutil.disk_usage(self._folder).free)

    def reserve(self, size: int) -> None:
        """Raises Unavailable when the quota is used up."""
        if self.used + size > self._quota:
            raise Unavailable("scratch_full")
        self.used += size

    def free(self, size: int) -> None:
        """Give back what was reserved."""
        self.used -= size


class Spool:
    """Bytes in the order they were written. Not for concurrent use."""

    def __init__(self, scratch: Scratch, folder: Path, *, in_memory: bool) -> None:
        self._scratch = scratch
        self._folder = folder
        # Many large files come at once, slowly: what each had in memory would add up.
        self._in_memory = IN_MEMORY if in_memory else 1
        self._reserved = 0
        self.size = 0
        self._is_torn = False
        self._file = self._opened()

    def _opened(self) -> "SpooledTemporaryFile[bytes]":
        return SpooledTemporaryFile(max_size=self._in_memory, dir=str(self._folder))

    @property
    def may_keep(self) -> bool:
        """Whether there is room for bytes that could be read back from the store."""
        return self._scratch.is_roomy

    async def write(self, block: bytes, *also: Callable[[bytes], None]) -> None:
        """Append, and feed the block to others; in a thread once it is a matter of disk.

        Raises Unavailable where there is no room, and ever after: part of the block may have been written.
        """
        size = self.size + len(block)
        if size <= self._in_memory:
            self._append(block, also)
        else:
            self._scratch.reserve(size - self._reserved)
            self._reserved = size
            await asyncio.to_thread(self._append, block, also)
        self.size = size

    async def fill(self, chunks: AsyncIterator[bytes], *also: Callable[[bytes], None]) -> None:
        """Append all chunks. Raises Unavailable."""
        async for chunk in chunks:
            await self.write(chunk, *also)

    def content(self) -> BinaryIO:
        """A seekable file with all bytes, at its beginning. Raises Unavailable where a write failed."""
        if self._is_torn:
            raise Unavailable("scratch_full")
        self._file.seek(0)
        return cast(BinaryIO, self._file)

    def last(self, size: int) -> BinaryIO:
        """A file of the last `size` bytes for the store. Raises Unavailable where a write failed."""
        return cast(BinaryIO, Window(self.content(), size=size, start=self.size - size))

    def clear(self) -> None:
        """Forget all bytes."""
        self.close()
        self._file = self._opened()

    def close(self) -> None:
        """Give the room back."""
        # What a full disk did not take is tried once more at the close, and nobody wants it any more.
        with suppress(OSError):
            self._file.close()
        self._scratch.free(self._reserved)
        self._reserved = self.size = 0

    def _append(self, block: bytes, also: tuple[Callable[[bytes], None], ...]) -> None:
        if self._is_torn:
            raise Unavailable("scratch_full")
        try:
            # A reader, such as a store's client, may have left the position anywhere.
            self._file.seek(0, 2)
            self._file.write(block)
            # Nothing waits in a buffer, where a full disk would be met by whoever reads.
            self._file.flush()
        except OSError as error:
            self._is_torn = True
            raise Unavailable("scratch_full") from error
        for feed in also:
            feed(block)
