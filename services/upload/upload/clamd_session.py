"""Connections to clamd, over TCP or a Unix socket, and sessions over them. Source: clamd(8), COMMANDS."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

from chassis.errors import Unavailable

from upload.settings import ClamdAddress

ANSWER_SECONDS = 2.0
# A session over which nothing comes for clamd's ReadTimeout is ended, even while it scans.
QUIET_SECONDS = 3.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Session:
    """A connection over which clamd is asked one thing after another; each answer bears its question's number."""

    def __init__(self, connection: Connection) -> None:
        self.is_proven = False
        self._reader, self._writer = connection
        self._asked = 0
        self._closing: asyncio.TimerHandle | None = None
        self._writer.write(b"zIDSESSION\0")

    @classmethod
    async def at(cls, address: ClamdAddress) -> Self:
        """Raises Unavailable, OSError."""
        return cls(await _connection(address))

    async def instream(self, chunks: AsyncIterator[bytes]) -> str:
        """What clamd says of a stream. Raises Unavailable, OSError, IncompleteReadError, LimitOverrunError."""
        number = await self._ask(b"zINSTREAM\0")
        async for chunk in chunks:
            await _send(self._writer, len(chunk).to_bytes(4, "big") + chunk)
        await _send(self._writer, bytes(4))
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    answer = (await self._reader.readuntil(b"\0")).decode(errors="replace").rstrip("\0")
            except TimeoutError:
                await self._ask(b"zPING\0")
                continue
            head, _, what = answer.partition(": ")
            if head == number:
                return what.removeprefix("stream: ")
            if what != "PONG":
                raise Unavailable("scanner_error", answer)

    async def _ask(self, command: bytes) -> str:
        await _send(self._writer, command)
        self._asked += 1
        return str(self._asked)

    def close_in(self, seconds: float) -> None:
        """Close, unless it is taken up before."""
        self._closing = asyncio.get_running_loop().call_later(seconds, self.close)

    def taken_up(self) -> bool:
        """Whether it still stands; then it stays."""
        if self._closing:
            self._closing.cancel()
        if self._reader.at_eof():
            self.close()
        return not self._writer.is_closing()

    def close(self) -> None:
        """Let go of clamd at once."""
        if self._closing:
            self._closing.cancel()
        self._writer.transport.abort()


@contextmanager
def reached() -> Iterator[None]:
    """Raises Unavailable where clamd is not, or no longer."""
    try:
        yield
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise Unavailable("scanner_unavailable") from error


@asynccontextmanager
async def connected(address: ClamdAddress) -> AsyncIterator[Connection]:
    """A connection for one command. Raises Unavailable."""
    with reached():
        reader, writer = await _connection(address)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """What clamd does at once when it lives. Raises Unavailable."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError:
        raise Unavailable("scanner_silent") from None


async def _connection(address: ClamdAddress) -> Connection:
    async with answering():
        if address.path:
            return await asyncio.open_unix_connection(address.path)
        return await asyncio.open_connection(address.host, address.port)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    # Writing to a line that was torn meanwhile is no OSError to uvloop, but a RuntimeError.
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
    await writer.drain()
