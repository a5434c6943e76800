"""Who is let in, and what is taken back."""

from typing import Any

import pytest
from chassis.errors import Unavailable
from chassis.limits import Ask, Asking, Limiter, Limits, Refusal, TooMany
from fastapi import Request
from pydantic import ValidationError
from upload.limits import REASONS
from upload.settings import AddressLimits, PersonLimits, UploadSettings

PERSON, ADDRESS = PersonLimits(), AddressLimits()
ASKING = Asking.of(office="14", sub="earl-du-chene", address="192.0.2.1")


class FakeCounters:
    """Refuses as told, by key, and notes who has a place and who was taken back."""

    def __init__(self) -> None:
        self.refusals: dict[str, Refusal] = {}
        self.asked: list[str] = []
        self.places: set[str] = set()
        self.undone: set[str] = set()
        self.down = False
        self.down_for: set[str] = set()

    async def admit(self, key: str, ask: Ask, limits: Limits) -> Refusal | None:
        if self.down or key in self.down_for:
            raise Unavailable("database_unavailable")
        self.asked.append(key)
        if key not in self.refusals:
            self.places.add(key)
        return self.refusals.get(key)

    async def leave(self, key: str, ask: Ask, *, undo: bool) -> None:
        if self.down:
            raise Unavailable("database_unavailable")
        self.places.discard(key)
        if undo:
            self.undone.add(key)


@pytest.fixture
def counters() -> FakeCounters:
    return FakeCounters()


@pytest.fixture
def limiter(counters: FakeCounters) -> Limiter:
    return Limiter(counters, PERSON, ADDRESS, REASONS)


async def test_a_transfer_has_a_place_for_person_and_address_until_it_ends(
    limiter: Limiter, counters: FakeCounters
) -> None:
    async def fail() -> None:
        async with limiter.transfer(ASKING):
            assert counters.places == set(ASKING.keys)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert counters.places == set()


async def test_what_a_creation_counts_stays_only_if_an_upload_came_of_it(
    limiter: Limiter, counters: FakeCounters
) -> None:
    async with limiter.transfer(ASKING, length=5) as admission:
        admission.created = True
    assert counters.undone == set()
    async with limiter.transfer(ASKING, length=5):
        pass
    assert counters.undone == set(ASKING.keys)


async def test_what_the_address_may_not_is_not_counted_for_the_person(limiter: Limiter, counters: FakeCounters) -> None:
    counters.refusals[ASKING.address] = Refusal("bytes", 40.0)
    with pytest.raises(TooMany) as refused:
        async with limiter.transfer(ASKING, length=5):
            pytest.fail("let in")
    assert (refused.value.code, refused.value.delay) == ("too_many_bytes", 40.0)
    assert (counters.places, counters.undone) == (set(), {ASKING.person})


async def test_who_was_told_to_wait_and_does_not_costs_no_question(limiter: Limiter, counters: FakeCounters) -> None:
    counters.refusals[ASKING.person] = Refusal("requests", 0.02)
    for _ in range(5):
        with pytest.raises(TooMany):
            await limiter.count(ASKING)
    assert counters.asked == [ASKING.person]
    # The others at that address go on.
    await limiter.count(Asking.of(office="14", sub="somebody-else", address="192.0.2.1"))


async def test_a_place_that_is_missing_does_not_shut_out_what_needs_none(
    limiter: Limiter, counters: FakeCounters
) -> None:
    counters.refusals[ASKING.person] = Refusal("transfers", 2.0)
    with pytest.raises(TooMany):
        async with limiter.transfer(ASKING):
            pytest.fail("let in")
    counters.refusals.clear()
    await limiter.count(ASKING)


async def test_who_has_no_session_is_counted_by_address_and_told_no_more_where_nobody_can_count(
    limiter: Limiter, counters: FakeCounters
) -> None:
    stranger = Request({"type": "http", "client": ("192.0.2.1", 1)})
    await limiter.count_unproven(stranger)
    (key,) = counters.asked
    assert key not in ASKING.keys
    counters.down = True
    await limiter.count_unproven(stranger)
    counters.down, counters.refusals[key] = False, Refusal("requests", 2.0)
    with pytest.raises(TooMany):
        await limiter.count_unproven(stranger)


async def test_where_the_address_cannot_be_counted_the_person_keeps_no_place(
    limiter: Limiter, counters: FakeCounters
) -> None:
    counters.down_for.add(ASKING.address)
    with pytest.raises(Unavailable):
        async with limiter.transfer(ASKING, length=5):
            pytest.fail("let in")
    assert (counters.places, counters.undone) == (set(), {ASKING.person})


async def test_without_the_database_no_limit_refuses(limiter: Limiter, counters: FakeCounters) -> None:
    async with limiter.transfer(ASKING):
        counters.down = True
    with pytest.raises(Unavailable):
        await limiter.count(ASKING)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "somewhere", False),
    ],
)
def test_an_ipv6_address_counts_by_its_64(one: str, other: str, same: bool) -> None:
    keys = {Asking.of(office="14", sub="a", address=each).address for each in (one, other)}
    assert (len(keys) == 1) is same


def test_a_key_says_nobodys_name() -> None:
    assert not any(fact in key for key in ASKING.keys for fact in ("earl", "192"))
    assert ASKING.person != Asking.of(office="61", sub="earl-du-chene", address="192.0.2.1").person


def _settings(limits: dict[str, Any]) -> UploadSettings:
    bucket = {"endpoint": "http://s3", "bucket": "staging", "access_key": "a", "secret_key": "s"}
    auth = {"issuer": "http://portal", "jwks_url": "http://portal/jwks"}
    return UploadSettings.model_validate(
        {
            "port": 1, "nats_url": "n", "nats_user": "u", "nats_password": "p", "mongo_url": "m", "mongo_database": "d",
            "public_url": "http://portal", "receipt_key_file": __file__, "scratch_dir": "s", "scanner": "none",
            "auth": auth, "staging": bucket, "limits": limits,
        }
    )  # fmt: skip


def test_no_limit_is_taken_off_but_by_saying_so() -> None:
    settings = _settings({"person": {"transfers": "none", "uploads": "7"}})
    assert (settings.limits.person.transfers, settings.limits.person.uploads) == (None, 7)
    assert settings.limits.person.requests == PERSON.requests
    assert settings.limits.address == ADDRESS
    for nothing in ("0", "", "-1"):
        with pytest.raises(ValidationError):
            _settings({"person": {"transfers": nothing}})


def test_a_days_bytes_must_hold_the_largest_file() -> None:
    with pytest.raises(ValidationError, match="below the largest file"):
        _settings({"address": {"bytes_a_day": "1000"}})
