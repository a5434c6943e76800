"""An object store that has no room: it gives what it holds, and takes nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

# As SeaweedFS says it.
_NO_ROOM = (
    b"<Error><Code>InternalError</Code><Message>We encountered an internal error, please try again.</Message></Error>"
)
_REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
) % (len(_NO_ROOM), _NO_ROOM)


class FullStore:
    """Stands before a real one. `is_full` until it is told otherwise; `refused` counts the writes. An async context
    manager."""

    def __init__(self, store: str) -> None:
        self.is_full, self.refused = True, 0
        self.url = ""
        self._host, self._port = urlsplit(store).hostname, urlsplit(store).port

    async def __aenter__(self) -> FullStore:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if self.is_full and head.startswith(b"PUT "):
                self.refused += 1
                writer.write(_REFUSAL)
            else:
                await self._pass_on(head, reader, writer)
            await writer.drain()
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, so that each is looked at."""
        answers, there = await asyncio.open_connection(self._host, self._port)
        there.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        asking = asyncio.ensure_future(_pump(reader, there))
        try:
            await _pump(answers, writer)
        finally:
            asking.cancel()
            there.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
