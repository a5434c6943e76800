"""What is withdrawn before its mail went is not named in it, whichever event comes first."""

import asyncio
from collections.abc import Callable
from itertools import permutations

import pytest
from chassis.errors import Later, Unavailable
from contracts.envelope import Envelope
from notify.handlers import note_event
from notify.ports import Letter
from notify.sending import send_digest

from tests.suites.notify_events import Deposit, directory, erased, new_id, returned, withdrawn
from tests.suites.notify_world import World

JEANNY, PAUL, OWNER = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example", "contact@earl-du-chene.example"

Ending = Callable[[Envelope], Envelope]


def deferred() -> Later:
    return Later("recipient_deferred", delay=5)


def names(letter: Letter) -> list[str]:
    return [name for name in ("a.pdf", "b.pdf", "c.pdf") if name.encode() in letter.content]


@pytest.mark.parametrize("ending", [withdrawn, erased])
async def test_a_deposit_withdrawn_while_it_waits_is_not_named(ending: Ending) -> None:
    world, deposit = World(), Deposit(size=3)
    first = deposit.deposited("a.pdf")
    await world.hear(first, deposit.deposited("b.pdf"), ending(first), deposit.deposited("c.pdf"))
    (letter,) = world.relay.sent
    assert names(letter) == ["b.pdf", "c.pdf"]
    assert b"2 nouveaux documents" in letter.content
    assert world.told == [("alerted", "jeanny", 2)]


@pytest.mark.parametrize("ending", [withdrawn, erased])
async def test_a_publication_withdrawn_before_its_mail_is_told_to_nobody(ending: Ending) -> None:
    world, deposit = World(), Deposit(folder="Bilan")
    published = deposit.published("a.pdf")
    await world.hear(published, ending(published))
    assert (world.digest.next_at, world.digest.wake_at, world.digest.pending) == (None, None, {})
    await world.pass_time(3600)
    assert world.relay.tried == []
    assert world.told == []


@pytest.mark.parametrize("ending", [withdrawn, erased])
async def test_nobody_s_name_is_noted_of_what_is_heard_after_its_end(ending: Ending) -> None:
    world, deposit = World(), Deposit(size=2)
    gone, back = deposit.deposited("a.pdf"), returned(new_id(), name="c.pdf")
    await world.hear(ending(gone), ending(back), gone, back)
    for digest in world.digests.records.values():
        assert (digest.pending, digest.client_name, digest.person_name, digest.wake_at) == ({}, None, None, None)
    await world.hear(deposit.deposited("b.pdf"))
    (letter,) = world.relay.sent
    assert names(letter) == ["b.pdf"]


async def test_every_order_of_a_publication_and_its_end_is_told_to_nobody() -> None:
    published = Deposit(folder="Bilan").published("a.pdf")
    for order in permutations([published, withdrawn(published), erased(published)]):
        world = World()
        await world.hear(*order)
        await world.pass_time(3600)
        assert world.relay.tried == []
        assert world.digest.next_at is None
        assert await world.sweep() == 0


async def test_what_is_returned_and_then_withdrawn_is_not_asked_for_again() -> None:
    world = World()
    first = returned(new_id(), name="a.pdf")
    await world.hear(first, returned(new_id(), name="b.pdf"))
    await world.hear(withdrawn(first))
    await world.pass_time(60)
    (letter,) = world.relay.sent
    assert (letter.recipient, names(letter)) == (OWNER, ["b.pdf"])


async def test_a_mail_that_waits_for_its_server_no_longer_names_what_was_withdrawn() -> None:
    world, deposit = World(), Deposit(size=2)
    world.relay.answers[JEANNY] = [deferred(), None]
    first = deposit.deposited("a.pdf")
    await world.hear(first, deposit.deposited("b.pdf"))
    await world.hear(withdrawn(first))
    assert world.relay.tried == [JEANNY]
    assert "a.pdf" not in repr(world.digest)
    await world.pass_time(5)
    assert names(world.relay.sent[0]) == ["b.pdf"]
    assert world.told == [("alerted", "jeanny", 1)]


