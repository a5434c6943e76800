"""What `ports.Accesses` promises, to be kept by the fake and by MongoDB."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from catalog.ports import Accesses
from chassis.bus import Message
from chassis.owed import OwedEvent, owe

from tests.suites.catalog_events import at


def entry(record: str, when: datetime) -> OwedEvent:
    """Something the journal is owed."""
    message = Message("connect.v1.audit.viewed.14", b"{}", id=str(uuid.uuid4()))
    return owe(record, message, now=when, awaits_successor=False)


class AccessesBehaviour:
    """A subclass gives the fixture `accesses`, and says what its records owe."""

    async def owed(self, accesses: Any, record: str) -> Sequence[str]:
        """The ids of what a record owes."""
        raise NotImplementedError

    async def test_what_was_noted_is_owed_each_time(self, accesses: Accesses) -> None:
        record = uuid.uuid4().hex
        entries = [entry(record, at(1)), entry(record, at(2))]
        for each in entries:
            assert await accesses.note(each)
        assert await self.owed(accesses, record) == [each.id for each in entries]

    async def test_what_goes_on_is_noted_once_until_its_time_is_over(self, accesses: Accesses) -> None:
        record = uuid.uuid4().hex
        first, second, third = entry(record, at(10)), entry(record, at(20)), entry(record, at(70))
        assert await accesses.note(first, unless_since=at(-50))
        assert not await accesses.note(second, unless_since=at(-40))
        assert await accesses.note(third, unless_since=at(10))
        assert await self.owed(accesses, record) == [first.id, third.id]

    async def test_of_many_pieces_at_once_one_is_noted(self, accesses: Accesses) -> None:
        record = uuid.uuid4().hex
        noted = await asyncio.gather(*(accesses.note(entry(record, at(1)), unless_since=at(-59)) for _ in range(8)))
        assert noted.count(True) == 1
        assert len(await self.owed(accesses, record)) == 1

    async def test_of_many_whole_readings_at_once_all_are_noted(self, accesses: Accesses) -> None:
        record = uuid.uuid4().hex
        assert all(await asyncio.gather(*(accesses.note(entry(record, at(1))) for _ in range(8))))
        assert len(await self.owed(accesses, record)) == 8
