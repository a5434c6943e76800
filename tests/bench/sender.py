"""Deposits as fast as intake takes them, by a client that costs little itself."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from tests.support.samples import Sample
from tests.support.tus import VERSION, Deposit

_STREAM = "application/offset+octet-stream"
_FILLING = b"stream\n"
# Bytes that go out at once.
PIECE = 256 * 1024


class Sender:
    """One person at several replicas in turn, or in turn with `others`. An async context manager."""

    def __init__(self, bases: Sequence[str], *, token: str, others: Sequence[str] = ()) -> None:
        self._bases = itertools.cycle(bases)
        self._people = itertools.cycle([VERSION | {"Authorization": f"Bearer {each}"} for each in (token, *others)])

    async def __aenter__(self) -> Sender:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def many(self, sample: Sample, *, count: int, at_once: int, steps: int) -> float:
        """Deposit the same content `count` times, `at_once` at a time, in one request or in two `steps` each; returns
        the documents a second. Raises aiohttp.ClientResponseError."""
        numbers = iter(range(count))

        async def line() -> None:
            for _ in numbers:
                await self.deposit(sample, steps=steps)

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(line())
        return count / (time.monotonic() - started)

    async def deposit(self, sample: Sample, *, steps: int, pause: float = 0) -> str:
        """One document, as a file of its own; returns its id. A small one has bytes that no other has, for a scanner
        remembers what it has seen. With a `pause`, in seconds, between a large one's pieces. Raises as `many` does."""
        content = _unlike_any(sample.content) if sample.size <= PIECE else sample.content
        mine = Sample(sample.name, content, sample.content_type, file=str(uuid.uuid4()))
        encoded = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in Deposit().metadata(mine).items()
        )
        base, person = next(self._bases), next(self._people)
        told = {**person, "Upload-Length": str(mine.size), "Upload-Metadata": encoded}
        # aiohttp would send what has no length in chunks.
        bytes_of_it = {"Content-Type": _STREAM, "Content-Length": str(mine.size)}
        body = mine.content if mine.size <= PIECE else _pieces(mine.content, pause)
        if steps == 1:
            answer = await self._ask("POST", f"{base}/uploads", told | bytes_of_it, body)
            return answer["Connect-Document"]
        created = await self._ask("POST", f"{base}/uploads", told)
        path = urlsplit(created["Location"]).path
        await self._ask("PATCH", base + path, {**person, "Upload-Offset": "0"} | bytes_of_it, body)
        return path.rpartition("/")[2]

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | AsyncIterator[bytes] = b""
    ) -> Mapping[str, str]:
        async with self._http.request(method, url, headers=headers, data=body) as answer:
            if answer.status >= 400:
                answer.reason = (await answer.text())[-200:]
            answer.raise_for_status()
            return answer.headers


def _unlike_any(content: bytes) -> bytes:
    """A sample with other random bytes at the beginning of its attachment."""
    start = content.index(_FILLING) + len(_FILLING)
    return content[:start] + uuid.uuid4().bytes + content[start + 16 :]


async def _pieces(content: bytes, pause: float) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]
        if pause:
            await asyncio.sleep(pause)
