"""What owed events promise, on whichever store they stand in."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
import structlog
from chassis.bus import Message
from chassis.errors import Unavailable
from chassis.metrics import OWED, OWED_OLDEST
from chassis.owed import Due, OwedEvent, OwedPublisher, OwedStore, owe

from tests.suites.fake_bus import FakeBus
from tests.support.eventually import eventually


def now() -> datetime:
    """To the millisecond, as the stores keep it."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class Ledger(Protocol):
    """The store under test, and a hand to write records with."""

    @property
    def store(self) -> OwedStore: ...

    async def write(self, record: str, events: Sequence[OwedEvent]) -> None:
        """A record and what it owes, in one write."""

    async def owed(self, record: str) -> Sequence[OwedEvent]:
        """What the record owes now."""


def event(*, since: timedelta = timedelta(minutes=-1), awaits: bool = True, record: str = "") -> OwedEvent:
    token = uuid.uuid4().hex
    message = Message(f"connect.v1.documents.deposited.{token}", b'{"x":1}', id=token, headers={"Content-Type": "c"})
    return owe(record or token, message, now=now() + since, awaits_successor=awaits)


def published_before(at: datetime) -> Due:
    """Never, or before that time."""
    return Due(confirmed=at, repeated=(at,), refused=at)


class OwedBehaviour:
    """Subclassed with a fixture `ledger`."""

    @pytest.fixture
    def bus(self) -> FakeBus:
        return FakeBus()

    @pytest.fixture
    def publisher(self, bus: FakeBus, ledger: Ledger) -> OwedPublisher:
        return OwedPublisher(bus, ledger.store)

    async def test_what_is_owed_is_published_at_once_with_its_id_and_headers(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        owed = event(since=timedelta())
        await ledger.write(owed.record, [owed])
        await publisher.publish_now([owed])
        (stored,) = bus.stored(owed.topic)
        assert (stored.payload, stored.headers) == (owed.payload, {"Nats-Msg-Id": owed.id, "Content-Type": "c"})
        assert (await ledger.owed(owed.record))[0].published_at is not None

    async def test_a_broker_that_hangs_holds_a_command_up_for_a_second_at_most(
        self, bus: FakeBus, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owed = event(since=timedelta())
        await ledger.write(owed.record, [owed])
        monkeypatch.setattr(bus, "publish", _hang)
        started = time.monotonic()
        await OwedPublisher(bus, ledger.store).publish_now([owed])
        assert 0.9 <= time.monotonic() - started < 10
        assert (await ledger.owed(owed.record))[0].published_at is None

    async def test_what_did_not_get_through_is_swept_when_the_broker_is_back(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        events = [event() for _ in range(40)]
        for each in events:
            await ledger.write(each.record, [each])
        bus.reachable = False
        await publisher.publish_now(events[:1])
        with pytest.raises(Unavailable):
            await publisher.sweep()
        bus.reachable = True
        assert await publisher.sweep() == 40
        assert await publisher.sweep() == 0
        assert all(len(bus.stored(each.topic)) == 1 for each in events)

    @pytest.mark.parametrize("published", [None, timedelta(hours=-1)])
    async def test_what_the_broker_refuses_stays_owed_and_holds_up_nothing(
        self, bus: FakeBus, ledger: Ledger, published: timedelta | None
    ) -> None:
        publisher, events = OwedPublisher(bus, ledger.store, republish_after=600), [event() for _ in range(3)]
        published_at = now() + published if published else None
        large = replace(events[0], owed_since=now() - timedelta(hours=2), published_at=published_at)
        for each in (large, *events[1:]):
            await ledger.write(each.record, [each])
        bus.refused.add(large.topic)
        with structlog.testing.capture_logs() as logs:
            assert await publisher.sweep() == 3
            assert await publisher.sweep() == 0, "it is not tried at every sweep"
        assert [each["id"] for each in logs if each["event"] == "owed_event_refused"] == [large.id]
        assert all(len(bus.stored(each.topic)) == 1 for each in events[1:])
        (kept,) = await ledger.owed(large.record)
        assert kept.refused_at
        assert (kept.payload, kept.published_at) == (large.payload, large.published_at)

        # Once the broker takes it, it goes at the next try.
        await ledger.store.set_aside(large, now() - timedelta(minutes=11))
        bus.refused.clear()
        assert await publisher.sweep() == 1
        assert [each.headers["Nats-Msg-Id"] for each in bus.stored(large.topic)] == [large.id]
        (kept,) = await ledger.owed(large.record)
        assert kept.refused_at is None

    async def test_a_command_whose_event_the_broker_refuses_goes_on(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        large, small = event(since=timedelta()), event(since=timedelta())
        for each in (large, small):
            await ledger.write(each.record, [each])
        bus.refused.add(large.topic)
        await publisher.publish_now([large, small])
        assert len(bus.stored(small.topic)) == 1
        assert (await ledger.owed(large.record))[0].published_at is None
        assert (await ledger.owed(small.record))[0].published_at is not None

    async def test_what_was_refused_counts_as_not_published(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        large = event(since=timedelta(minutes=-5))
        await ledger.write(large.record, [large])
        bus.refused.add(large.topic)
        await publisher.sweep()
        await publisher.sweep()
        assert (await ledger.store.backlog())[0] == 1
        assert OWED_OLDEST._value.get() >= 300

    async def test_the_sweeper_leaves_an_event_to_the_command_that_has_just_written_it(
        self, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        owed = replace(event(), owed_since=datetime.now(UTC))
        await ledger.write(owed.record, [owed])
        assert await publisher.sweep() == 0

    async def test_an_event_without_its_successor_is_published_again_after_ten_minutes_under_the_same_id(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        recent = replace(event(), published_at=datetime.now(UTC) - timedelta(minutes=9))
        late = replace(event(since=timedelta(hours=-1)), published_at=now() - timedelta(minutes=11))
        for each in (recent, late):
            await ledger.write(each.record, [each])
        assert await publisher.sweep() == 1
        assert [each.headers["Nats-Msg-Id"] for each in bus.stored(late.topic)] == [late.id]
        (still,) = await ledger.owed(late.record)
        assert still.published_at is not None
        assert still.published_at > now() - timedelta(minutes=1)
        assert not bus.stored(recent.topic)

    @pytest.mark.parametrize(("repeated", "after"), [(0, 10), (1, 60), (2, 60), (6, 60), (7, 24 * 60), (40, 24 * 60)])
    async def test_the_longer_the_successor_stays_away_the_longer_each_further_time_takes(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher, repeated: int, after: int
    ) -> None:
        at_the_time = now() - timedelta(minutes=after)
        early, late = (
            replace(
                event(since=timedelta(days=-90)), repeated=repeated, published_at=at_the_time + timedelta(minutes=by)
            )
            for by in (1, -1)
        )
        for each in (early, late):
            await ledger.write(each.record, [each])
        assert await publisher.sweep() == 1
        assert len(bus.stored(late.topic)) == 1
        (still,) = await ledger.owed(late.record)
        assert still.repeated == repeated + 1
        assert await publisher.sweep() == 0

    async def test_the_first_publication_is_no_repetition_however_late(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        owed = event(since=timedelta(days=-1))
        await ledger.write(owed.record, [owed])
        assert await publisher.sweep() == 1
        assert [each.repeated for each in await ledger.owed(owed.record)] == [0]

    async def test_an_event_that_has_no_successor_is_settled_by_its_second_publication(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        # Nine and a half minutes: within the stream's duplicate window of ten, so that it is stored once.
        owed = replace(event(awaits=False), published_at=now() - timedelta(minutes=9, seconds=30))
        await ledger.write(owed.record, [owed])
        assert await publisher.sweep() == 1
        assert await ledger.owed(owed.record) == []

    async def test_the_successor_settles_one_event_and_leaves_the_record_s_others(self, ledger: Ledger) -> None:
        first, second = event(record="r"), event(record="r")
        record = uuid.uuid4().hex
        first, second = replace(first, record=record), replace(second, record=record)
        await ledger.write(record, [first, second])
        await ledger.store.settle(first)
        await ledger.store.settle(first)
        assert [each.id for each in await ledger.owed(record)] == [second.id]

    async def test_of_a_record_s_events_only_those_due_are_published(
        self, bus: FakeBus, ledger: Ledger, publisher: OwedPublisher
    ) -> None:
        record = uuid.uuid4().hex
        published, unpublished = event(record=record), event(record=record)
        published = replace(published, published_at=now())
        await ledger.write(record, [published, unpublished])
        assert await publisher.sweep() == 1
        assert not bus.stored(published.topic)
        assert len(bus.stored(unpublished.topic)) == 1

    async def test_the_backlog_is_counted_and_the_oldest_dated(self, ledger: Ledger, publisher: OwedPublisher) -> None:
        waiting = replace(event(), published_at=now())
        await ledger.write(waiting.record, [waiting])
        bus_down = [event(since=timedelta(seconds=-90)), event(since=timedelta(seconds=-30))]
        oldest = bus_down[0].owed_since
        for each in bus_down:
            await ledger.write(each.record, [each])
        assert await ledger.store.backlog() == (2, 1, oldest)
        await publisher.sweep()
        assert OWED.labels("unpublished")._value.get() == 0
        assert OWED.labels("awaiting_successor")._value.get() == 3
        assert OWED_OLDEST._value.get() == 0

    async def test_the_oldest_that_nothing_followed_is_dated_published_or_not(self, ledger: Ledger) -> None:
        assert await ledger.store.oldest_unfollowed() is None
        oldest = replace(event(since=timedelta(hours=-1)), published_at=now())
        unpublished, lonely = event(), event(since=timedelta(hours=-2), awaits=False)
        record = [replace(each, record=oldest.record) for each in (unpublished, lonely, oldest)]
        await ledger.write(oldest.record, record)
        await ledger.write(lonely.record, [lonely])
        assert await ledger.store.oldest_unfollowed() == oldest.owed_since
        await ledger.store.settle(oldest)
        assert await ledger.store.oldest_unfollowed() == unpublished.owed_since

    async def test_the_sweeper_runs_until_it_is_told_to_stop_and_does_not_spin(
        self, bus: FakeBus, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chassis.owed.SWEEP_PERIOD", 0.1)
        owed = event()
        await ledger.write(owed.record, [owed])
        bus.reachable = False
        sweeps = _Counted(OwedPublisher(bus, ledger.store).sweep)
        publisher = OwedPublisher(bus, ledger.store)
        monkeypatch.setattr(publisher, "sweep", sweeps)
        stop = asyncio.Event()
        task = asyncio.create_task(publisher.run(stop))
        started = time.monotonic()
        await eventually(lambda: time.monotonic() - started > 1)
        assert 3 <= sweeps.count <= 11
        bus.reachable = True
        await eventually(lambda: bus.stored(owed.topic))
        stop.set()
        await asyncio.wait_for(task, 1)


class _Counted:
    def __init__(self, sweep: Callable[[], Awaitable[int]]) -> None:
        self._sweep = sweep
        self.count = 0

    async def __call__(self) -> int:
        self.count += 1
        return await self._sweep()


async def _hang(*_: object, **__: object) -> int:
    await asyncio.Event().wait()
    return 0
