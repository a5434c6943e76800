"""Nobody is asked to deposit again what was taken in charge after all, or replaced, whichever event comes first."""

from collections.abc import Callable
from itertools import permutations

import pytest
from chassis.errors import Later, Unavailable
from contracts.envelope import Envelope
from notify.handlers import note_event
from notify.ports import Letter

from tests.suites.notify_events import Deposit, new_id, returned, taken, withdrawn
from tests.suites.notify_world import World

JEANNY, OWNER = "jeanny@cerfrance-14.example", "contact@earl-du-chene.example"

Answer = Callable[[Envelope], Envelope]


def replaced(event: Envelope) -> Envelope:
    """Another document is deposited in the place of a returned one."""
    return Deposit(size=1).deposited("new.pdf", replaces=event)


def asked(world: World) -> list[list[str]]:
    """Which documents each mail to the client asks for."""
    return [_names(letter) for letter in world.relay.sent if letter.recipient == OWNER]


def _names(letter: Letter) -> list[str]:
    return [name for name in ("a.pdf", "b.pdf", "new.pdf") if name.encode() in letter.content]


@pytest.mark.parametrize("answer", [taken, replaced])
async def test_what_is_answered_before_its_mail_is_not_asked_for(answer: Answer) -> None:
    world = World()
    first = returned(new_id(), name="a.pdf")
    await world.hear(first, returned(new_id(), name="b.pdf"), answer(first))
    assert "a.pdf" not in repr(world.digests.records)
    await world.pass_time(60)
    assert asked(world) == [["b.pdf"]]


@pytest.mark.parametrize("answer", [taken, replaced])
async def test_a_return_that_is_answered_is_told_to_nobody_in_every_order_and_repetition(answer: Answer) -> None:
    back = returned(new_id(), name="a.pdf")
    for order in permutations([back, back, answer(back)]):
        world = World()
        await world.hear(*order)
        await world.pass_time(3600)
        assert asked(world) == []
        assert await world.sweep() == 0


async def test_what_replaced_it_being_withdrawn_again_asks_for_nothing_in_every_order() -> None:
    back = returned(new_id(), name="a.pdf")
    new = replaced(back)
    for order in permutations([back, new, withdrawn(new)]):
        world = World()
        await world.hear(*order)
        await world.pass_time(3600)
        assert asked(world) == []


async def test_an_answer_that_is_heard_while_the_return_is_noted_counts_all_the_same() -> None:
    world = World()
    back = returned(new_id(), name="a.pdf")
    await world.hear(back)
    await world.digests.note_answered(back.data.document, now=world.now)
    await world.pass_time(3600)
    assert asked(world) == []
    assert world.digest.next_at is None


@pytest.mark.parametrize("answer", [taken, replaced])
async def test_what_is_answered_while_the_relay_is_down_is_not_asked_for_when_it_is_back(answer: Answer) -> None:
    world = World()
    back = returned(new_id(), name="a.pdf")
    await world.hear(back)
    world.relay.down = Unavailable("relay_unreachable")
    with pytest.raises(Unavailable):
        await world.pass_time(20)
    await note_event(answer(back), digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
    world.relay.down = None
    await world.pass_time(3600)
    await world.sweep()
    await world.pass_time(0)
    assert asked(world) == []


async def test_a_mail_that_waits_for_its_server_asks_no_longer_for_what_was_taken() -> None:
    world = World()
    world.relay.answers[OWNER] = [Later("recipient_deferred", delay=5), None]
    first = returned(new_id(), name="a.pdf")
    await world.hear(first, returned(new_id(), name="b.pdf"))
    await world.pass_time(20)
    await world.hear(taken(first))
    await world.pass_time(5)
    assert asked(world) == [["b.pdf"]]
    assert [count for _, _, count in world.told] == [1]


@pytest.mark.parametrize("answer", [taken, replaced])
async def test_the_accountant_is_told_of_the_deposit_all_the_same(answer: Answer) -> None:
    world = World()
    world.relay.answers[JEANNY] = [Later("recipient_deferred", delay=5), None]
    deposit = Deposit(size=1).deposited("a.pdf")
    back = returned(deposit.data.document, name="a.pdf")
    await world.hear(deposit, back, answer(back))
    await world.pass_time(3600)
    assert ["a.pdf"] in [_names(letter) for letter in world.relay.sent if letter.recipient == JEANNY]
    assert asked(world) == []


async def test_what_was_told_before_its_answer_is_told_again_to_who_missed_it() -> None:
    world = World()
    back = returned(new_id(), name="a.pdf")
    await world.hear(back)
    await world.pass_time(20)
    await world.hear(taken(back))
    (again,) = await world.hear(back)
    assert [again.encode()] == [each.payload for each in world.announcer.published]


async def test_of_a_first_decision_nothing_is_noted() -> None:
    world = World()
    assert await world.hear(taken(Deposit(size=1).deposited(), revision=1)) == []
    assert (world.digests.records, world.digests.answered) == ({}, set())
