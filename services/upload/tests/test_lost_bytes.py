"""What the store has lost ends an upload with a refusal: it may come again, and nobody waits for it for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from upload.errors import Interrupted, Refused

from tests.suites.intake_site import LARGE, Site, new, opened_site, pdf


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(tmp_path) as site:
        yield site


async def test_a_tail_that_is_lost_ends_the_upload_when_it_goes_on(site: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content, creation="key")
    with pytest.raises(Interrupted):
        await site.send(upload, content[:400], at=0, cut=True)
    site.staging.objects.clear()
    with pytest.raises(Refused) as refused:
        await site.send(upload, content[400:], at=400)
    assert refused.value.code == "parts_lost"
    assert (site.record(upload).state, site.events()) == ("refused", ["rejected"])
    assert site.record(upload).creation is None


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_tail_that_is_lost_before_it_was_assembled_ends_the_upload(site: Site, size: int) -> None:
    content = pdf(size)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content, at=0, cut=True)
    assert site.record(upload).is_pending
    site.staging.objects.clear()
    await site.swept()
    assert (site.record(upload).state, site.record(upload).code) == ("refused", "parts_lost")
    assert site.events() == ["rejected"]


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_document_that_is_lost_before_its_verdict_ends_the_upload(site: Site, size: int) -> None:
    site.scanner.needs_content = site.scanner.down = True
    content = pdf(size)
    upload = await new(site, content)
    with pytest.raises(Unavailable):
        await site.send(upload, content, at=0)
    site.scanner.down = False
    site.staging.objects.clear()
    await site.swept()
    assert (site.record(upload).state, site.record(upload).code) == ("refused", "parts_lost")
    assert site.events() == ["rejected"]