async def test_a_mail_that_waits_with_nothing_left_is_dropped() -> None:
    world, deposit = World(), Deposit(size=1)
    world.relay.answers[JEANNY] = [deferred()]
    only = deposit.deposited("a.pdf")
    await world.hear(only)
    await world.hear(withdrawn(only))
    assert world.digest.mails["0_jeanny"].state == "dropped"
    assert (world.digest.next_at, world.digest.untold) == (None, frozenset())
    await world.pass_time(3600)
    assert world.relay.tried == [JEANNY]
    assert world.told == []


async def test_each_alert_says_what_its_own_mail_told_however_often_it_is_given() -> None:
    world, deposit = World(), Deposit(size=2)
    world.relay.answers[PAUL] = [deferred(), None]
    first, second = deposit.deposited("a.pdf", alert=("paul",)), deposit.deposited("b.pdf")
    await world.hear(first, second)
    await world.hear(withdrawn(first))
    await world.pass_time(5)
    assert world.told == [("alerted", "jeanny", 2), ("alerted", "paul", 1)]
    again = await world.hear(second)
    assert [each.encode() for each in again] == [each.payload for each in world.announcer.published]
    (jeannys,) = await world.hear(first)
    assert jeannys.data.recipient == "jeanny"


async def test_a_mail_under_way_is_told_of_as_it_went() -> None:
    world, deposit = World(), Deposit(size=1)
    world.relay.hold = asyncio.Event()
    only = deposit.deposited("a.pdf")
    await _noted(world, only)
    wake = asyncio.create_task(send_digest(world.digest.id, sending=world.sending))
    await world.relay.asked.wait()
    await _noted(world, withdrawn(only))
    world.relay.hold.set()
    await wake
    assert world.told == [("alerted", "jeanny", 1)]


async def test_a_mail_under_way_that_is_put_off_goes_no_more() -> None:
    world, deposit = World(), Deposit(size=1)
    world.relay.hold = asyncio.Event()
    world.relay.answers[JEANNY] = [deferred()]
    only = deposit.deposited("a.pdf")
    await _noted(world, only)
    wake = asyncio.create_task(send_digest(world.digest.id, sending=world.sending))
    await world.relay.asked.wait()
    await _noted(world, withdrawn(only))
    world.relay.hold.set()
    await wake
    await world.pass_time(3600)
    assert world.relay.tried == [JEANNY]
    assert (world.told, world.digest.next_at) == ([], None)


async def test_what_is_withdrawn_while_the_relay_is_down_is_not_named_when_it_is_back() -> None:
    world, deposit = World(), Deposit(size=2)
    first = deposit.deposited("a.pdf")
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.hear(first, deposit.deposited("b.pdf"))
    await _noted(world, withdrawn(first))
    world.relay.down = None
    await world.wake(f"digest.{world.digest.id}")
    assert names(world.relay.sent[0]) == ["b.pdf"]


async def test_with_nobody_to_tell_and_nothing_left_to_tell_the_waiting_ends() -> None:
    world = World(directory(client=None, office=None))
    only = Deposit(size=1).deposited("a.pdf")
    with pytest.raises(Later):
        await world.hear(only)
    await _noted(world, withdrawn(only))
    await world.wake(f"digest.{world.digest.id}")
    assert world.digest.next_at is None
    assert await world.sweep() == 0


async def test_what_was_withdrawn_still_counts_for_its_deposit() -> None:
    world, deposit = World(), Deposit(size=2)
    first = deposit.deposited("a.pdf")
    await world.hear(first, withdrawn(first))
    await world.hear(deposit.deposited("b.pdf"))
    assert [names(letter) for letter in world.relay.sent] == [["b.pdf"]]


async def test_of_many_the_withdrawn_are_left_out_of_lines_and_count() -> None:
    world, deposit = World(), Deposit(size=60)
    events = [deposit.deposited(f"facture {number:02}.pdf") for number in range(60)]
    await world.hear(*events[:59])
    await world.hear(*(withdrawn(event) for event in events[:3]))
    await world.hear(events[59])
    (letter,) = world.relay.sent
    assert b"57 nouveaux documents" in letter.content
    assert b"et 7 autres documents" in letter.content
    assert b"facture 02.pdf" not in letter.content
    assert b"facture 03.pdf" in letter.content


async def test_a_withdrawal_of_something_unknown_changes_nothing() -> None:
    world = World()
    assert await world.hear(withdrawn(Deposit(size=1).deposited())) == []
    assert world.digests.records == {}


async def _noted(world: World, event: Envelope) -> None:
    await note_event(event, digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
