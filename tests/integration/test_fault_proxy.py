"""The faults that the chaos suite puts on a line are faults, and end when it is sound again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress

import pytest

from tests.support.fault_proxy import LATE, FaultProxies, Line
from tests.support.ports import free_port

MUCH = bytes(300_000)


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """A server that gives back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def lines(echo: int, port: int) -> Iterator[FaultProxies]:
    proxies = FaultProxies({"echo": (port, echo)})
    proxies.start()
    yield proxies
    proxies.stop()


async def echoed(port: int, content: bytes, *, within: float = 5.0) -> bytes:
    """What comes back of what is sent. Raises OSError, EOFError or TimeoutError."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(content)
            return await reader.readexactly(len(content))


async def test_a_sound_line_carries_everything(lines: FaultProxies, port: int) -> None:
    assert lines
    assert await echoed(port, MUCH) == MUCH


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("refuse", ConnectionRefusedError),
        ("reset", (ConnectionResetError, asyncio.IncompleteReadError)),
        ("hang", TimeoutError),
        ("half_open", TimeoutError),
    ],
)
async def test_a_fault_is_felt_and_ends(
    lines: FaultProxies, port: int, line: Line, seen: type[Exception] | tuple[type[Exception], ...]
) -> None:
    lines.put("echo", line)
    with pytest.raises(seen):
        await echoed(port, MUCH, within=0.5)
    lines.put("echo", "sound")
    assert await echoed(port, MUCH) == MUCH


async def test_a_slow_line_carries_everything_late(lines: FaultProxies, port: int) -> None:
    lines.put("echo", "slow")
    with pytest.raises(TimeoutError):
        await echoed(port, MUCH, within=0.5)
    assert await echoed(port, MUCH[:4_000]) == MUCH[:4_000]


@pytest.mark.parametrize("line", ["hang", "half_open"])
async def test_what_a_held_line_held_back_arrives_afterwards(lines: FaultProxies, port: int, line: Line) -> None:
    lines.put("echo", line)
    waiting = asyncio.create_task(echoed(port, b"late"))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    lines.put("echo", "sound")
    assert await waiting == b"late"


@pytest.mark.parametrize("line", ["refuse", "reset"])
async def test_a_torn_line_tears_the_connections_there_are(lines: FaultProxies, port: int, line: Line) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    lines.put("echo", line)
    with closing(writer), pytest.raises(ConnectionResetError):
        async with asyncio.timeout(2):
            await reader.readexactly(1)


async def test_a_late_line_holds_each_question_for_a_while_and_no_answer(lines: FaultProxies, port: int) -> None:
    lines.put("echo", "late")
    started = time.monotonic()
    for _ in range(4):
        assert await echoed(port, b"asked") == b"asked"
    assert time.monotonic() - started >= 4 * LATE
