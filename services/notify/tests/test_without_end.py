"""A deposit that goes on without end: its mails go out all the same, and its record stays small."""

import random
from datetime import datetime, timedelta

import pytest
from chassis.errors import Later
from contracts.envelope import Envelope
from notify.handlers import note_event
from notify.model import WAIT_AT_MOST

from tests.suites.notify_events import Deposit, directory, withdrawn
from tests.suites.notify_world import World

JEANNY, PAUL = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example"


@pytest.mark.parametrize(("size", "every"), [(None, 15), (10_000, 240)])
async def test_a_deposit_that_goes_on_and_on_is_told_of_every_hour(size: int | None, every: int) -> None:
    world, deposit = World(), Deposit(size=size)
    begun = world.now
    for _ in range(8 * 3600 // every):
        await world.hear(deposit.deposited())
        await world.pass_time(every)
    assert [part.sealed_at - begun for part in world.digest.parts] == [WAIT_AT_MOST * hour for hour in range(1, 9)]
    assert world.told == [("alerted", "jeanny", 3600 // every)] * 8


async def test_what_was_withdrawn_meanwhile_hastens_no_mail() -> None:
    world, deposit = World(), Deposit(size=100)
    first = deposit.deposited()
    await world.hear(first)
    await world.pass_time(200)
    begun = world.now
    await world.hear(deposit.deposited(), withdrawn(first))
    for _ in range(16):
        await world.pass_time(240)
        await world.hear(deposit.deposited())
    assert world.digest.parts[0].sealed_at - begun == WAIT_AT_MOST


async def test_a_mail_that_is_overdue_stays_so_whatever_else_is_heard() -> None:
    world, deposit = World(directory(office=None, client=None)), Deposit()
    begun = world.now
    for _ in range(500):
        await note_event(deposit.deposited(), digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
        world.now += timedelta(seconds=15)
    assert await world.digests.oldest_due() == begun + WAIT_AT_MOST


async def test_a_mail_tells_of_so_many_documents_and_the_next_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notify.model.MOST_IN_A_MAIL", 50)
    world, deposit = World(), Deposit(size=10_000)
    events = [deposit.deposited() for _ in range(51)]
    for event in events:
        await note_event(event, digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
    await world.pass_time(0)
    assert [len(part.documents) for part in world.digest.parts] == [50]
    await world.pass_time(300)
    first, second = world.relay.sent
    assert first.message_id != second.message_id
    told = [document for event in world.announced for document in event.data.documents]
    assert sorted(told) == sorted(event.data.document for event in events)


@pytest.mark.parametrize("seed", range(20))
async def test_in_any_order_and_however_often_each_document_is_told_of_once_and_in_time(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, world = random.Random(seed), World()  # noqa: S311 (reproducible)
    most, deposit = chance.choice([7, 2000]), Deposit(size=chance.choice([None, 40]))
    monkeypatch.setattr("notify.model.MOST_IN_A_MAIL", most)
    events = [deposit.deposited() for _ in range(40)]
    heard: dict[str, datetime] = {}
    for event in _shuffled(events, chance):
        heard.setdefault(event.data.document, world.now)
        await world.hear(event)
        await world.pass_time(chance.choice([0, 15, 240]))
    await world.pass_time(300)
    told = [(document, event.data.at) for event in world.announced for document in event.data.documents]
    assert sorted(document for document, _ in told) == sorted(heard)
    assert all(at - heard[document] <= WAIT_AT_MOST for document, at in told)
    assert max(len(part.documents) for part in world.digest.parts) <= most


def _shuffled(events: list[Envelope], chance: random.Random) -> list[Envelope]:
    """Each once or several times, in any order."""
    again = [event for event in events for _ in range(chance.randint(1, 3))]
    chance.shuffle(again)
    return again


async def test_of_mails_long_settled_the_record_keeps_what_prevents_a_second_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notify.model.MAILS_REMEMBERED", 4)
    world, deposit = World(), Deposit()
    events = [deposit.deposited(alert=("paul",)) for _ in range(6)]
    for event in events:
        await world.hear(event)
        await world.pass_time(20)
    assert sorted(world.digest.mails) == [f"{part}_{who}" for part in (3, 4, 5) for who in ("jeanny", "paul")]
    sent = len(world.relay.sent)
    again = [len(await world.hear(event)) for event in events]
    await world.pass_time(3600)
    assert (len(world.relay.sent), again) == (sent, [0, 0, 0, 2, 2, 2])


async def test_a_mail_that_still_waits_is_remembered_with_the_others_of_its_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notify.model.MAILS_REMEMBERED", 1)
    world, deposit = World(), Deposit()
    world.relay.answers[PAUL] = [Later("recipient_deferred", delay=5)]
    for alert in (("paul",), (), ()):
        await world.hear(deposit.deposited(alert=alert))
        await world.pass_time(20)
    assert sorted(world.digest.mails) == ["0_jeanny", "0_paul", "1_jeanny", "2_jeanny"]
    world.relay.answers.clear()
    await world.pass_time(60)
    assert world.relay.recipients == [JEANNY, JEANNY, JEANNY, PAUL]
