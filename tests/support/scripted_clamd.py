"""A clamd that answers as it is told to, and proves itself as one of good limits does."""

from __future__ import annotations

import asyncio
import itertools

HANG_UP = b""
"""An answer: the connection is closed without one."""

SILENCE = b"silence"
"""An answer: none, and the connection stays."""

_GZIP = b"\x1f\x8b"
_NESTED_BELOW = 8 * 1024


class ScriptedClamd:
    """Answers PING with `pong`, a probe of its limits as a good one does, and any other stream with `answer`: at its
    end, or once it has `after` bytes. What was streamed besides probes is counted, so are `proofs` that it tells of a
    limit, and sessions that were `left`. An async context manager."""

    def __init__(self, *, answer: bytes = b"stream: OK\0", after: int | None = None) -> None:
        self.answer, self.after = answer, after
        self.pong = b"PONG\0"
        self.nested = b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0"
        self.received = 0
        self.proofs = self.left = 0
        self.numbered = True
        self.largest_chunk = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> ScriptedClamd:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            command = await reader.readuntil(b"\0")
            if command == b"zIDSESSION\0":
                answer = await self._session(reader, writer)
            elif (answer := await self._answered(command, reader)) != SILENCE:
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            answer = HANG_UP
        if answer != SILENCE:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for number in itertools.count(1):
            try:
                command = await reader.readuntil(b"\0")
            except asyncio.IncompleteReadError:
                self.left += 1
                raise
            answer = await self._answered(command, reader)
            if answer != SILENCE:
                writer.write(answer and (b"%d: " % number if self.numbered else b"") + answer)
                if not answer.endswith(b"\0") or (self.after is not None and self.received):
                    break
        return answer

    async def _answered(self, command: bytes, reader: asyncio.StreamReader) -> bytes:
        return self.pong if command == b"zPING\0" else await self._streamed(reader)

    async def _streamed(self, reader: asyncio.StreamReader) -> bytes:
        received, head = 0, b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            chunk = await reader.readexactly(length)
            received, head = received + length, head or chunk[:2]
            self.largest_chunk = max(self.largest_chunk, length)
            if self.after is not None and received >= self.after:
                break
        if head == _GZIP:
            if received >= _NESTED_BELOW:
                return b"stream: OK\0"
            self.proofs += 1
            return self.nested
        self.received += received
        return self.answer
