"""A whole file becomes a document or is refused, whoever looks at it and however often."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from contracts.audit import DepositEntry
from upload.errors import Gone, Interrupted, LeaseLost, Locked, Refused
from upload.lease import Hold
from upload.model import PART, Upload

from tests.suites.intake_site import LARGE, Site, new, opened_site, pdf
from tests.suites.uploads import owner
from tests.support.eventually import eventually


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(tmp_path) as site:
        yield site


async def kept_for_later(site: Site, size: int) -> Upload:
    """A file that came while the scanner was down."""
    site.scanner.down = True
    content = pdf(size)
    upload = await new(site, content)
    with pytest.raises(Unavailable):
        await site.send(upload, content, at=0)
    site.scanner.down = False
    site.make_due(upload)
    return upload


async def test_a_published_file_is_announced_as_published(site: Site) -> None:
    content = pdf(100)
    await site.send(await new(site, content, space="published", folder="Bilan"), content, at=0)
    assert site.events() == ["published"]
    assert [entry.name for entry in site.uploads.entries] == ["audit_published"]


async def test_the_journal_is_owed_who_deposited_what_in_the_same_write_and_settles_by_itself(site: Site) -> None:
    content = pdf(100)
    upload = await new(site, content)
    done = await site.send(upload, content, at=0)
    assert len(site.uploads.saved) == 1
    (entry,), (event,) = site.uploads.entries, site.uploads.events
    assert done.receipt is not None
    assert entry.data == DepositEntry(
        document=upload.id,
        office=upload.office,
        client=upload.client.id,
        actor=upload.depositor.sub,
        at=done.receipt.received_at,
        evidence=hashlib.sha256(done.receipt.signature.encode()).hexdigest(),
        event=event.id,
    )
    for personal in (upload.name, upload.depositor.name, upload.client.name):
        assert personal not in entry.encode().decode()
    # What became of the document says nothing of the journal.
    await site.uploads.settle(upload.id)
    assert [each.topic for each in site.uploads.owed[upload.id]] == [entry.topic]


async def test_a_refused_file_is_removed_and_rejected_is_owed(site: Site) -> None:
    upload = await new(site, b"MZ" + bytes(98))
    with pytest.raises(Refused) as refused:
        await site.send(upload, b"MZ" + bytes(98), at=0)
    assert refused.value.code == "type_mismatch"
    await site.background.__aexit__()
    assert site.staging.objects == {}
    assert [(event.name, event.data.code) for event in site.uploads.events] == [("rejected", "type_mismatch")]
    assert site.record(upload).due is None
    with pytest.raises(Refused):
        await site.send(upload, b"x", at=0)


async def test_a_file_that_is_not_the_announced_one_is_refused(site: Site) -> None:
    upload = await new(site, pdf(100), expected_sha256="0" * 64)
    with pytest.raises(Refused) as refused:
        await site.send(upload, pdf(100), at=0)
    assert refused.value.code == "sha256_mismatch"


@pytest.mark.parametrize(("content", "expected", "kept"), [(pdf(100), "0" * 64, None), (bytes(100), None, "key")])
async def test_a_file_that_came_wrong_may_come_again_and_one_that_is_wrong_may_not(
    site: Site, content: bytes, expected: str | None, kept: str | None
) -> None:
    upload = await new(site, content, expected_sha256=expected, creation="key")
    with pytest.raises(Refused):
        await site.send(upload, content, at=0)
    assert site.record(upload).creation == kept


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_while_the_scanner_is_down_the_bytes_are_kept_and_the_sweeper_finishes_later(
    site: Site, size: int
) -> None:
    content = pdf(size)
    site.scanner.needs_content = site.scanner.down = True
    upload = await new(site, content)
    with pytest.raises(Unavailable):
        await site.send(upload, content, at=0)
    assert site.record(upload).is_pending
    assert site.events() == []
    with pytest.raises(Locked):
        await site.send(upload, b"", at=size)
    await site.swept()
    assert site.record(upload).is_pending
    site.scanner.down = False
    await site.swept()
    assert (site.record(upload).state, site.events()) == ("owed", ["deposited"])
    assert site.record(upload).sha256 == hashlib.sha256(content).hexdigest()
    assert site.scanner.scanned == 1


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_while_the_scanner_is_slow_the_verdict_is_pending_and_the_request_gives_up_in_time(
    site: Site, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upload.finishing.NOTED_AFTER_SECONDS", 0.01)
    monkeypatch.setattr("upload.intake.VERDICT_SECONDS", 0.5)
    content = pdf(size)
    site.scanner.needs_content, site.scanner.answers = True, asyncio.Event()
    upload = await new(site, content)
    with pytest.raises(Unavailable) as late:
        await site.send(upload, content, at=0)
    assert late.value.code == "verdict_late"
    assert site.record(upload).is_pending
    site.scanner.answers.set()
    await eventually(lambda: site.record(upload).state == "owed")
    assert (site.events(), site.scanner.scanned) == (["deposited"], 1)


async def test_what_the_scanner_finds_is_refused(site: Site) -> None:
    site.scanner.needs_content, site.scanner.finds = True, b"EICAR"
    content = b"%PDF-1.7 EICAR"
    with pytest.raises(Refused) as refused:
        await site.send(await new(site, content), content, at=0)
    assert refused.value.code == "infected"


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_what_the_inspection_refuses_is_rejected_unscanned_and_removed(site: Site, size: int) -> None:
    content = pdf(size - 6) + b"broken"
    site.inspection.refuses, site.scanner.needs_content = b"broken", True
    upload = await new(site, content)
    with pytest.raises(Refused) as refused:
        await site.send(upload, content, at=0)
    assert (refused.value.code, site.record(upload).state, site.events()) == ("broken", "refused", ["rejected"])
    await eventually(lambda: upload.id not in site.staging.objects)
    assert site.scanner.scanned == 0


@pytest.mark.parametrize(
    ("name", "looks"), [("a.pdf", ["pdf"]), ("a.PNG", ["picture"]), ("a.xml", ["xml"]), ("a.csv", [])]
)
@pytest.mark.parametrize("size", [1000, LARGE])
async def test_each_kind_gets_the_look_it_needs_however_it_came(
    site: Site, name: str, looks: list[str], size: int
) -> None:
    head = {"a.pdf": b"%PDF-1.7\n", "a.PNG": b"\x89PNG\r\n\x1a\n", "a.xml": b"<a>", "a.csv": b""}[name]
    content = head + b"1" * (size - len(head))
    assert (await site.send(await new(site, content, name=name), content, at=0)).state == "owed"
    assert site.inspection.looked == looks


@pytest.mark.parametrize("size", [1000, LARGE])
@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_a_replica_that_dies_between_two_steps_is_followed_by_another(
    site: Site, tmp_path: Path, steps: int, size: int
) -> None:
    content = pdf(size)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content, at=0, cut=True)
    dying = site.record(upload)
    for step in (site.finisher.assemble, site.finisher.check)[:steps]:
        dying = await step(dying)
    assert site.record(upload).is_pending
    other = Site(tmp_path, site.uploads, site.staging)
    await other.swept()
    assert (site.record(upload).state, site.events()) == ("owed", ["deposited"])
    assert site.record(upload).sha256 == hashlib.sha256(content).hexdigest()
    assert site.staging.objects == {upload.id: content}


async def test_completing_twice_is_completing_once(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content, at=0, cut=True)
    before = site.record(upload)
    await site.finisher.assemble(before)
    site.uploads.records[upload.id] = before  # it died before it could note it
    await site.swept()
    assert site.record(upload).state == "owed"


async def test_parts_that_are_lost_end_in_a_refusal(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content[: 2 * PART], at=0, cut=True)
    site.staging.multiparts.clear()
    with pytest.raises(Refused) as refused:
        await site.send(upload, content[2 * PART :], at=2 * PART)
    assert refused.value.code == "parts_lost"
    assert (site.record(upload).state, site.events()) == ("refused", ["rejected"])


async def test_a_finisher_that_lost_the_lease_owes_nothing(site: Site) -> None:
    content = pdf(1000)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content, at=0, cut=True)
    stale = site.record(upload)
    await site.uploads.claim_any(upload.id, by=owner(upload))
    with pytest.raises(LeaseLost):
        async with Hold(site.uploads, stale) as hold:
            await site.finisher.finish(stale, hold)
    assert site.events() == []


async def test_an_expired_upload_is_abandoned_and_its_bytes_are_removed(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    with pytest.raises(Interrupted):
        await site.send(upload, content[: PART + 9], at=0, cut=True)
    await site.swept()
    assert [(event.name, event.data.cause) for event in site.uploads.events] == [("abandoned", "expired")]
    assert (site.staging.objects, site.staging.multiparts) == ({}, {})
    with pytest.raises(Gone):
        await site.send(upload, content, at=PART + 9)


async def test_a_multipart_upload_that_was_begun_unheard_is_removed_at_the_end(site: Site) -> None:
    content = pdf(LARGE)
    upload = await new(site, content)
    await site.staging.begin(upload.id)
    assert (await site.send(upload, content, at=0)).state == "owed"
    await site.background.__aexit__()
    assert (site.staging.multiparts, site.record(upload).leftovers) == ({}, False)


async def test_bytes_that_lie_around_after_an_end_are_removed_by_the_sweeper(site: Site) -> None:
    upload = await new(site, pdf(100), state="abandoned", leftovers=True)
    site.staging.objects[f"tails/{upload.id}/5-1"] = b"x"
    await site.swept()
    assert site.staging.objects == {}
    assert site.record(upload).due is None


async def test_what_takes_the_scanner_long_does_not_hold_the_sweepers_other_work(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upload.sweeper.PERIOD", 0.05)
    slow = await kept_for_later(site, 1000)
    site.scanner.answers = answer = asyncio.Event()
    try:
        async with asyncio.timeout(10):
            assert await site.sweeper.sweep() == 1
        assert site.record(slow).is_pending
        # The next round takes up the next; the one under way is neither waited for nor begun twice.
        site.scanner.answers = None
        other = await kept_for_later(site, 1001)
        site.make_due(slow)
        assert await site.sweeper.sweep() == 1
        await eventually(lambda: site.record(other).state == "owed")
        assert site.record(slow).is_pending
    finally:
        answer.set()
    await eventually(lambda: site.record(slow).state == "owed")
    assert site.scanner.scanned == 2


async def test_no_more_are_taken_up_at_a_time_than_there_are_places(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upload.sweeper.PERIOD", 0.05)
    pending = [await kept_for_later(site, size) for size in range(1000, 1006)]
    site.make_due(*pending)
    site.scanner.answers = answer = asyncio.Event()
    try:
        async with asyncio.timeout(10):
            assert [await site.sweeper.sweep() for _ in range(3)] == [4, 0, 0]
    finally:
        answer.set()
    await eventually(lambda: [site.record(each).state for each in pending].count("owed") == 4)
    left = 2

    async def none_left() -> bool:
        # A place is free some moments after its upload has come to its end.
        nonlocal left
        left -= await site.sweeper.sweep()
        return left <= 0

    await eventually(none_left)
    assert left == 0


async def test_beside_one_that_takes_long_all_others_are_taken_up_without_a_pause(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upload.sweeper.PERIOD", 0.05)
    slow = await kept_for_later(site, 1000)
    site.scanner.answers = answer = asyncio.Event()
    try:
        assert await site.sweeper.sweep() == 1
        site.scanner.answers = None
        others = [await kept_for_later(site, size) for size in range(1001, 1013)]
        site.make_due(*others)

        async def leave(stop: asyncio.Event, _seconds: float) -> None:
            stop.set()

        monkeypatch.setattr("upload.sweeper.PERIOD", 5)
        monkeypatch.setattr("upload.sweeper.pause", leave)
        await site.sweeper.run(asyncio.Event())
        await eventually(lambda: all(site.record(each).state == "owed" for each in others))
        assert site.record(slow).is_pending
    finally:
        answer.set()
