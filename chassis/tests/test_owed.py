"""Owed events on a store in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.errors import Unavailable
from chassis.metrics import OWED_OLDEST
from chassis.owed import Due, OwedEvent, OwedPublisher, OwedStores, from_document, to_document

from tests.suites.fake_bus import FakeBus
from tests.suites.owed import OwedBehaviour, event


class _FakeStore:
    def __init__(self) -> None:
        self.records: dict[str, list[OwedEvent]] = {}
        self.marks = 0

    async def due(self, which: Due, *, limit: int) -> Sequence[OwedEvent]:
        return sorted(filter(which.covers, self._all()), key=lambda each: each.owed_since)[:limit]

    async def mark_published(self, events: Sequence[OwedEvent], at: datetime) -> None:
        self.marks += 1
        await asyncio.sleep(0)
        ids = {event.id for event in events}
        for record, owed in self.records.items():
            self.records[record] = [each.published(at) if each.id in ids else each for each in owed]

    async def set_aside(self, event: OwedEvent, at: datetime) -> None:
        for record, owed in self.records.items():
            self.records[record] = [replace(each, refused_at=at) if each.id == event.id else each for each in owed]

    async def settle(self, event: OwedEvent) -> None:
        self.records[event.record] = [each for each in self.records.get(event.record, []) if each.id != event.id]

    async def backlog(self) -> tuple[int, int, datetime | None]:
        unpublished = [each.owed_since for each in self._all() if each.published_at is None]
        return len(unpublished), len(self._all()) - len(unpublished), min(unpublished, default=None)

    async def oldest_unfollowed(self) -> datetime | None:
        return min((each.owed_since for each in self._all() if each.awaits_successor), default=None)

    def _all(self) -> list[OwedEvent]:
        return [each for owed in self.records.values() for each in owed]


class _FakeLedger:
    def __init__(self) -> None:
        self.store = _FakeStore()

    async def write(self, record: str, events: Sequence[OwedEvent]) -> None:
        self.store.records[record] = list(events)

    async def owed(self, record: str) -> Sequence[OwedEvent]:
        return self.store.records[record]


class _LedgerOfTwo:
    """Writes into the second of two stores; the first one holds nothing."""

    def __init__(self) -> None:
        self._second = _FakeStore()
        self.store = OwedStores(_FakeStore(), self._second)

    async def write(self, record: str, events: Sequence[OwedEvent]) -> None:
        self._second.records[record] = list(events)

    async def owed(self, record: str) -> Sequence[OwedEvent]:
        return self._second.records[record]


class TestOwedInSeveralStores(OwedBehaviour):
    @pytest.fixture
    def ledger(self) -> _LedgerOfTwo:
        return _LedgerOfTwo()


async def test_commands_that_end_together_are_marked_together() -> None:
    ledger, bus = _FakeLedger(), FakeBus()
    publisher, events = OwedPublisher(bus, ledger.store), [event() for _ in range(30)]
    for each in events:
        await ledger.write(each.record, [each])
    await asyncio.gather(*(publisher.publish_now([each]) for each in events))
    assert all(each.published_at for owed in ledger.store.records.values() for each in owed)
    assert ledger.store.marks < 10


@pytest.mark.parametrize("away", ["unreachable", "silent"])
async def test_of_two_events_the_one_that_got_through_is_marked_though_the_other_did_not(
    monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setattr("chassis.owed.AT_ONCE", 0.2)
    ledger, bus = _FakeLedger(), FakeBus()
    first, second = event(), event()
    published = bus.publish

    async def publish(topic: str, payload: bytes, *, message_id: str | None = None, **more: Any) -> int:
        if message_id == second.id and away == "silent":
            await asyncio.Event().wait()
        bus.reachable = message_id != second.id
        return await published(topic, payload, message_id=message_id, **more)

    monkeypatch.setattr(bus, "publish", publish)
    for each in (first, second):
        await ledger.write(each.record, [each])
    await OwedPublisher(bus, ledger.store).publish_now([first, second])
    owed = {each.id: each for each in (*await ledger.owed(first.record), *await ledger.owed(second.record))}
    assert owed[first.id].published_at
    assert owed[second.id].published_at is None


async def test_the_age_of_what_is_owed_is_told_above_all_while_nothing_gets_out() -> None:
    ledger, bus = _FakeLedger(), FakeBus()
    OWED_OLDEST.set(0)
    waiting = event(since=timedelta(seconds=-90))
    await ledger.write(waiting.record, [waiting])
    bus.reachable = False
    with pytest.raises(Unavailable):
        await OwedPublisher(bus, ledger.store).sweep()
    assert 90 <= OWED_OLDEST._value.get() < 100


async def test_the_backlog_of_several_stores_is_that_of_all() -> None:
    one, other = _FakeStore(), _FakeStore()
    older, younger = event(since=timedelta(seconds=-90)), event(since=timedelta(seconds=-30))
    one.records["r"], other.records["s"] = [younger], [older, replace(event(), published_at=older.owed_since)]
    assert await OwedStores(one, other).backlog() == (2, 1, older.owed_since)
    assert await OwedStores(one, other).oldest_unfollowed() == older.owed_since


class TestOwedOnFakeStore(OwedBehaviour):
    @pytest.fixture
    def ledger(self) -> _FakeLedger:
        return _FakeLedger()


def test_an_owed_event_reads_back_from_its_record_as_it_was_written() -> None:
    owed = replace(event(), published_at=datetime.now(UTC), repeated=2)
    assert from_document(owed.record, to_document(owed)) == owed
