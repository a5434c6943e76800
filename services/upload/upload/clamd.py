"""clamd, by INSTREAM over TCP or a Unix socket. Source: clamd(8), COMMANDS.

A file is streamed in chunks, so memory stays flat whatever its size. While clamd works it is asked every few seconds
whether it lives, so one that is stopped is known within five, and one that is merely slow gets its time.

Without `AlertExceedsMax yes` clamd calls OK what a limit kept it from looking into. It reads its configuration once,
when it starts, and a connection leads to one process for as long as it stands: so files go only over one that has had
that proof before, however many clamds answer at the address, and whichever of them were restarted meanwhile.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any, BinaryIO

from chassis.errors import Unavailable
from chassis.logs import logger

from upload.clamd_session import Session, answering, connected, reached
from upload.errors import Refused
from upload.metrics import SCAN_SECONDS, SCANNER_PRESENT, SCANS
from upload.settings import ClamdAddress

CHUNK = 256 * 1024
LOOK_SECONDS = 3.0
# More than clamd gives a file itself (MaxScanTime, two minutes by default): the answer is to be clamd's.
SCAN_CEILING_SECONDS = 180.0
# Well below clamd's ReadTimeout (120 by default), which ends a session: a file is not to meet one that just ended.
KEPT_SECONDS = 10.0
_LIMITS = "Heuristics.Limits.Exceeded"
_DEEPER_THAN_ANY_MAX_RECURSION = 110
_NESTED = reduce(lambda inner, _: gzip.compress(inner, mtime=0), range(_DEEPER_THAN_ANY_MAX_RECURSION), b"")
_MIB = 1024 * 1024


class ScannerUnfit(Unavailable):
    """clamd answers, and would let files through that it has not looked into, or refuse such as are allowed."""

    def __init__(self, reason: str) -> None:
        super().__init__("scanner_unfit", reason)


class Clamd:
    """See `Scanner`. `largest` is the size of the largest file taken, in bytes."""

    needs_content = True

    def __init__(self, address: ClamdAddress, *, largest: int) -> None:
        self._address = address
        self._largest = largest
        self._is_proven = False
        self._proving = asyncio.Lock()
        self._kept: list[Session] = []
        SCANNER_PRESENT.set(1)

    async def scan(self, content: BinaryIO) -> None:
        """See `Scanner.scan`."""
        try:
            await self.prove()
            async with self._session() as session:
                with SCAN_SECONDS.time():
                    answer = await self._watched(session.instream(_chunks(content)))
        except Unavailable:
            # When it is back it may be another, with another configuration.
            self._is_proven = False
            SCANS.labels("unavailable").inc()
            raise
        _judge(answer)

    async def ask(self) -> None:
        """A readiness check. Raises Unavailable, ScannerUnfit."""
        try:
            await self._ping()
        except Unavailable:
            self._is_proven = False
            raise
        await self.prove()

    async def prove(self) -> None:
        """Have clamd show that it looks into a file of the largest size; once for as long as none is seen to go.

        One with lower limits that comes unseen refuses files, and lets none through.
        Raises ScannerUnfit with what its configuration lacks, Unavailable.
        """
        async with self._proving:
            if not self._is_proven:
                async with self._session() as session:
                    await self._prove_stream_length()
                    await self._prove_scan_size(session)
                self._is_proven = True

    def close(self) -> None:
        """End what is kept open."""
        while self._kept:
            self._kept.pop().close()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """One whose clamd has shown that it tells when a limit kept it from looking; kept for files that follow soon.

        A line in clamd's log tells of that try. Raises ScannerUnfit, Unavailable.
        """
        with reached():
            session = self._kept_one() or await Session.at(self._address)
            try:
                if not session.is_proven:
                    await self._prove_alerts(session)
                yield session
            except BaseException:
                session.close()
                raise
        session.close_in(KEPT_SECONDS)
        self._kept.append(session)

    def _kept_one(self) -> Session | None:
        while self._kept:
            if (session := self._kept.pop()).taken_up():
                return session
        return None

    async def _prove_alerts(self, session: Session) -> None:
        if _LIMITS not in await self._watched(session.instream(_once(_NESTED))):
            raise ScannerUnfit("clamd must have `AlertExceedsMax yes`: it calls OK what it has not looked into.")
        session.is_proven = True

    async def _prove_stream_length(self) -> None:
        """Announce one chunk of the largest size and no more: clamd refuses one that is too long before it comes."""
        async with connected(self._address) as (reader, writer), answering():
            writer.write(b"zINSTREAM\0" + self._largest.to_bytes(4, "big"))
            writer.write_eof()
            if b"size limit" in await reader.read(_MIB):
                raise ScannerUnfit(f"clamd's StreamMaxLength is below UPLOAD_MAX_SIZE ({self._largest} bytes).")

    async def _prove_scan_size(self, session: Session) -> None:
        whole, rest = divmod(self._largest, _MIB)
        members = gzip.compress(bytes(_MIB), mtime=0) * whole + gzip.compress(bytes(rest), mtime=0)
        answer = await self._watched(session.instream(_once(members)))
        if _LIMITS in answer:
            limit = answer.split()[0].removeprefix(f"{_LIMITS}.")
            raise ScannerUnfit(
                f"clamd's {limit} is too low for a packed file of UPLOAD_MAX_SIZE ({self._largest} bytes)."
            )

    async def _ping(self) -> None:
        async with connected(self._address) as (reader, writer), answering():
            writer.write(b"zPING\0")
            await reader.readuntil(b"\0")

    async def _watched(self, talk: Coroutine[Any, Any, str]) -> str:
        """The answer, waited for as long as clamd lives. Raises Unavailable."""
        talking = asyncio.create_task(talk)
        try:
            async with asyncio.timeout(SCAN_CEILING_SECONDS):
                while not (await asyncio.wait({talking}, timeout=LOOK_SECONDS))[0]:
                    await self._ping()
            return talking.result()
        except TimeoutError:
            raise Unavailable("scanner_slow") from None
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


def _judge(what: str) -> None:
    """Raises Refused; Unavailable where clamd could not tell."""
    if what == "OK":
        SCANS.labels("clean").inc()
        return
    if not what.endswith(" FOUND"):
        SCANS.labels("unavailable").inc()
        raise Unavailable("scanner_error", what)
    if what.startswith(_LIMITS):
        SCANS.labels("unscannable").inc()
        raise Refused(
            "unscannable",
            "Ce fichier ne peut pas être analysé par l’antivirus : son contenu est trop volumineux ou trop imbriqué. "
            "Enregistrez-le en PDF, ou en plusieurs fichiers, puis transférez-le de nouveau.",
        )
    SCANS.labels("infected").inc()
    logger().warning("virus_found", signature=what.removesuffix(" FOUND"))
    raise Refused(
        "infected",
        "Un virus a été détecté dans ce fichier : il n’a pas été conservé. Vérifiez votre ordinateur avec un "
        "antivirus, puis demandez un fichier sain à son émetteur.",
    )


async def _chunks(content: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(content.read, CHUNK):
        yield chunk


async def _once(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
