"""When a deposit's mail goes out, and that it is one."""

from datetime import timedelta
from itertools import permutations

import pytest
from notify.handlers import note_event

from tests.suites.notify_events import Deposit, new_id
from tests.suites.notify_world import World

JEANNY = "jeanny@cerfrance-14.example"


async def test_a_deposit_of_one_is_told_of_at_once() -> None:
    world = World()
    await world.hear(Deposit(size=1).deposited())
    assert world.relay.recipients == [JEANNY]


async def test_a_deposit_is_told_of_in_one_mail_when_all_its_documents_are_there() -> None:
    world, deposit = World(), Deposit(size=3)
    await world.hear(deposit.deposited(), deposit.deposited())
    assert world.relay.sent == []
    await world.hear(deposit.deposited())
    assert world.relay.recipients == [JEANNY]
    assert world.told == [("alerted", "jeanny", 3)]


async def test_nobody_is_mailed_about_what_happened_a_year_ago() -> None:
    world, deposit = World(), Deposit(size=1)
    event = deposit.deposited()
    old, recent = (event.model_copy(update={"time": world.now - timedelta(days=days)}) for days in (366, 300))
    await world.hear(old)
    assert (world.relay.tried, world.digests.records) == ([], {})
    await world.hear(recent)
    assert world.relay.recipients == [JEANNY]


async def test_refused_and_cancelled_files_count() -> None:
    world, deposit = World(), Deposit(size=3)
    await world.hear(deposit.deposited(), deposit.rejected(), deposit.abandoned())
    assert world.told == [("alerted", "jeanny", 1)]


async def test_a_deposit_of_which_nothing_arrived_is_told_to_nobody() -> None:
    world, deposit = World(), Deposit(size=2)
    await world.hear(deposit.rejected(), deposit.abandoned(), deposit.closed())
    await world.pass_time(3600)
    assert world.relay.tried == []


async def test_a_closed_deposit_is_told_of_once_its_documents_are_heard() -> None:
    world, deposit = World(), Deposit(size=5)
    ids = [new_id(), new_id()]
    await world.hear(deposit.deposited(document=ids[0]), deposit.closed(*ids))
    assert world.relay.sent == []
    await world.hear(deposit.deposited(document=ids[1]))
    assert world.told == [("alerted", "jeanny", 2)]


async def test_a_document_that_the_closing_does_not_name_is_told_of_a_little_later() -> None:
    world, deposit = World(), Deposit(size=5)
    known, later = new_id(), new_id()
    await world.hear(deposit.deposited("a.pdf", document=known), deposit.closed(known))
    await world.hear(deposit.deposited("b.pdf", document=later))
    await world.pass_time(20)
    assert world.told == [("alerted", "jeanny", 1), ("alerted", "jeanny", 1)]


async def test_without_the_rest_the_mail_goes_five_minutes_after_the_last_document() -> None:
    world, deposit = World(), Deposit(size=5)
    await world.hear(deposit.deposited())
    await world.pass_time(200)
    await world.hear(deposit.deposited())
    await world.pass_time(299)
    assert world.relay.sent == []
    await world.pass_time(1)
    assert world.told == [("alerted", "jeanny", 2)]


async def test_without_a_size_the_mail_goes_twenty_seconds_after_the_last_document() -> None:
    world, deposit = World(), Deposit()
    await world.hear(deposit.deposited())
    await world.pass_time(15)
    await world.hear(deposit.deposited())
    await world.pass_time(19)
    assert world.relay.sent == []
    await world.pass_time(1)
    assert world.told == [("alerted", "jeanny", 2)]


@pytest.mark.parametrize("size", [None, 2])
async def test_a_document_after_its_deposits_mail_goes_in_a_further_mail(size: int | None) -> None:
    world, deposit = World(), Deposit(size=size)
    await world.hear(deposit.deposited("a.pdf"), deposit.deposited("b.pdf"))
    await world.pass_time(20)
    await world.hear(deposit.deposited("c.pdf"))
    await world.pass_time(20)
    assert world.told == [("alerted", "jeanny", 2), ("alerted", "jeanny", 1)]
    first, second = world.relay.sent
    assert first.message_id != second.message_id
    assert b"c.pdf" in second.content
    assert b"a.pdf" not in second.content


