"""How the dead letters are read: seldom, not for long, and to their end. The broker is a list."""

import asyncio

import pytest
from catalog import nats_letters
from catalog.dead_letters import Letters
from catalog.nats_letters import NatsDeadLetters
from chassis.errors import Unavailable
from chassis.jetstream import Stored

from tests.suites.catalog_events import announced
from tests.support.catalog import letter_headers


class _Stream:
    """Dead letters of these offices, numbered from 1. Closed, it answers nobody."""

    def __init__(self, *offices: str) -> None:
        self.offices = list(offices)
        self.opened = asyncio.Event()
        self.opened.set()
        self.asked: list[int | None] = []
        self.reading = self.most_at_once = 0

    async def stored(self, stream: str, subject: str, *, after: int | None = None) -> Stored | None:
        self.asked.append(after)
        self.reading += 1
        self.most_at_once = max(self.most_at_once, self.reading)
        try:
            await self.opened.wait()
            await asyncio.sleep(0)
        finally:
            self.reading -= 1
        number = (after or 0) + 1
        if number > len(self.offices):
            return None
        event = announced(1, office=self.offices[number - 1])
        return Stored(number, "connect.v1.dead.notify", event.encode(), letter_headers(event.topic))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_letters, "_MOST_TOLD", 2)
    monkeypatch.setattr(nats_letters, "_MOST_READ", 4)


def told(some: Letters) -> tuple[list[int], int | None]:
    return [each.number for each in some.found], some.next


@pytest.mark.parametrize(
    ("offices", "said"),
    [
        (["14", "14"], ([1, 2], None)),
        (["14", "14", "53"], ([1, 2], None)),
        (["14", "14", "14"], ([1, 2], 2)),
        (["14", "14", "53", "14"], ([1, 2], 3)),
        (["53", "53", "53", "14"], ([4], None)),
        (["53", "53", "53", "53", "14"], ([], 4)),
    ],
)
async def test_a_list_goes_on_only_where_more_was_seen(offices: list[str], said: tuple[list[int], int | None]) -> None:
    assert told(await NatsDeadLetters(_Stream(*offices)).of("14")) == said


async def test_many_who_ask_at_once_have_the_stream_read_once() -> None:
    stream = _Stream("14", "53")
    letters = NatsDeadLetters(stream)
    answers = await asyncio.gather(*(letters.of("14") for _ in range(20)))
    assert {len(each.found) for each in answers} == {1}
    assert stream.asked == [0, 1, 2]


async def test_what_others_ask_for_is_read_for_them_one_after_the_other() -> None:
    stream = _Stream("14", "53")
    letters = NatsDeadLetters(stream)
    first, other, later = await asyncio.gather(letters.of("14"), letters.of("53"), letters.of("14", after=1))
    assert [told(each) for each in (first, other, later)] == [([1], None), ([2], None), ([], None)]
    assert stream.most_at_once == 1


async def test_what_was_read_is_told_again_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_letters, "_KEPT", 0.0)
    stream = _Stream("14")
    letters = NatsDeadLetters(stream)
    assert told(await letters.of("14")) == ([1], None)
    stream.offices.append("14")
    assert told(await letters.of("14")) == ([1, 2], None)


async def test_a_broker_that_does_not_answer_is_given_up_by_all_and_asked_again_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nats_letters, "_PATIENCE", 0.1)
    stream = _Stream("14")
    letters = NatsDeadLetters(stream)
    stream.opened.clear()
    answers = await asyncio.gather(*(letters.of("14") for _ in range(3)), return_exceptions=True)
    assert [each.code for each in answers if isinstance(each, Unavailable)] == ["dead_letters_not_read"] * 3
    monkeypatch.setattr(nats_letters, "_PATIENCE", 60.0)
    stream.opened.set()
    assert told(await letters.of("14")) == ([1], None)
