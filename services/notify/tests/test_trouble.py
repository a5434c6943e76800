"""What refusals, outages and crashes do to the mails."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from chassis.errors import Later, Unavailable
from contracts.envelope import Envelope
from notify import model
from notify.errors import Interrupted, RecipientRefused
from notify.handlers import note_event
from notify.model import Digest
from notify.sending import send_digest

from tests.suites.notify_events import Deposit, directory
from tests.suites.notify_world import World
from tests.support.eventually import eventually

JEANNY, PAUL, INBOX = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example", "accueil@cerfrance-14.example"


def refused() -> RecipientRefused:
    return RecipientRefused("recipient_refused", status=550)


async def test_a_mandatory_mail_refused_for_good_goes_to_the_inbox() -> None:
    world = World()
    world.relay.answers[JEANNY] = [refused()]
    await world.hear(Deposit(size=1).deposited())
    assert world.relay.recipients == [INBOX]
    assert world.told == [("alert_failed", "jeanny", 1), ("alerted", "inbox", 1)]
    assert b"n=E2=80=99a pas pu" in world.relay.sent[0].content


async def test_a_ticked_contacts_mail_refused_for_good_goes_to_nobody_else() -> None:
    world = World()
    world.relay.answers[PAUL] = [refused()]
    await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    await world.pass_time(3600)
    assert world.relay.recipients == [JEANNY]
    assert sorted(world.told) == [("alert_failed", "paul", 1), ("alerted", "jeanny", 1)]


async def test_an_inbox_that_refuses_is_reported_and_tried_no_more() -> None:
    world = World()
    world.relay.answers = {JEANNY: [refused()], INBOX: [refused()]}
    await world.hear(Deposit(size=1).deposited())
    await world.pass_time(3600)
    assert world.relay.tried == [JEANNY, INBOX]
    assert world.told == [("alert_failed", "jeanny", 1), ("alert_failed", "inbox", 1)]


async def test_an_inbox_that_the_directory_does_not_know_yet_is_waited_for() -> None:
    world = World(directory(office=None))
    world.relay.answers[JEANNY] = [refused()]
    await world.hear(Deposit(size=1).deposited())
    await world.pass_time(60)
    assert world.told == [("alert_failed", "jeanny", 1)]
    world.sending = replace(world.sending, directory=directory())
    await world.pass_time(30)
    assert world.relay.recipients == [INBOX]
    assert world.told == [("alert_failed", "jeanny", 1), ("alerted", "inbox", 1)]


async def test_a_relay_that_is_down_is_waited_for_without_a_write() -> None:
    world = World()
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.hear(Deposit(size=1).deposited())
    sealed = world.digest
    with pytest.raises(Unavailable):
        await world.wake(f"digest.{sealed.id}")
    assert world.digest == sealed
    world.relay.down = None
    await world.wake(f"digest.{sealed.id}")
    assert world.relay.recipients == [JEANNY]


async def test_our_own_trouble_with_the_relay_counts_against_nobody() -> None:
    world = World()
    world.relay.answers[JEANNY] = [Unavailable("relay_refused"), None]
    with pytest.raises(Unavailable):
        await world.hear(Deposit(size=1).deposited())
    assert world.told == []
    # At once: the claim was given back.
    await world.wake(f"digest.{world.digest.id}")
    assert world.told == [("alerted", "jeanny", 1)]


async def test_a_mail_at_which_the_relay_breaks_off_keeps_no_other_back_and_is_never_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model, "_MOST_TRIES", 5)
    world = World()
    world.relay.answers[JEANNY] = [Interrupted("relay_unreachable")]
    await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    assert world.relay.recipients == [PAUL]
    assert await world.digests.oldest_deferred() == world.now
    # It may be the relay's doing for all that: nobody is told that the recipient could not be reached.
    await world.pass_time(600)
    assert world.told == [("alerted", "paul", 1)]
    world.relay.answers.clear()
    await world.pass_time(60)
    assert world.told == [("alerted", "paul", 1), ("alerted", "jeanny", 1)]
    assert await world.digests.oldest_deferred() is None


async def test_a_relay_that_went_down_at_a_mail_is_nobody_s_try() -> None:
    world = World()
    world.relay.hold = asyncio.Event()
    world.relay.answers[JEANNY] = [Interrupted("relay_unreachable"), None]
    await _noted(world)
    sending = asyncio.create_task(send_digest(world.digest.id, sending=world.sending))
    await world.relay.asked.wait()
    world.relay.down = Unavailable("relay_unreachable")
    world.relay.hold.set()
    with pytest.raises(Unavailable):
        await sending
    assert [(mail.state, mail.tries) for mail in world.digest.mails.values()] == [("waiting", 0)]
    world.relay.down = None
    await world.wake(f"digest.{world.digest.id}")
    assert world.relay.recipients == [JEANNY]


async def test_a_mail_is_sent_with_the_number_of_its_tries() -> None:
    world = World()
    world.relay.answers[JEANNY] = [Interrupted("relay_unreachable"), Interrupted("relay_unreachable"), None]
    await world.hear(Deposit(size=1).deposited())
    await world.pass_time(60)
    assert [letter.tries for letter in world.relay.sent] == [2]


async def test_nobody_to_tell_is_waited_out() -> None:
    world = World(directory(client=None, office=None))
    with pytest.raises(Later):
        await world.hear(Deposit(size=1).deposited())
    assert world.digest.pending


async def test_two_replicas_woken_at_once_send_one_mail() -> None:
    world = World()
    world.relay.hold = asyncio.Event()
    await _noted(world)
    wakes = [asyncio.create_task(send_digest(world.digest.id, sending=world.sending)) for _ in range(2)]
    await world.relay.asked.wait()
    world.relay.hold.set()
    await asyncio.gather(*wakes)
    await world.pass_time(60)
    assert world.relay.tried == [JEANNY]


async def test_a_claim_whose_holder_died_lapses_and_the_same_mail_is_sent_again() -> None:
    world = World()
    dying, _ = await _at_the_relay(world)
    dying.cancel()
    await asyncio.wait({dying})
    world.relay.hold = None
    await world.wake(f"digest.{world.digest.id}")
    await world.pass_time(4)
    assert world.relay.recipients == []
    await world.pass_time(1)
    assert world.relay.recipients == [JEANNY]
    assert world.digest.mails["0_jeanny"].message_id == world.relay.sent[0].message_id


async def test_an_accepted_mail_is_marked_even_when_somebody_changes_the_record_meanwhile() -> None:
    world, deposit = World(), Deposit(size=1)
    wake, answer = await _at_the_relay(world, deposit)
    await _noted(world, deposit)
    answer.set()
    await wake
    assert world.digest.mails["0_jeanny"].state == "sent"
    assert len(world.digest.pending) == 1


async def test_an_accepted_mail_is_marked_once_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.marking._MARK_EVERY", 0)
    world = World()
    wake, answer = await _at_the_relay(world)
    world.digests.down = Unavailable("database_unavailable")
    answer.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not wake.done()
    world.digests.down = None
    await wake
    assert world.told == [("alerted", "jeanny", 1)]
    assert world.relay.tried == [JEANNY]


async def test_a_slow_send_keeps_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.sending._RENEW_EVERY", 0.001)
    world = World()
    wake, answer = await _at_the_relay(world)
    world.now += timedelta(seconds=4)
    until = world.now + timedelta(seconds=5)
    await eventually(lambda: world.digest.mails["0_jeanny"].until == until)
    answer.set()
    await wake
    assert world.relay.recipients == [JEANNY]


async def test_a_send_that_lost_its_claim_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.sending._RENEW_EVERY", 0.001)
    world = World()
    wake, _ = await _at_the_relay(world)
    held = world.digest
    taken = replace(held.mails["0_jeanny"], claim="another", until=world.now + timedelta(seconds=5))
    assert await world.digests.save(replace(held, mails={"0_jeanny": taken}))
    await wake
    assert world.relay.recipients == []
    assert world.digest.mails["0_jeanny"] == taken


async def test_a_mail_that_the_relay_accepts_while_the_database_is_away_is_sent_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notify.sending._RENEW_EVERY", 0.001)
    monkeypatch.setattr("notify.marking._MARK_EVERY", 0)
    world = World()
    wake, answer = await _at_the_relay(world)
    world.digests.down, world.digests.asked = Unavailable("database_unavailable"), 0
    await eventually(lambda: world.digests.asked > 2)
    assert not wake.done(), "the relay has not answered yet"
    answer.set()
    await eventually(lambda: world.relay.recipients)
    world.digests.down = None
    await wake
    await world.pass_time(60)
    assert world.relay.tried == [JEANNY]
    assert world.told == [("alerted", "jeanny", 1)]


async def test_a_mail_that_was_accepted_as_its_claim_was_lost_counts_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.sending._RENEW_EVERY", 0.001)
    world = World()
    world.relay.hold = asyncio.Event()
    await _noted(world)
    load, asked = world.digests.load, asyncio.Event()

    async def load_slowly(digest: str) -> Digest | None:
        """The renewal's look at the record: the relay accepts while it is under way."""
        if world.relay.asked.is_set() and not asked.is_set():
            asked.set()
            held = world.digest
            taken = replace(held.mails["0_jeanny"], claim="another", until=world.now + timedelta(seconds=5))
            assert await world.digests.save(replace(held, mails={"0_jeanny": taken}))
            assert world.relay.hold
            world.relay.hold.set()
            await eventually(lambda: world.relay.recipients)
        return await load(digest)

    monkeypatch.setattr(world.digests, "load", load_slowly)
    await send_digest(world.digest.id, sending=world.sending)
    assert asked.is_set()
    assert world.digest.mails["0_jeanny"].state == "sent"
    await world.pass_time(60)
    assert world.relay.tried == [JEANNY]


async def test_names_are_kept_no_longer_than_they_are_needed() -> None:
    world = World()
    world.relay.answers[PAUL] = [Later("recipient_deferred", delay=5), None]
    await world.hear(Deposit(size=1).deposited("salaires.pdf", alert=("paul",)))
    assert world.digest.parts[0].lines
    await world.pass_time(5)
    assert world.digest.parts[0].lines == ()
    assert "salaires" not in repr(world.digest)


async def _noted(world: World, deposit: Deposit | None = None) -> None:
    """A deposit of one, noted and due."""
    event = (deposit or Deposit(size=1)).deposited()
    await note_event(event, digests=world.digests, alarm=world.alarm, clock=lambda: world.now)


async def _at_the_relay(
    world: World, deposit: Deposit | None = None
) -> "tuple[asyncio.Task[Sequence[Envelope]], asyncio.Event]":
    """A deposit of one whose mail the relay has: who sends it, and what is set for the relay to answer."""
    world.relay.hold = answer = asyncio.Event()
    await _noted(world, deposit)
    wake = asyncio.create_task(send_digest(world.digest.id, sending=world.sending))
    await world.relay.asked.wait()
    return wake, answer