async def test_every_order_of_a_deposits_events_gives_the_same_mail() -> None:
    deposit = Deposit(size=4)
    ids = [new_id(), new_id()]
    events = [
        *(deposit.deposited(name, document=document) for name, document in zip(("a.pdf", "b.pdf"), ids, strict=True)),
        deposit.rejected(),
        deposit.abandoned(),
    ]
    contents = set()
    for order in permutations(events):
        world = World()
        await world.hear(*order)
        assert world.told == [("alerted", "jeanny", 2)]
        contents.add(world.relay.sent[0].content.partition(b"a d=C3=A9pos=C3=A9")[2].partition(b"--=")[0])
    assert len(contents) == 1
    assert b"a.pdf" in contents.pop()


async def test_events_heard_twice_are_told_of_once() -> None:
    world, deposit = World(), Deposit(size=3)
    one, other = deposit.deposited(), deposit.rejected()
    await world.hear(one, other, one, other)
    assert world.relay.sent == []
    last = deposit.deposited()
    await world.hear(last, one, last)
    await world.pass_time(3600)
    assert world.told == [("alerted", "jeanny", 2)]


async def test_an_event_heard_again_gives_the_same_alerts_again() -> None:
    world, event = World(), Deposit(size=1).deposited(alert=("paul",))
    assert await world.hear(event) == []
    again = await world.hear(event)
    assert [(each.id, each.encode()) for each in again] == [
        (event.id, event.payload) for event in world.announcer.published
    ]
    assert len(world.relay.sent) == 2


async def test_the_same_deposit_id_of_another_client_person_or_folder_is_another_deposit() -> None:
    world, chosen = World(), new_id()
    await world.hear(
        Deposit(size=2, id=chosen).deposited(),
        Deposit(size=2, id=chosen, sub="somebody-else").deposited(),
        Deposit(size=2, id=chosen, folder="conseil").deposited(),
        Deposit(size=2, id=chosen, client="garage-du-pont").deposited(),
    )
    assert world.relay.tried == []
    assert len(world.digests.records) == 4


async def test_a_thousand_documents_are_one_mail_and_events_of_500_ids() -> None:
    world, deposit = World(), Deposit(size=1001)
    await world.hear(*(deposit.deposited(f"facture {number:04}.pdf") for number in range(1001)))
    assert world.relay.recipients == [JEANNY]
    assert world.told == [("alerted", "jeanny", 500), ("alerted", "jeanny", 500), ("alerted", "jeanny", 1)]
    assert len({event.id for event in world.announcer.published}) == 3


async def test_a_redelivery_gives_only_the_alert_that_names_its_document() -> None:
    world, deposit = World(), Deposit(size=501)
    events = [deposit.deposited() for _ in range(501)]
    await world.hear(*events)
    (again,) = await world.hear(events[500])
    assert again.data.documents == (events[500].data.document,)


async def test_a_wake_up_that_is_not_due_sets_another() -> None:
    world, deposit = World(), Deposit()
    await world.hear(deposit.deposited())
    key, at = world.alarm.times.popitem()
    await world.wake(key)
    assert world.relay.tried == []
    assert world.alarm.times == {key: at}


async def test_a_wake_up_with_nothing_to_do_does_nothing() -> None:
    world = World()
    await world.hear(Deposit(size=1).deposited())
    before = world.digest
    await world.wake(f"digest.{before.id}")
    await world.wake("digest.unknown")
    assert (world.digest, world.alarm.times, len(world.relay.tried)) == (before, {}, 1)


async def test_a_lost_wake_up_is_set_again_by_the_sweeper() -> None:
    world = World()
    await world.hear(Deposit().deposited())
    world.alarm.times.clear()
    await world.pass_time(20)
    assert await world.sweep() == 0
    await world.pass_time(2)
    assert await world.sweep() == 1
    await world.pass_time(0)
    assert world.told == [("alerted", "jeanny", 1)]
    assert await world.sweep() == 0


async def test_a_lost_wake_up_of_a_whole_deposit_is_set_again_within_seconds() -> None:
    world, deposit = World(), Deposit(size=2)
    for event in (deposit.deposited(), deposit.deposited()):
        await note_event(event, digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
    world.alarm.times.clear()
    await world.pass_time(3)
    assert await world.sweep() == 1


async def test_an_early_wake_up_replaced_by_a_later_one_is_not_missed() -> None:
    world, deposit = World(), Deposit(size=2)
    first, second = deposit.deposited(), deposit.deposited()
    await world.hear(first)
    (key,) = world.alarm.times
    await world.hear(second)
    # What a slower replica does that heard only the first document.
    world.alarm.times[key] = world.now + timedelta(minutes=5)
    assert world.told == [("alerted", "jeanny", 2)]
    await world.pass_time(600)
    assert len(world.relay.sent) == 1
