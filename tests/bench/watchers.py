"""Browsers that only listen: `python -m tests.bench.watchers URL COUNT`, with the session's token on standard input.

Says `ready` once all are listening, and then for each document, once all have heard of it, its id and the moments at
which they did (CLOCK_MONOTONIC, which all processes of a machine share), as a line of JSON. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

import aiohttp

from .processes import open_many_files

_OPENED_AT_ONCE = 64


class Watchers:
    """`count` streams of one person's at one catalog."""

    def __init__(self, http: aiohttp.ClientSession, *, url: str, count: int) -> None:
        self._http, self._url, self._count = http, url, count
        self._gate = asyncio.Semaphore(_OPENED_AT_ONCE)
        self._ready = 0
        self._heard: defaultdict[str, list[float]] = defaultdict(list)

    async def run(self) -> None:
        """Listen until cancelled. Raises aiohttp.ClientError, or EOFError where a stream ended."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._watch())

    async def _watch(self) -> None:
        await self._gate.acquire()
        async with self._http.get(f"{self._url}/api/live") as answer:
            answer.raise_for_status()
            event = ""
            async for line in answer.content:
                field, _, value = line.decode().strip().partition(": ")
                if field == "event":
                    event = value
                elif field == "data" and event == "ready":
                    self._gate.release()
                    self._note_ready()
                elif field == "data" and event == "document":
                    self._note(json.loads(value)["id"])
        raise EOFError("a stream ended")

    def _note_ready(self) -> None:
        self._ready += 1
        if self._ready == self._count:
            say("ready")

    def _note(self, document: str) -> None:
        self._heard[document].append(time.monotonic())
        if len(self._heard[document]) == self._count:
            say(json.dumps({"document": document, "at": self._heard.pop(document)}))


def say(line: str) -> None:
    """To whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def watch(url: str, *, count: int, token: str) -> None:
    """Listen until standard input ends."""
    headers, timeout = {"Authorization": f"Bearer {token}"}, aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as http:
        listening = asyncio.create_task(Watchers(http, url=url, count=count).run())
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait([listening, ended], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        listening.cancel()


if __name__ == "__main__":
    open_many_files()
    asyncio.run(watch(sys.argv[1], count=int(sys.argv[2]), token=sys.stdin.readline().strip()))
