"""A writer whose store was slow comes to its end after another has ended the upload: nothing of it lies around."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from upload import handlers
from upload.errors import Interrupted, LeaseLost
from upload.model import Upload

from tests.suites.fake_uploads import FakeStaging
from tests.suites.intake_site import LARGE, Site, new, opened_site, pdf
from tests.suites.uploads import owner
from tests.support.eventually import eventually


@dataclass
class SlowStaging(FakeStaging):
    """The same bucket over a line on which every write waits until it is `let_through`."""

    let_through: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def _wait(self) -> None:
        self.waiting += 1
        await self.let_through.wait()

    async def put(self, document: str, content: BinaryIO) -> None:
        await self._wait()
        await super().put(document, content)

    async def begin(self, document: str) -> str:
        await self._wait()
        return await super().begin(document)

    async def put_tail(self, key: str, content: BinaryIO) -> None:
        await self._wait()
        await super().put_tail(key, content)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(tmp_path) as site:
        yield site


@pytest.fixture
async def slow(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    """Another replica on the same records and bucket."""
    line = SlowStaging(objects=site.staging.objects, multiparts=site.staging.multiparts)
    yield (other := Site(tmp_path, site.uploads, line))
    line.let_through.set()
    await other.background.__aexit__()


async def is_stuck(slow: Site, upload: Upload, content: bytes, *, cut: bool = False) -> "asyncio.Task[Upload]":
    """The slow replica's request, waiting in the middle of its write, its lease run out."""
    line = slow.staging
    assert isinstance(line, SlowStaging)
    sending = asyncio.create_task(slow.send(upload, content, at=0, cut=cut))
    await eventually(lambda: line.waiting == 1)
    slow.uploads.records[upload.id] = slow.record(upload).model_copy(update={"lease": None})
    return sending


async def is_through(slow: Site, sending: "asyncio.Task[Upload]") -> None:
    """The write arrives, and the request is told that it lost the upload."""
    line = slow.staging
    assert isinstance(line, SlowStaging)
    line.let_through.set()
    with pytest.raises(LeaseLost):
        await sending


async def has_moved(site: Site, upload: Upload) -> None:
    """The mover has the document in the GED, has cleared staging, and told so."""
    del site.staging.objects[upload.id]
    await site.uploads.settle(upload.id, moved=True)


async def test_a_document_written_again_after_it_moved_is_removed(site: Site, slow: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content)
    assert (await site.send(upload, content, at=0)).state == "owed"
    await has_moved(site, upload)
    await site.swept()
    await is_through(slow, sending)
    assert upload.id in site.staging.objects
    await site.swept()
    assert site.staging.objects == {}
    assert (site.record(upload).state, site.record(upload).due) == ("settled", None)


async def test_a_document_written_again_before_its_move_was_heard_of_is_removed_then(site: Site, slow: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content)
    await site.send(upload, content, at=0)
    await is_through(slow, sending)
    # Nothing says yet that it is not the one copy.
    await site.swept()
    assert site.staging.objects == {upload.id: content}
    await site.uploads.settle(upload.id, moved=True)
    await site.swept()
    assert site.staging.objects == {}
    assert (site.record(upload).state, site.record(upload).due) == ("settled", None)


async def test_a_document_whose_move_was_given_up_stays(site: Site, slow: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content)
    await site.send(upload, content, at=0)
    await is_through(slow, sending)
    await site.uploads.settle(upload.id)
    await site.swept()
    assert site.staging.objects == {upload.id: content}
    await site.uploads.settle(upload.id, moved=True)
    await site.swept()
    assert site.staging.objects == {}


@pytest.mark.parametrize(("size", "cut"), [(1000, False), (1000, True), (LARGE, False), (LARGE, True)])
async def test_what_is_written_after_a_cancelled_upload_was_cleaned_is_removed(
    site: Site, slow: Site, size: int, cut: bool
) -> None:
    content = pdf(size)
    upload = await new(site, content)
    # With 400 bytes a tail, with all of them the document or the beginning of its parts.
    sending = await is_stuck(slow, upload, content[:400] if cut else content, cut=cut)
    await handlers.cancel(upload.id, by=owner(upload), finisher=site.finisher)
    await site.swept()
    assert site.record(upload).due is None
    await is_through(slow, sending)
    assert site.staging.objects or site.staging.multiparts
    await site.swept()
    assert (site.staging.objects, site.staging.multiparts) == ({}, {})
    assert (site.record(upload).state, site.record(upload).due) == ("abandoned", None)


async def test_a_tail_written_after_the_winner_had_ended_is_removed_and_the_document_stays(
    site: Site, slow: Site
) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content[:400], cut=True)
    await site.send(upload, content, at=0)
    await site.swept()
    await is_through(slow, sending)
    assert len(site.staging.objects) == 2
    await site.swept()
    assert site.staging.objects == {upload.id: content}


async def test_a_writer_that_is_overtaken_leaves_an_upload_alone_that_goes_on(site: Site, slow: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content[:400], cut=True)
    with pytest.raises(Interrupted):
        await site.send(upload, content[:500], at=0, cut=True)
    going_on = site.record(upload)
    await is_through(slow, sending)
    assert site.record(upload) == going_on
    await site.send(upload, content[500:], at=500)
    await site.background.__aexit__()
    assert site.staging.objects == {upload.id: content}


async def test_a_removal_under_way_does_not_hide_what_came_after_its_look(site: Site, slow: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    sending = await is_stuck(slow, upload, content[:400], cut=True)
    ended = await site.send(upload, content, at=0)
    await site.background.__aexit__()
    await is_through(slow, sending)
    # What had looked before the tail was there comes to its end now.
    await site.uploads.mark_clean(ended.id, epoch=ended.epoch)
    await site.swept()
    assert site.staging.objects == {upload.id: content}
