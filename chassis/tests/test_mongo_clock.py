"""The time by mongod's clock, as a process keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.codec_options import DEFAULT_CODEC_OPTIONS
from chassis.errors import Unavailable
from chassis.metrics import CLOCK_AHEAD
from chassis.mongo_clock import MongoClock
from pymongo.errors import AutoReconnect

START = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


class Mongod:
    """A database of one collection of one record. `now` is its clock; `asked` are the commands and reads it got."""

    codec_options = DEFAULT_CODEC_OPTIONS

    def __init__(self) -> None:
        self.now, self.asked, self.down = START, list[Any](), False
        self.record: dict[str, Any] | None = {"_id": "one", "now": "a field of its own"}

    async def command(self, name: str, **_: Any) -> dict[str, Any]:
        self._ask(name)
        return {"localTime": self.now}

    async def find_one(self, wanted: Any, projection: Any) -> dict[str, Any] | None:
        self._ask(wanted)
        assert projection == {"record": "$$ROOT", "now": "$$NOW"}
        return self.record and {"_id": self.record["_id"], "record": self.record, "now": self.now}

    def _ask(self, what: Any) -> None:
        self.asked.append(what)
        if self.down:
            raise AutoReconnect("no primary")


class Host:
    """A process on a host whose clock is `ahead`, and which reads from `mongod`."""

    def __init__(self, *, ahead: timedelta) -> None:
        database: Any = Mongod()
        self.mongod: Any = database
        self.own = START + ahead
        self.clock = MongoClock(database, own=self._told)

    def _told(self) -> float:
        return self.own.timestamp()

    async def read(self) -> dict[str, Any] | None:
        return await self.clock.find_one(self.mongod, {"_id": "one"})


def test_before_mongod_has_told_it_is_the_own_clock_in_whole_milliseconds() -> None:
    host = Host(ahead=timedelta(seconds=30))
    host.own += timedelta(microseconds=1999)
    assert host.clock() == START + timedelta(seconds=30, milliseconds=1)


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(days=-2)])
async def test_once_asked_it_goes_on_from_the_time_that_mongod_told(ahead: timedelta) -> None:
    host = Host(ahead=ahead)
    await host.clock.ask()
    assert host.clock() == START
    host.own += timedelta(seconds=7)
    assert host.clock() == START + timedelta(seconds=7)
    assert CLOCK_AHEAD._value.get() == ahead.total_seconds()


async def test_a_record_comes_with_the_time_in_one_question() -> None:
    host = Host(ahead=timedelta(seconds=30))
    assert await host.read() == {"_id": "one", "now": "a field of its own"}
    assert host.clock() == START
    assert host.mongod.asked == [{"_id": "one"}]


async def test_it_is_the_time_of_the_primary_that_gave_the_record() -> None:
    host = Host(ahead=timedelta(seconds=30))
    await host.clock.ask()
    host.mongod.now -= timedelta(seconds=20)  # another one, since
    await host.read()
    assert host.clock() == START - timedelta(seconds=20)


async def test_a_record_that_is_not_there_tells_no_time() -> None:
    host = Host(ahead=timedelta(seconds=30))
    host.mongod.record = None
    assert await host.read() is None
    assert host.clock() == host.own


async def test_while_mongod_is_away_it_goes_on_by_what_was_told_last() -> None:
    host = Host(ahead=timedelta(seconds=30))
    await host.clock.ask()
    host.mongod.down = True
    with pytest.raises(Unavailable, match="database_unavailable"):
        await host.clock.ask()
    with pytest.raises(Unavailable, match="database_unavailable"):
        await host.read()
    host.own += timedelta(seconds=7)
    assert host.clock() == START + timedelta(seconds=7)
