"""Several documents as one zip, made while it is sent: nothing is gathered in memory or on disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from zipstream import ZIP_STORED, ZipStream  # type: ignore[import-untyped]  # it comes without types

from catalog.content import Stores, safe_name
from catalog.model import Document

Told = Callable[[Document], Awaitable[None]]


def zip_of(documents: Sequence[Document], *, stores: Stores, giving: Told, given: Told) -> Iterator[bytes]:
    """The zip's bytes; to be iterated in a thread, while the loop that calls this runs.

    `giving` is awaited with each document before any of its bytes, `given` once they were taken. One whose bytes cannot
    be read, or that cannot be told of, breaks the zip off: half a zip is seen as such, a missing file is not.
    """
    loop = asyncio.get_running_loop()
    # Documents are compressed already.
    archive = ZipStream(compress_type=ZIP_STORED)
    for document, name in zip(documents, unique_names([each.name for each in documents]), strict=True):
        archive.add(_bytes(document, stores=stores, giving=giving, given=given, loop=loop), name)
    return iter(archive)


def unique_names(names: Iterable[str]) -> list[str]:
    """Names fit for one folder of any file system: safe, and different also where case is ignored."""
    taken: set[str] = set()
    unique = []
    for name in names:
        safe = safe_name(name)
        path, number, candidate = PurePosixPath(safe), 2, safe
        while candidate.casefold() in taken:
            candidate = f"{path.stem} ({number}){path.suffix}"
            number += 1
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique


def _bytes(
    document: Document, *, stores: Stores, giving: Told, given: Told, loop: asyncio.AbstractEventLoop
) -> Iterator[bytes]:
    async def following(body: AsyncIterator[bytes]) -> bytes | None:
        return await anext(body, None)

    async def told(whom: Told) -> None:
        await whom(document)

    body = asyncio.run_coroutine_threadsafe(stores.open(document), loop).result()
    try:
        asyncio.run_coroutine_threadsafe(told(giving), loop).result()
        while chunk := asyncio.run_coroutine_threadsafe(following(body), loop).result():
            yield chunk
    finally:
        # Not waited for: where the reader has gone away, this may run in the loop's own thread.
        asyncio.run_coroutine_threadsafe(body.aclose(), loop)
    asyncio.run_coroutine_threadsafe(told(given), loop).result()
