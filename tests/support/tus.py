"""A tus client for tests that cuts, resumes and retries as told, on any replica."""

from __future__ import annotations

import asyncio
import base64
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from .samples import Sample

VERSION = {"Tus-Resumable": "1.0.0"}
_STREAM = "application/offset+octet-stream"
_RETRY_EVERY = 0.2
_PIECE = 64 * 1024


class LineDropped(Exception):
    """The test's own line went down."""


@dataclass(frozen=True)
class Deposit:
    """One click on TOUT TRANSFÉRER. A collaborator's says for which `client`, in the space `published`."""

    size: int = 1
    folder: str = "comptable"
    alert: tuple[str, ...] = ()
    client: str = ""
    space: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def metadata(self, sample: Sample) -> dict[str, str]:
        """What a client says about one file of this deposit."""
        known = {
            "filename": sample.name,
            "filetype": sample.content_type,
            "folder": self.folder,
            "deposit": self.id,
            "deposit_size": str(self.size),
            "file": sample.file,
        }
        told = {"alert": ",".join(self.alert), "client": self.client, "space": self.space}
        return known | {key: value for key, value in told.items() if value}


class TusClient:
    """Uploads as one person. `base` is the portal's or a replica's origin."""

    def __init__(self, http: httpx.AsyncClient, *, base: str, token: str) -> None:
        self._http = http
        self._base = base
        self._headers = VERSION | {"Authorization": f"Bearer {token}"}

    def at(self, base: str) -> TusClient:
        """The same person at another origin."""
        return TusClient(self._http, base=base, token=self._headers["Authorization"].removeprefix("Bearer "))

    async def create(self, sample: Sample, metadata: Mapping[str, str], *, content: bytes = b"") -> str:
        """The path of a new upload; `content` are bytes of it that come along."""
        encoded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        headers = self._headers | {"Upload-Length": str(sample.size), "Upload-Metadata": encoded}
        if content:
            headers["Content-Type"] = _STREAM
        answer = await self._http.post(f"{self._base}/uploads", headers=headers, content=content)
        answer.raise_for_status()
        return urlsplit(answer.headers["Location"]).path

    async def offset(self, path: str) -> int | None:
        """How many bytes the server has; None while it has no answer (423). Raises httpx.HTTPStatusError."""
        answer = await self._http.head(self._base + path, headers=self._headers)
        if answer.status_code == 423:
            return None
        answer.raise_for_status()
        return int(answer.headers["Upload-Offset"])

    async def send(self, path: str, content: bytes, *, offset: int) -> httpx.Response:
        """One PATCH. Raises httpx.HTTPStatusError."""
        answer = await self._http.patch(self._base + path, content=content, headers=self._patch_headers(offset))
        return answer.raise_for_status()

    async def send_cut(self, path: str, content: bytes, *, until: int) -> None:
        """One PATCH whose line drops after `until` bytes. Raises LineDropped."""
        headers = self._patch_headers(0) | {"Content-Length": str(len(content))}
        await self._http.patch(self._base + path, content=_dropping(content, until), headers=headers)

    async def send_slowly(self, path: str, content: bytes, *, seconds: float) -> None:
        """One PATCH over a line that needs so long for it. Raises httpx.HTTPStatusError."""
        headers = self._patch_headers(0) | {"Content-Length": str(len(content))}
        answer = await self._http.patch(self._base + path, content=_trickling(content, seconds), headers=headers)
        answer.raise_for_status()

    async def deposit(self, sample: Sample, *, to: Deposit, at_once: bool = False, within: float = 60.0) -> str:
        """Upload a file from its beginning, as patiently as a real client; returns the document's id.

        `at_once`: the bytes come with the POST, else in a PATCH of their own.
        Raises httpx errors for a refusal, and AssertionError for trouble that outlasts `within` seconds.
        """
        patience = Patience(within)
        while True:
            with patience:
                path = await self.create(sample, to.metadata(sample), content=sample.content if at_once else b"")
                return await self.finish(path, sample, within=within)
            await asyncio.sleep(_RETRY_EVERY)

    async def finish(self, path: str, sample: Sample, *, within: float = 60.0) -> str:
        """Go on where the server is, until it has everything and says so; as `deposit` otherwise."""
        patience = Patience(within)
        while True:
            with patience:
                offset = await self.offset(path)
                if offset == sample.size:
                    return path.rpartition("/")[2]
                if offset is not None:
                    await self.send(path, sample.content[offset:], offset=offset)
                    continue
            patience.check(f"{path} is still not finished")
            await asyncio.sleep(_RETRY_EVERY)

    def _patch_headers(self, offset: int) -> dict[str, str]:
        return self._headers | {"Upload-Offset": str(offset), "Content-Type": _STREAM}


class Patience:
    """Swallows, for so many seconds, what a client is meant to try again: a broken line, 409, 423, 429, 502 to 504.

    Past them such trouble is an AssertionError, with all that was met and how often.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._met: Counter[str] = Counter()

    def check(self, failure: str) -> None:
        """Raises AssertionError with these words past the end."""
        assert time.monotonic() < self._deadline, f"{failure} after {self._seconds:.0f} s of {dict(self._met)}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, httpx.HTTPStatusError):
            # 409: another writer got further meanwhile; the next HEAD tells how far.
            passing = error.response.status_code in (409, 423, 429, 502, 503, 504)
            why = re.search(r'"code": ?"(\w+)"', error.response.text)
            self._met[f"{error.request.method} {error.response.status_code} {why and why[1]}"] += 1
        else:
            passing = isinstance(error, httpx.TransportError)
            self._met[repr(error)] += passing
        if passing:
            self.check("given up")
        return passing


async def _trickling(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    pieces = range(0, len(content), _PIECE)
    for start in pieces:
        yield content[start : start + _PIECE]
        await asyncio.sleep(seconds / len(pieces))


async def _dropping(content: bytes, until: int) -> AsyncIterator[bytes]:
    for start in range(0, until, _PIECE):
        yield content[start : min(start + _PIECE, until)]
    raise LineDropped
