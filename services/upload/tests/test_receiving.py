"""Bytes in: what is written when, and what every interruption leaves behind."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from upload.errors import ChecksumMismatch, Conflict, Interrupted, LeaseLost, NotFound, TooLarge
from upload.model import PART, announcement, record_of

from tests.suites.intake_site import LARGE, MIB, SCRATCH, Site, new, opened_site, pdf
from tests.suites.uploads import an_upload, owner
from tests.support.eventually import eventually


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(tmp_path) as site:
        yield site


async def test_a_small_file_in_one_request_costs_one_put_and_one_save(site: Site) -> None:
    content = pdf(60_000)
    upload = await new(site, content)
    done = await site.send(upload, content, at=0)
    assert (done.state, done.offset, done.sha256) == ("owed", 60_000, hashlib.sha256(content).hexdigest())
    assert site.staging.calls == ["put"]
    assert len(site.uploads.saved) == 1
    await site.background.__aexit__()
    assert [event.topic.split(".")[2] for event in site.announcer.published] == ["documents", "audit"]
    announced = site.uploads.events[0].data
    assert (announced.sha256, announced.size, announced.content_type) == (done.sha256, 60_000, "application/pdf")
    assert (announced.location.bucket, announced.location.key) == ("staging", upload.id)


async def test_a_record_that_was_lost_is_made_again_of_what_it_announced(site: Site) -> None:
    content = pdf(100)
    done = await site.send(await new(site, content, alert=("pd",)), content, at=0)
    (event,) = site.uploads.events
    again = record_of(event.data)
    assert announcement(again, bucket="staging") == event.data
    assert (again.state, again.offset, again.receipt) == ("owed", 100, done.receipt)


async def test_a_file_of_exactly_one_part_is_one_put(site: Site) -> None:
    content = pdf(PART)
    await site.send(await new(site, content), content, at=0)
    assert site.staging.calls == ["put"]


@pytest.mark.parametrize("name", ["facture.pdf", "releve.csv"])
async def test_a_large_file_is_cut_at_fixed_multiples_and_not_read_again(site: Site, name: str) -> None:
    content = pdf(LARGE) if name == "facture.pdf" else (b"2026-01-31;1200,00\n" * (LARGE // 19 + 1))[:LARGE]
    upload = await new(site, content, name=name)
    done = await site.send(upload, content, at=0)
    assert (done.state, done.sha256) == ("owed", hashlib.sha256(content).hexdigest())
    assert site.staging.calls == ["begin", "put_part", "put_part", "put_part", "complete", "remove"]
    assert site.staging.objects == {upload.id: content}


async def test_a_large_file_that_was_resumed_in_its_first_part_is_not_read_again(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content[:3], at=0, cut=True)
    assert (await site.send(upload, content[3:], at=3)).state == "owed"
    assert site.staging.calls.count("read") == 1  # the three bytes
    assert site.staging.objects == {upload.id: content}


async def test_where_the_scratch_has_little_room_a_large_file_is_read_back_to_be_judged(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    others = SCRATCH // 2 - PART + 1
    site.scratch.reserve(others)
    assert (await site.send(upload, content, at=0)).state == "owed"
    site.scratch.free(others)
    assert site.staging.calls == ["begin", "put_part", "put_part", "put_part", "complete", "read", "remove"]


@pytest.mark.parametrize("cuts", [(1,), (PART - 1,), (PART,), (PART + 1, PART + 2), (3, PART, 2 * PART + 5)])
async def test_a_large_file_cut_anywhere_and_resumed_elsewhere_is_identical(
    site: Site, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    other = Site(tmp_path, site.uploads, site.staging)
    at = 0
    for turn, cut in enumerate(cuts):
        with pytest.raises(Interrupted):
            await (site, other)[turn % 2].send(upload, content[at:cut], at=at, cut=True)
        assert site.record(upload).offset == cut
        assert site.record(upload).lease is None
        at = cut
    done = await other.send(upload, content[at:], at=at)
    await other.background.__aexit__()
    assert done.sha256 == hashlib.sha256(content).hexdigest()
    assert site.staging.objects == {upload.id: content}


async def test_a_small_file_in_many_requests_is_one_put_of_all(site: Site) -> None:
    content = pdf(3 * MIB)
    upload = await new(site, content)
    for at in range(0, len(content), 700_000):
        await site.send(upload, content[at : at + 700_000], at=at)
    await site.background.__aexit__()
    assert site.staging.calls.count("put") == 1
    assert site.staging.objects == {upload.id: content}


async def test_what_came_is_saved_when_nothing_more_comes_for_two_seconds(site: Site) -> None:
    content = pdf(50_000)
    upload = await new(site, content)
    go_on = asyncio.Event()

    async def pausing() -> AsyncIterator[bytes]:
        yield content[:20_000]
        await go_on.wait()
        yield content[20_000:]

    sending = asyncio.create_task(
        site.intake.append(upload.id, by=owner(upload), offset=0, body=pausing(), checksum=None)
    )
    await eventually(lambda: site.record(upload).offset == 20_000, within=6)
    go_on.set()
    assert (await sending).state == "owed"
    await site.background.__aexit__()
    assert site.staging.objects == {upload.id: content}


async def test_the_other_offset_is_a_conflict_and_leaves_the_epoch(site: Site) -> None:
    upload = await new(site, pdf(100))
    with pytest.raises(Conflict):
        await site.send(upload, b"x", at=7)
    assert site.record(upload).epoch == 0
    with pytest.raises(NotFound):
        await site.send(an_upload(), b"x", at=0)


async def test_more_bytes_than_announced_are_not_taken(site: Site) -> None:
    upload = await new(site, pdf(100))
    with pytest.raises(TooLarge):
        await site.send(upload, pdf(101), at=0)
    assert (site.record(upload).offset, site.record(upload).lease) == (0, None)


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_wrong_checksum_keeps_nothing_and_the_right_one_everything(site: Site, size: int) -> None:
    content = pdf(size)
    upload = await new(site, content)
    with pytest.raises(ChecksumMismatch):
        await site.send(upload, content, at=0, wanted=b"other")
    with pytest.raises(Interrupted):
        await site.send(upload, content[: size // 2], at=0, wanted=content, cut=True)
    assert site.record(upload).offset == 0
    assert (await site.send(upload, content, at=0, wanted=content)).state == "owed"
    assert site.staging.objects[upload.id] == content


async def test_the_last_request_repeated_is_answered_as_before(site: Site) -> None:
    content = pdf(100)
    upload = await new(site, content)
    first = await site.send(upload, content, at=0)
    again = await site.send(upload, b"", at=100)
    assert (again.state, again.receipt) == (first.state, first.receipt)
    assert site.events() == ["deposited"]


async def test_a_newer_request_takes_over_and_the_older_stops_within_two_seconds(site: Site, tmp_path: Path) -> None:
    content = pdf(50_000)
    upload = await new(site, content)

    async def endless() -> AsyncIterator[bytes]:
        yield content[:100]
        await asyncio.Event().wait()

    older = asyncio.create_task(
        site.intake.append(upload.id, by=owner(upload), offset=0, body=endless(), checksum=None)
    )
    await eventually(lambda: site.record(upload).lease)
    other = Site(tmp_path, site.uploads, site.staging)
    async with asyncio.timeout(2.5):
        assert (await other.send(upload, content, at=0)).state == "owed"
    with pytest.raises(LeaseLost):
        await older
    assert site.staging.objects == {upload.id: content}


async def test_a_replica_that_is_told_to_stop_saves_what_came_of_a_large_file(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    stop = asyncio.Event()
    telling = asyncio.create_task(site.background.run(stop))

    async def endless() -> AsyncIterator[bytes]:
        yield content[: PART + 300_000]
        stop.set()
        await asyncio.Event().wait()

    with pytest.raises(Unavailable) as draining:
        await site.intake.append(upload.id, by=owner(upload), offset=0, body=endless(), checksum=None)
    await telling
    assert draining.value.code == "draining"
    assert (site.record(upload).offset, site.record(upload).lease) == (PART + 300_000, None)
    small = await new(site, pdf(1000))
    assert (await site.send(small, pdf(1000), at=0)).state == "owed"


async def test_a_tail_that_was_written_and_never_noted_is_removed_with_the_next_writers_end(site: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    site.uploads.fail_next_save = True
    with pytest.raises(Unavailable):
        await site.send(upload, content[:400], at=0, cut=True)
    assert site.record(upload).offset == 0
    assert len(site.staging.objects) == 1
    await site.send(upload, content, at=0)
    await site.background.__aexit__()
    assert site.staging.objects == {upload.id: content}
