"""A mail relay that answers as it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from contextlib import suppress

OK = {
    "connect": "220 relay.example ESMTP",
    "EHLO": "250-relay.example\r\n250-AUTH PLAIN\r\n250 8BITMIME",
    "HELO": "250 relay.example",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "message": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "NOOP": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}
HANG_UP = ""
"""An answer: the connection is closed without one."""


class ScriptedSmtp:
    """`answers[step]` holds the answers to come at `connect`, a command, `RCPT <address>` or `message`; each is given
    once, then all is well; `delays[step]` are the seconds until the answer, each time. Whatever is sent is noted."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.delays: dict[str, float] = {}
        self.steps: list[str] = []
        self.accepted: list[tuple[str, bytes]] = []
        self.connections = 0
        self.port = 0
        self._tls, self._starttls = tls, starttls
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """Listen; on the same port as before when it was stopped."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()

    def hang_up(self) -> None:
        """Close every connection, as relays do with those that say nothing."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with suppress(ConnectionError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        await self._answer(writer, "connect")
        while line := (await reader.readline()).decode().strip():
            command = line.split()[0].upper()
            if command == "STARTTLS" and self._starttls:
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self._starttls)
                self.steps.append(command)
                continue
            if command == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
            answer = await self._answer(writer, command, *([f"RCPT {recipient}"] if command == "RCPT" else []))
            if command == "DATA" and answer.startswith("354"):
                content = await reader.readuntil(b"\r\n.\r\n")
                if (await self._answer(writer, "message")).startswith("250"):
                    self.accepted.append((recipient, content))
            if command == "QUIT":
                return

    async def _answer(self, writer: asyncio.StreamWriter, *steps: str) -> str:
        self.steps.append(steps[0])
        told = next((self.answers[step].pop(0) for step in steps if self.answers[step]), None)
        if told == HANG_UP:
            raise ConnectionResetError
        await asyncio.sleep(self.delays.get(steps[0], 0))
        answer = told or OK.get(steps[0], "502 unknown")
        if steps[0] == "EHLO" and self._starttls and "STARTTLS" not in self.steps:
            answer = answer.replace("250 ", "250-STARTTLS\r\n250 ")
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return answer
