"""A document's bytes: where they lie, and how they are handed to a browser so that they can do it no harm."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import quote

from chassis.problem import Problem
from chassis.s3 import S3, ObjectMissing
from fastapi import Response
from fastapi.responses import StreamingResponse

from catalog.errors import Gone, NotFound
from catalog.model import Document, gone_text

Disposition = Literal["inline", "attachment"]
# What a browser shows without running any of it; all else is only ever saved.
_SHOWN_INLINE = {"application/pdf", "image/jpeg", "image/png", "text/plain"}
# No document has more bytes than fifteen digits count; what says so asks for no part of it.
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
# Letters no file system takes in a name, and those that turn or hide text.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
# An origin of its own, in which nothing may be loaded or run: not even what a browser takes for a page.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
# Chromium's own viewer of PDF stays empty where the sandbox allows no script; that of a page may not run all the same.
_SANDBOX_PDF = f"{_SANDBOX} allow-scripts; object-src 'self'"


@dataclass(frozen=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


class Unsatisfiable(Exception):
    """A range beyond the end."""


class Body(AsyncIterator[bytes]):
    """A document's bytes, the first of which were read. `aclose` ends the reading, also before it went on."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first = first
        self._rest = rest

    @classmethod
    async def begun(cls, chunks: AsyncGenerator[bytes, None]) -> Self:
        """Reads the first chunk: a generator that was never entered would not close what it reads."""
        return cls(await anext(chunks, b""), chunks)

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return await anext(self._rest)

    async def aclose(self) -> None:
        """Nothing more is read."""
        await self._rest.aclose()


class Stores:
    """Both buckets, read only: a document is in one of them, and moves from the first to the second."""

    def __init__(self, *, staging: S3, ged: S3) -> None:
        self._staging = staging
        self._ged = ged

    async def open(self, document: Document, part: ByteRange | None = None) -> Body:
        """The bytes, once they are known to be there. Raises Gone, NotFound, Unavailable."""
        check_not_gone(document)
        asked = {} if part is None else {"Range": f"bytes={part.first}-{part.last}"}
        for store, key in self._places(document):
            try:
                answer: Any = await store.call("get_object", Key=key, **asked)
            except ObjectMissing:
                continue
            return await Body.begun(store.chunks(answer))
        raise NotFound

    def _places(self, document: Document) -> Sequence[tuple[S3, str]]:
        """Where to look, in turn. The move may end between two looks, so the GED comes last in any case."""
        key = f"{document.office}/{document.client.id}/{document.id}"
        ged = (self._ged, document.archive.location.key if document.archive else key)
        staging = (self._staging, document.location.key)
        return (ged, staging, ged) if document.archive else (staging, ged)


async def content_response(
    document: Document,
    *,
    stores: Stores,
    disposition: Disposition,
    headers: Mapping[str, str],
    opening: Callable[[bool], Awaitable[None]],
) -> Response:
    """The bytes as an answer: the range that `headers` ask for, all, or that they are known already.

    `opening` is awaited once they are at hand, with whether a part of them is asked for; without it they are not given,
    nor is it said that the browser's own copy still holds: that is looked at, too. Raises as it and `Stores.open` do.
    """
    check_not_gone(document)
    common = _headers(document, disposition)
    if headers.get("if-none-match") == common["ETag"]:
        await opening("range" in headers)
        return Response(status_code=304, headers=common)
    try:
        part = asked_range(headers, size=document.size, etag=common["ETag"])
    except Unsatisfiable:
        reason = "La partie demandée n’est pas dans ce document."
        kept = {"Content-Disposition": common["Content-Disposition"], "Content-Range": f"bytes */{document.size}"}
        raise Problem(416, "range_not_satisfiable", reason, headers=kept) from None
    body = await stores.open(document, part)
    try:
        await opening(part is not None)
    except BaseException:
        await body.aclose()
        raise
    if part is None:
        return StreamingResponse(body, headers={**common, "Content-Length": str(document.size)})
    common["Content-Range"] = f"bytes {part.first}-{part.last}/{document.size}"
    common["Content-Length"] = str(part.last - part.first + 1)
    return StreamingResponse(body, 206, headers=common)


def asked_range(headers: Mapping[str, str], *, size: int, etag: str) -> ByteRange | None:
    """The range a request asks for; None for all, also where several ranges or another version are asked for.

    Raises Unsatisfiable. Source: RFC 9110, 14.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if first:
        part = ByteRange(int(first), min(int(last), size - 1) if last else size - 1)
    elif last:
        part = ByteRange(max(0, size - int(last)), size - 1)
    else:
        return None
    if last and first and int(last) < int(first):
        return None
    if part.first >= size or part.first > part.last:
        raise Unsatisfiable
    return part


def attachment_header(name: str, disposition: Disposition = "attachment") -> str:
    """`Content-Disposition` with a name in any script, and a plain one for old readers. Source: RFC 6266, RFC 8187."""
    safe = safe_name(name)
    plain = re.sub(r"[^\w. -]", "_", safe, flags=re.ASCII)
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def safe_name(name: str) -> str:
    """A name that any file system takes, and that reads as it is."""
    return _UNSAFE.sub("_", name).strip(" .") or "document"


def check_not_gone(document: Document) -> None:
    """Raises Gone for a document that was withdrawn."""
    if document.state in ("withdrawn", "erased"):
        raise Gone("withdrawn", gone_text(document))


def _headers(document: Document, disposition: Disposition) -> dict[str, str]:
    shown = document.content_type if document.content_type in _SHOWN_INLINE else None
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": attachment_header(document.name, disposition if shown else "attachment"),
        "Content-Security-Policy": _SANDBOX_PDF if shown == "application/pdf" else _SANDBOX,
        "Content-Type": shown or "application/octet-stream",
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{document.sha256}"',
        "X-Content-Type-Options": "nosniff",
    }
