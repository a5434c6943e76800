"""The processes that look into files (see `inspection`), and what their verdicts mean to the person who deposits.

A process is started when first needed and looks into one file at a time. One that breaks down over a file, or uses up
its limits, takes only that file with it.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Self

from chassis.errors import Unavailable
from chassis.logs import logger

from upload.errors import Refused

PROCESSES = 2
# By the clock. The process has its own limit of processor time: past this the machine is overloaded, or it is stopped.
CEILING_SECONDS = 45.0
# Its limit of memory is for one file, not for what a library may hold on to.
_FILES_A_LIFE = 500
_MESSAGE = 64
# Ends that come from outside, and tell nothing of the file.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)

_REASONS = {
    "broken": "Ce PDF est abîmé : il ne peut pas être ouvert. S’il s’affiche chez vous, enregistrez-le de nouveau "
    "(Imprimer, puis Enregistrer au format PDF) ; sinon, demandez-en un autre à son émetteur.",
    "encrypted": "Ce PDF est protégé par un mot de passe : votre interlocuteur ne pourrait pas l’ouvrir. "
    "Enregistrez-en une copie sans mot de passe, puis transférez-la.",
    "damaged": "Cette image est incomplète : sa fin manque. Prenez la photo ou le scan de nouveau, ou demandez une "
    "autre copie du fichier, puis transférez-la.",
    "entities_not_allowed": "Ce fichier XML déclare des entités, ce qui n’est pas accepté : elles peuvent bloquer le "
    "logiciel qui le lit. Demandez à son émetteur un fichier XML sans ces déclarations (DOCTYPE, ENTITY).",
    "oversized": "Les dimensions de cette image sont trop grandes pour qu’elle soit affichée. Enregistrez-la dans une "
    "taille plus petite, puis transférez-la.",
    "unreadable": "Ce fichier ne peut pas être vérifié. Enregistrez-le de nouveau, au format PDF, puis transférez-le.",
}


class Inspector:
    """See `Inspection`. An async context manager: leaving it ends the processes."""

    def __init__(self, *, processes: int = PROCESSES) -> None:
        self._free: asyncio.LifoQueue[_Process | None] = asyncio.LifoQueue()
        for _ in range(processes):
            self._free.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._free.empty():
            if process := self._free.get_nowait():
                await process.end()

    async def inspect(self, look: str, content: BinaryIO) -> None:
        """See `Inspection.inspect`."""
        try:
            # What lay in memory so far is written to the disk now.
            file = content.fileno()
        except OSError as error:
            raise Unavailable("scratch_full") from error
        async with self._process() as process:
            try:
                async with asyncio.timeout(CEILING_SECONDS):
                    verdict = await process.ask(look, file)
            except TimeoutError:
                raise Unavailable("inspection_slow") from None
        if verdict != "good":
            raise Refused(verdict, _REASONS[verdict])

    @asynccontextmanager
    async def _process(self) -> "AsyncIterator[_Process]":
        process = await self._free.get()
        try:
            process = process or await _Process.start()
            yield process
        finally:
            if process is not None and not process.is_fresh:
                await process.end()
                process = None
            self._free.put_nowait(process)


class _Process:
    """One process. `is_fresh` while it may be asked again: it lives, owes no answer and has not served long."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self._process = process
        self._line = line
        self._asked = 0
        self.is_fresh = True

    @classmethod
    async def start(cls) -> "_Process":
        """Raises Unavailable when the machine has no room for it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-m", "upload.inspection", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={},
                    pass_fds=(theirs.fileno(),),
                )
            except OSError as error:
                ours.close()
                raise Unavailable("inspection_unavailable") from error
        return cls(process, ours)

    async def ask(self, look: str, file: int) -> str:
        """The verdict on an open file. Raises Unavailable when something outside ended the process."""
        self.is_fresh = False
        try:
            socket.send_fds(self._line, [look.encode()], [file])
            verdict = (await asyncio.get_running_loop().sock_recv(self._line, _MESSAGE)).decode()
        except ConnectionError:
            verdict = ""
        self._asked += 1
        # A file that is not good may have been taken in whole, in an attempt to mend it.
        self.is_fresh = verdict == "good" and self._asked < _FILES_A_LIFE
        return verdict or _verdict_of_the_dead(await self._process.wait())

    async def end(self) -> None:
        """End it, whatever it is doing."""
        self._line.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _verdict_of_the_dead(status: int) -> str:
    logger().error("inspection_died", status=status)
    if status in _FROM_OUTSIDE:
        raise Unavailable("inspection_ended")
    return "unreadable"
