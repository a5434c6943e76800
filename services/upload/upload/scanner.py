"""Which virus scanner there is, and none at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import BinaryIO

from chassis.errors import Unavailable
from chassis.logs import logger

from upload.clamd import Clamd, ScannerUnfit
from upload.metrics import SCANNER_PRESENT
from upload.ports import Scanner
from upload.settings import ClamdAddress

# An idle clamd needs one or two to show that it looks into the largest file.
START_SECONDS = 10.0


@asynccontextmanager
async def scanner_at(address: ClamdAddress | None, *, largest: int) -> AsyncIterator[Scanner]:
    """The scanner that is configured; `largest` is the size of the largest file taken, in bytes.

    One that is down, or busy, is no hindrance: files wait until it has proven itself. Raises ScannerUnfit for one whose
    limits are below that size.
    """
    if address is None:
        yield NoScanner()
        return
    with closing(Clamd(address, largest=largest)) as scanner:
        try:
            async with asyncio.timeout(START_SECONDS):
                await scanner.prove()
        except ScannerUnfit:
            raise
        except Unavailable as down:
            logger().warning("scanner_down", code=down.code)
        except TimeoutError:
            logger().warning("scanner_down", code="scanner_slow")
        yield scanner


class NoScanner:
    """Takes files unscanned, and says so: in the log at the start, in `/readyz`, in a metric."""

    needs_content = False

    def __init__(self) -> None:
        SCANNER_PRESENT.set(0)
        logger().warning("scanner_absent")

    async def scan(self, content: BinaryIO) -> None:
        """Looks at nothing."""

    async def ask(self) -> None:
        """A readiness check that the service can do without. Always raises Unavailable."""
        raise Unavailable("scanner_absent")
