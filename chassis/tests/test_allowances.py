"""What a replica lets in by itself, and what it asks, and gives back, for that."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from chassis.allowances import Allowances
from chassis.errors import Unavailable
from chassis.limits import Amounts, Ask, FewLimits, Limits, Refusal, Taken

LIMITS = FewLimits(requests=300)
TRANSFER = Ask(transfer=True)


class FakeCounts:
    """Takes ahead as much as it is let to, unless it is `tight`; notes what is out, and how often it was asked."""

    def __init__(self) -> None:
        self.out: dict[str, Amounts] = {}
        self.asked = 0
        self.refusal: Refusal | None = None
        self.tight = self.down = False
        self.kept: list[str] = []

    async def take(self, key: str, need: Amounts, limits: Limits, *, replica: str, ahead: int) -> Taken | Refusal:
        self.asked += 1
        await asyncio.sleep(0)
        if self.refusal:
            return self.refusal
        times = 1 if self.tight else 1 + ahead
        taken = Amounts(need.requests * times, need.transfers * times, need.uploads, need.bytes)
        self._change(key, taken, sign=1)
        return Taken(taken, is_roomy=not self.tight)

    async def give_back(self, idle: Mapping[str, Amounts], *, replica: str) -> None:
        if self.down:
            raise Unavailable("database_unavailable")
        for key, amounts in idle.items():
            self._change(key, amounts, sign=-1)

    async def keep(self, keys: Sequence[str], *, replica: str) -> None:
        self.kept += keys

    def _change(self, key: str, amounts: Amounts, *, sign: int) -> None:
        had = self.out.get(key, Amounts())
        self.out[key] = Amounts(
            had.requests + sign * amounts.requests,
            had.transfers + sign * amounts.transfers,
            had.uploads + sign * amounts.uploads,
            had.bytes + sign * amounts.bytes,
        )


@pytest.fixture
def counts() -> FakeCounts:
    return FakeCounts()


@pytest.fixture
def allowances(counts: FakeCounts) -> Allowances:
    return Allowances(counts)


async def transfers(allowances: Allowances, count: int) -> None:
    """One after the other."""
    for _ in range(count):
        assert await allowances.admit("a", TRANSFER, LIMITS) is None
        await allowances.leave("a", TRANSFER, undo=False)


async def test_whoever_comes_again_and_again_costs_few_questions(allowances: Allowances, counts: FakeCounts) -> None:
    await transfers(allowances, 100)
    assert counts.asked < 15
    # Of requests no fewer are counted than there were.
    assert counts.out["a"].requests >= 100


async def test_one_request_alone_takes_nothing_ahead(allowances: Allowances, counts: FakeCounts) -> None:
    assert await allowances.admit("a", TRANSFER, LIMITS) is None
    assert counts.out["a"] == Amounts(requests=1, transfers=1)


async def test_what_nobody_used_is_given_back_after_a_moment(allowances: Allowances, counts: FakeCounts) -> None:
    await transfers(allowances, 20)
    await allowances.tend()
    await allowances.tend()
    assert counts.out["a"] == Amounts(requests=20)
    asked = counts.asked
    await transfers(allowances, 1)
    assert counts.asked == asked + 1


async def test_places_in_use_stay_and_are_kept(
    allowances: Allowances, counts: FakeCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.allowances.KEPT_SECONDS", 0)
    for _ in range(5):
        await allowances.admit("a", TRANSFER, LIMITS)
    for _ in range(3):
        await allowances.tend()
    assert counts.out["a"].transfers == 5
    assert "a" in counts.kept


async def test_where_there_is_little_room_a_place_is_given_back_at_once(
    allowances: Allowances, counts: FakeCounts
) -> None:
    counts.tight = True
    await transfers(allowances, 3)
    assert counts.out["a"] == Amounts(requests=3)


async def test_those_who_come_at_once_are_let_in_or_refused_each(allowances: Allowances, counts: FakeCounts) -> None:
    counts.tight = True
    outcomes = await asyncio.gather(*(allowances.admit("a", TRANSFER, LIMITS) for _ in range(10)))
    assert outcomes == [None] * 10
    assert counts.out["a"] == Amounts(requests=10, transfers=10)


async def test_a_refusal_uses_up_a_request_that_was_taken_ahead(allowances: Allowances, counts: FakeCounts) -> None:
    for _ in range(4):
        await allowances.admit("a", Ask(), LIMITS)
    counts.refusal = Refusal("transfers", 2.0)
    spare = counts.out["a"].requests - 4
    assert spare > 0
    for _ in range(spare):
        assert await allowances.admit("a", TRANSFER, LIMITS) == counts.refusal
    counts.refusal = Refusal("requests", 1.0)
    assert await allowances.admit("a", Ask(), LIMITS) == counts.refusal


async def test_a_creation_is_counted_by_itself_and_taken_back_at_once(
    allowances: Allowances, counts: FakeCounts
) -> None:
    creation = Ask(transfer=True, length=700)
    for number in range(1, 4):
        assert await allowances.admit("a", creation, LIMITS) is None
        assert (counts.out["a"].uploads, counts.out["a"].bytes) == (number, number * 700)
    await allowances.leave("a", creation, undo=True)
    assert (counts.out["a"].uploads, counts.out["a"].bytes) == (2, 1400)


async def test_a_place_that_could_not_be_given_back_at_once_is_given_back_later(
    allowances: Allowances, counts: FakeCounts
) -> None:
    counts.tight = True
    await allowances.admit("a", TRANSFER, LIMITS)
    counts.down = True
    with pytest.raises(Unavailable):
        await allowances.leave("a", TRANSFER, undo=False)
    counts.down = False
    for _ in range(2):
        await allowances.tend()
    assert counts.out["a"].transfers == 0


async def test_what_could_not_be_given_back_is_given_back_later(allowances: Allowances, counts: FakeCounts) -> None:
    await transfers(allowances, 5)
    counts.down = True
    for _ in range(3):
        await allowances.tend()
    assert counts.out["a"].transfers > 0
    counts.down = False
    for _ in range(2):
        await allowances.tend()
    assert counts.out["a"] == Amounts(requests=5)


async def test_at_its_end_it_waits_for_who_is_inside_and_keeps_nothing(
    allowances: Allowances, counts: FakeCounts
) -> None:
    await allowances.admit("a", TRANSFER, LIMITS)
    stop = asyncio.Event()
    stop.set()
    running = asyncio.create_task(allowances.run(stop))
    await asyncio.sleep(0.3)
    assert not running.done()
    await allowances.leave("a", TRANSFER, undo=False)
    await asyncio.wait_for(running, 10)
    assert counts.out["a"].transfers == 0
