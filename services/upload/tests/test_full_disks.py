"""A full scratch or disk stops one upload at a time, and loses nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from upload.errors import Interrupted
from upload.model import PART

from tests.suites.intake_site import LARGE, MIB, Site, new, opened_site, pdf
from tests.support.full_disk import no_file_over


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(tmp_path) as site:
        yield site


async def test_a_full_scratch_stops_one_upload_and_keeps_its_offset(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    site.scratch.reserve(507 * MIB)
    with pytest.raises(Unavailable) as full:
        await site.send(upload, content, at=0)
    assert full.value.code == "scratch_full"
    site.scratch.free(507 * MIB)
    assert (await site.send(upload, content, at=0)).state == "owed"


async def test_a_full_disk_under_the_scratch_does_the_same(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with no_file_over(2 * MIB), pytest.raises(Unavailable) as full:
        await site.send(upload, content, at=0)
    assert full.value.code == "scratch_full"
    assert (site.record(upload).offset, site.scratch.used) == (0, 0)
    assert (await site.send(upload, content, at=0)).state == "owed"


async def test_a_disk_that_is_full_when_a_file_is_judged_leaves_the_verdict_to_the_sweeper(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content[: PART + 10], at=0, cut=True)
    # A replica that has not seen the beginning reads the file back to judge it.
    other = Site(site.folder, uploads=site.uploads, staging=site.staging)
    with no_file_over(PART + MIB), pytest.raises(Unavailable) as full:
        await other.send(upload, content[PART + 10 :], at=PART + 10)
    assert full.value.code == "scratch_full"
    assert site.record(upload).is_pending
    await site.swept()
    assert site.record(upload).state == "owed"
