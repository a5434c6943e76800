"""One replica of intake on fakes, for the tests of how it receives and finishes."""

import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from upload.background import Background
from upload.errors import Interrupted
from upload.evidence import EvidenceMemory
from upload.finishing import Finisher
from upload.intake import Intake
from upload.model import PART, Upload
from upload.scratch import Scratch
from upload.sweeper import Sweeper
from upload.tus import RequestChecksum

from tests.suites.fake_uploads import (
    FakeAnnouncer,
    FakeInspection,
    FakeScanner,
    FakeSigner,
    FakeStaging,
    FakeUploads,
)
from tests.suites.uploads import an_upload, owner

MIB = 1024 * 1024
LARGE = 2 * PART + 12_345
SCRATCH = 512 * MIB


@lru_cache(maxsize=4)  # dozens of tests send the same large one
def pdf(size: int) -> bytes:
    return b"%PDF-1.7\n" + random.Random(size).randbytes(size - 9)  # noqa: S311 (test data)


@dataclass
class Site:
    """One replica on fakes; two may share records and store."""

    folder: Path
    uploads: FakeUploads = field(default_factory=FakeUploads)
    staging: FakeStaging = field(default_factory=FakeStaging)
    inspection: FakeInspection = field(default_factory=FakeInspection)
    scanner: FakeScanner = field(default_factory=FakeScanner)
    announcer: FakeAnnouncer = field(default_factory=FakeAnnouncer)

    def __post_init__(self) -> None:
        self.background = Background()
        self.scratch = Scratch(self.folder, quota=SCRATCH)
        self.finisher = Finisher(
            self.uploads,
            self.staging,
            self.inspection,
            self.scanner,
            FakeSigner(),
            self.announcer,
            self.scratch,
            self.background,
        )
        self.intake = Intake(self.uploads, self.staging, self.finisher, EvidenceMemory(), self.scratch, self.background)
        self.sweeper = Sweeper(self.uploads, self.finisher, self.background)

    async def send(
        self, upload: Upload, content: bytes, *, at: int, cut: bool = False, wanted: bytes | None = None
    ) -> Upload:
        checksum = None if wanted is None else RequestChecksum("sha256", hashlib.sha256(wanted).digest())
        return await self.intake.append(
            upload.id, by=owner(upload), offset=at, body=body(content, cut=cut), checksum=checksum
        )

    def record(self, upload: Upload) -> Upload:
        return self.uploads.records[upload.id]

    def events(self) -> list[str]:
        return [event.name for event in self.uploads.events]

    def make_due(self, *uploads: Upload) -> None:
        due = {"due": datetime(2020, 1, 1, tzinfo=UTC)}
        self.uploads.records |= {each.id: self.record(each).model_copy(update=due) for each in uploads}

    async def swept(self) -> None:
        self.make_due(*(record for record in self.uploads.records.values() if record.due is not None))
        await self.sweeper.sweep()
        await self.background.__aexit__()


async def body(content: bytes, *, cut: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]
    if cut:
        raise Interrupted


@asynccontextmanager
async def opened_site(folder: Path) -> AsyncIterator[Site]:
    """A replica; at the end nothing of it lies around."""
    site = Site(folder)
    yield site
    await site.background.__aexit__()
    assert site.scratch.used == 0
    assert list(folder.iterdir()) == []  # noqa: ASYNC240 (nothing else runs by now)


async def new(site: Site, content: bytes, **changes: Any) -> Upload:
    return await site.uploads.add(an_upload(length=len(content), **changes))
