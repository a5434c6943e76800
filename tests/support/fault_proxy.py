"""Bad lines: a TCP proxy in front of each server, whose line is cut, hung, slowed or torn on demand."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Literal, get_args

Line = Literal["sound", "refuse", "hang", "slow", "late", "reset", "half_open"]
LINES: tuple[Line, ...] = get_args(Line)
_PIECE = 64 * 1024
_SLOW_PIECE, _SLOW_PAUSE = 4096, 0.05
# Seconds that `late` holds what is asked.
LATE = 0.05
# A close with this lingers for no time: the other side gets a reset.
_RESET = struct.pack("ii", 1, 0)


class FaultProxies:
    """One proxy a server, in a thread of their own: `{name: (listening port, server's port)}`.

    `refuse` answers no connection and tears the old ones; `hang` lets nothing through, either way; `slow` is 80 kB/s;
    `late` holds what is asked, up to 64 kB of it at a time, for 50 ms; `reset` tears each connection after up to 64 kB;
    `half_open` lets requests through but no answer.
    """

    def __init__(self, ports: Mapping[str, tuple[int, int]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxies", daemon=True)
        self._proxies = {name: _Proxy(listens, server) for name, (listens, server) in ports.items()}

    def start(self) -> None:
        """Listen everywhere."""
        self._thread.start()
        for proxy in self._proxies.values():
            self._run(partial(proxy.become, "sound"))

    def stop(self) -> None:
        """Close every line."""
        for proxy in self._proxies.values():
            self._run(proxy.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def put(self, name: str, line: Line) -> None:
        """Make the line to this server so, for the connections there are and for those to come."""
        self._run(lambda: self._proxies[name].become(line))

    def _run(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        asyncio.run_coroutine_threadsafe(step(), self._loop).result(10)


class _Proxy:
    def __init__(self, listens: int, server: int) -> None:
        self._line: Line = "sound"
        self._asks, self._answers = asyncio.Event(), asyncio.Event()
        self._listens, self._port = listens, server
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._chance = random.Random(listens)  # noqa: S311 (reproducible, not secret)

    async def become(self, line: Line) -> None:
        self._line = line
        for way, is_held in ((self._asks, line == "hang"), (self._answers, line in ("hang", "half_open"))):
            if is_held:
                way.clear()
            else:
                way.set()
        if line == "refuse":
            await self.close()
            return
        if line == "reset":
            self._tear()
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._listens, limit=_PIECE)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._tear()

    def _tear(self) -> None:
        for writer in self._open:
            _reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            there, up = await asyncio.open_connection("127.0.0.1", self._port, limit=_PIECE)
        except OSError:
            # Nobody there: as if the connection had been refused.
            self._open.discard(writer)
            _reset(writer)
            return
        self._open.add(up)
        budget = self._chance.randrange(1, _PIECE)
        ways = [
            asyncio.ensure_future(self._pump(reader, up, self._asks, budget)),
            asyncio.ensure_future(self._pump(there, writer, self._answers, budget)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, up):
                self._open.discard(end)
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event, budget: int
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_SLOW_PIECE if self._line == "slow" else _PIECE):
                await way.wait()
                if self._line == "late" and way is self._asks:
                    await asyncio.sleep(LATE)
                if self._line == "slow":
                    await asyncio.sleep(_SLOW_PAUSE)
                if self._line == "reset":
                    writer.write(data[:budget])
                    budget -= len(data)
                    if budget <= 0:
                        _reset(writer)
                        break
                    continue
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()
            return
        raise ConnectionResetError


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
