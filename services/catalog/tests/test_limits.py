"""What the catalog does where nobody can count."""

import asyncio

import pytest
from catalog.limits import REASONS, Admission
from chassis.auth import Identity
from chassis.errors import Unavailable
from chassis.limits import Ask, Asking, FewLimits, Limiter, Limits, Refusal, TooMany
from fastapi import Request

WHO = Identity("sub", "Name", "e@example.org", "client", "14", ("c",), 0.0, 0)
REQUEST = Request({"type": "http", "client": ("192.0.2.1", 1)})
LIMIT = FewLimits(1)


class Counters:
    """Answers as told."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = self.silent = False
        self.refusal: Refusal | None = None
        self.places: list[str] = []

    async def admit(self, key: str, ask: Ask, limits: Limits) -> Refusal | None:
        self.asked += 1
        if self.down:
            raise Unavailable("database_unavailable")
        if self.silent:
            await asyncio.Event().wait()
        if ask.transfer and self.refusal is None:
            self.places.append(key)
        return self.refusal

    async def leave(self, key: str, ask: Ask, *, undo: bool) -> None:
        self.places.remove(key)


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def admission(counters: Counters) -> Admission:
    return Admission(Limiter(counters, LIMIT, LIMIT, REASONS, places="streams"))


async def test_one_request_too_many_is_told_how_long_to_wait(counters: Counters, admission: Admission) -> None:
    await admission(REQUEST, WHO)
    counters.refusal = Refusal("requests", 2.5)
    with pytest.raises(TooMany) as refused:
        await admission(REQUEST, WHO)
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "3"})


@pytest.mark.parametrize("away", ["down", "silent"])
async def test_where_nobody_counts_everybody_is_let_in_and_waits_once(
    counters: Counters, admission: Admission, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setattr("catalog.limits._PATIENCE", 0.01)
    setattr(counters, away, True)
    for _ in range(3):
        await admission(REQUEST, WHO)
    assert counters.asked == 1
    monkeypatch.setattr("catalog.limits._UNASKED", 0.0)
    fresh = Admission(Limiter(counters, LIMIT, LIMIT, REASONS))
    for _ in range(3):
        await fresh(REQUEST, WHO)
    assert counters.asked == 4


async def test_a_stream_has_its_place_until_it_ends_and_one_too_many_is_told_so(
    counters: Counters, admission: Admission
) -> None:
    async with admission.stream(REQUEST, WHO):
        assert counters.places == list(Asking.by(REQUEST, WHO).keys)
    assert counters.places == []
    counters.refusal = Refusal("transfers", 2.0)
    with pytest.raises(TooMany) as refused:
        async with admission.stream(REQUEST, WHO):
            pytest.fail("let in")
    assert (refused.value.code, refused.value.headers) == ("too_many_streams", {"Retry-After": "2"})


async def test_where_nobody_counts_a_stream_begins_and_ends_without_a_place(
    counters: Counters, admission: Admission
) -> None:
    counters.down = True
    async with admission.stream(REQUEST, WHO):
        counters.down = False
    assert counters.places == []


async def test_who_has_no_session_is_counted_by_address_alone(counters: Counters, admission: Admission) -> None:
    await admission.of_unproven(REQUEST)
    assert counters.asked == 1
    counters.refusal = Refusal("requests", 2.5)
    with pytest.raises(TooMany):
        await admission.of_unproven(REQUEST)
