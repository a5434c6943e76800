"""A stream is read whole, or the command says that it was not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import nats.errors
import pytest
from chassis.errors import Unavailable
from connect_ops.broker import Broker

from tests.suites.catalog_events import at


@dataclass
class Line:
    """A consumer on the far side of a line: `lost` are the deliveries that never came over it."""

    messages: int
    lost: frozenset[int] = frozenset()
    gives_up: bool = False
    erased_after: int | None = None
    given: int = 0
    unsubscribed: bool = False
    asked: list[int] = field(default_factory=list)

    async def pull_subscribe(self, *_: object, **__: object) -> "Line":
        return self

    async def consumer_info(self) -> Any:
        delivered = SimpleNamespace(consumer_seq=self.given)
        return SimpleNamespace(num_pending=self.messages - self.given, delivered=delivered)

    async def fetch(self, count: int, **_: object) -> Sequence[Any]:
        self.asked.append(count)
        first, self.given = self.given + 1, min(self.given + count, self.messages)
        came = [each for each in range(first, self.given + 1) if each not in self.lost]
        if not came and self.gives_up:
            raise nats.errors.TimeoutError
        assert len(self.asked) < 9, "asked for ever"
        messages = [self._message(each) for each in came]
        if self.erased_after is not None and self.given >= self.erased_after:
            self.messages = self.given
        return messages

    async def unsubscribe(self) -> None:
        self.unsubscribed = True

    def _message(self, number: int) -> Any:
        # Its sequence in the stream says nothing: what was erased, or is on other subjects, has left gaps.
        sequence = SimpleNamespace(consumer=number, stream=7 * number)
        metadata = SimpleNamespace(sequence=sequence, num_pending=self.messages - number, timestamp=at(0))
        return SimpleNamespace(metadata=metadata, subject="s", data=b"", headers=None)


async def read(line: Line) -> list[int]:
    return [each.sequence async for each in Broker(Mock(), line).read("CONNECT_DOCUMENTS")]  # type: ignore[arg-type]


async def test_what_comes_whole_is_read_to_its_end() -> None:
    line = Line(1203)
    assert await read(line) == [7 * number for number in range(1, 1204)]
    assert line.unsubscribed


async def test_of_an_empty_stream_nothing_is_asked() -> None:
    line = Line(0)
    assert (await read(line), line.asked) == ([], [])


@pytest.mark.parametrize("gives_up", [False, True], ids=["nothing comes", "the wait ends"])
async def test_where_the_last_are_erased_meanwhile_it_ends_before_them(gives_up: bool) -> None:
    line = Line(1203, gives_up=gives_up, erased_after=1000)
    assert await read(line) == [7 * number for number in range(1, 1001)]
    assert line.unsubscribed


@pytest.mark.parametrize("gives_up", [False, True], ids=["nothing comes", "the wait ends"])
async def test_what_a_torn_line_has_lost_is_missed_also_where_the_last_are_erased_meanwhile(gives_up: bool) -> None:
    line = Line(1203, frozenset(range(501, 1204)), gives_up, erased_after=1000)
    with pytest.raises(Unavailable):
        await read(line)


@pytest.mark.parametrize("lost", [{1}, {7}, {500}, {501}, {499, 500}, {1203}, set(range(400, 1204))])
@pytest.mark.parametrize("gives_up", [False, True], ids=["nothing comes", "the wait ends"])
async def test_what_a_torn_line_has_lost_is_not_passed_over(lost: set[int], gives_up: bool) -> None:
    line = Line(1203, frozenset(lost), gives_up)
    with pytest.raises(Unavailable) as torn:
        await read(line)
    assert torn.value.code == "stream_not_read_whole"
    assert line.unsubscribed
