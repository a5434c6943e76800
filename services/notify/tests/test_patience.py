"""A mail that its recipient's server defers waits, alone, and not for ever."""

from datetime import timedelta

import pytest
from chassis.errors import Later, Unavailable

from tests.suites.notify_events import Deposit
from tests.suites.notify_world import World

JEANNY, PAUL, INBOX = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example", "accueil@cerfrance-14.example"
DAY = 24 * 3600


def deferred() -> Later:
    return Later("recipient_deferred", delay=5)


async def test_a_greylisted_recipient_holds_nobody_and_repeats_nobodys_mail() -> None:
    world = World()
    world.relay.answers[JEANNY] = [deferred(), deferred(), None]
    await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    assert world.relay.recipients == [PAUL]
    await world.pass_time(5)
    assert world.relay.recipients == [PAUL]
    await world.pass_time(10)
    assert world.relay.recipients == [PAUL, JEANNY]
    await world.pass_time(3600)
    assert world.relay.tried == [JEANNY, PAUL, JEANNY, JEANNY]
    assert sorted(world.told) == [("alerted", "jeanny", 1), ("alerted", "paul", 1)]


async def test_a_new_document_does_not_put_a_greylisted_mail_off_further() -> None:
    world, deposit = World(), Deposit()
    world.relay.answers[JEANNY] = [deferred(), None]
    await world.hear(deposit.deposited())
    await world.pass_time(20)
    await world.hear(deposit.deposited())
    await world.pass_time(5)
    assert world.relay.recipients == [JEANNY]


async def test_no_try_waits_longer_than_thirty_seconds() -> None:
    world = World()
    world.relay.answers[JEANNY] = [deferred()]
    await world.hear(Deposit(size=1).deposited())
    await world.pass_time(600)
    assert len(world.relay.tried) >= 600 / 30


async def test_what_is_put_off_is_known_since_its_first_try_until_it_went() -> None:
    world = World()
    world.relay.answers = {JEANNY: [deferred(), deferred(), None], PAUL: [None]}
    await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    first = world.now
    assert await world.digests.oldest_deferred() == first
    await world.pass_time(5)
    assert len(world.relay.tried) == 3
    assert await world.digests.oldest_deferred() == first
    await world.pass_time(10)
    assert await world.digests.oldest_deferred() is None


async def test_what_waits_for_the_relay_is_put_off_by_nobody() -> None:
    world = World()
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.hear(Deposit(size=1).deposited())
    assert await world.digests.oldest_deferred() is None


async def test_after_a_day_of_deferrals_the_inbox_is_told_instead() -> None:
    world = World()
    world.relay.answers[JEANNY] = [deferred()]
    await world.hear(Deposit(size=1).deposited())
    await _deferred_for(world, DAY - 60)
    assert world.told == []
    await world.pass_time(90)
    assert world.relay.recipients == [INBOX]
    assert world.told == [("alert_failed", "jeanny", 1), ("alerted", "inbox", 1)]


async def test_a_relay_that_is_away_for_a_day_takes_nobodys_patience() -> None:
    world = World()
    world.relay.answers = {JEANNY: [deferred(), None], PAUL: [deferred(), None]}
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    await _relay_back_after_a_day(world)
    await world.pass_time(5)
    assert world.relay.recipients == [JEANNY, PAUL]
    assert world.told == [("alerted", "jeanny", 1), ("alerted", "paul", 1)]


async def test_a_relay_that_goes_away_after_a_deferral_takes_nobodys_patience() -> None:
    world = World()
    world.relay.answers[JEANNY] = [deferred(), deferred(), None]
    await world.hear(Deposit(size=1).deposited())
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.pass_time(5)
    await _relay_back_after_a_day(world)
    await world.pass_time(10)
    assert world.relay.recipients == [JEANNY]
    assert world.told == [("alerted", "jeanny", 1)]


async def _deferred_for(world: World, seconds: float) -> None:
    """Every try of the mail to Jeanny deferred: what they make of the record, without a mail for each."""
    digest, key, until = world.digest, "0_jeanny", world.now + timedelta(seconds=seconds)
    while (now := digest.mails[key].until) < until:
        claimed = digest.claimed(key, claim="ours", now=now)
        assert claimed
        put_off = claimed.put_off(key, claim="ours", now=now)
        assert put_off
        digest = put_off
    assert await world.digests.save(digest)
    await world.pass_time(seconds)


async def _relay_back_after_a_day(world: World) -> None:
    """And an hour more."""
    world.now += timedelta(seconds=DAY + 3600)
    world.relay.down = None
    await world.wake(f"digest.{world.digest.id}")
