"""After a restore from an older backup nobody is told again of what events say, and whom they don't name is told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import permutations

import pytest
from chassis.errors import Later
from contracts.directory import Directory
from contracts.envelope import Envelope, decode
from notify.errors import RecipientRefused
from notify.model import Digest
from notify.told import told_since

from tests.suites.notify_events import CLIENT, Deposit, directory, new_id, returned, withdrawn
from tests.suites.notify_world import World

JEANNY, PAUL, INBOX = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example", "accueil@cerfrance-14.example"
WITHOUT_PAUL = directory(client=CLIENT.model_copy(update={"contacts": CLIENT.contacts[:2]}))


def deferred() -> Later:
    return Later("recipient_deferred", delay=5)


def refused() -> RecipientRefused:
    return RecipientRefused("recipient_refused", status=550)


class Backup:
    """A world's records as they are at one moment, to be compared with what it went on to tell."""

    def __init__(self, world: World) -> None:
        self._world, self._told = world, len(world.announcer.published)
        self.records: Mapping[str, Digest] = dict(world.digests.records)
        self._withdrawn = set(world.digests.withdrawn)
        self._look_at: Mapping[str, datetime] = dict(world.digests.look_at)

    @property
    def told_since(self) -> list[Envelope]:
        return [decode(event.payload) for event in self._world.announcer.published[self._told :]]

    async def records_with(self, event: Envelope) -> "Backup":
        """The same backup, had it been made once this was heard too."""
        world = World()
        world.now = self._world.now
        world.digests.records = dict(self.records)
        await world.hear(event)
        return Backup(world)

    async def restored(self, events: Iterable[Envelope], *, who: Directory | None = None) -> World:
        """Notify as it starts with these records, brought up to some events, and an hour later."""
        world = World(who)
        world.now = self._world.now
        world.digests.records, world.digests.look_at = dict(self.records), dict(self._look_at)
        world.digests.withdrawn = self._withdrawn | self._world.digests.withdrawn
        for event in events:
            for digest in list(world.digests.records.values()):
                changed = told_since(digest, event.data, directory=who or directory())
                assert changed is None or await world.digests.save(changed)
        for _ in range(3):
            await world.pass_time(1200)
            await world.sweep()
        await world.pass_time(0)
        return world

    async def in_every_order(self, events: Sequence[Envelope]) -> list[World]:
        return [await self.restored(order) for order in permutations(events)]


async def test_without_the_events_what_waited_goes_out_once_more() -> None:
    world = World()
    await world.hear(Deposit().deposited())
    backup = Backup(world)
    assert (await backup.restored(())).relay.recipients == [JEANNY]


@pytest.mark.parametrize("kind", ["deposited", "published", "returned"])
async def test_what_waited_and_was_told_since_is_not_told_again(kind: str) -> None:
    world = World()
    event = returned(new_id()) if kind == "returned" else getattr(Deposit(), kind)()
    await world.hear(event)
    backup = Backup(world)
    await world.pass_time(20)
    [told] = backup.told_since
    restored = await backup.restored([told])
    assert (restored.relay.tried, restored.told, restored.digest.next_at) == ([], [], None)
    # Whoever publishes the document again hears what was told of it, under the same id.
    [again] = await restored.hear(event)
    assert (again.id, again.data) == (told.id, told.data)


async def test_a_mail_that_was_put_off_and_went_out_since_does_not_go_again() -> None:
    world = World()
    world.relay.answers[JEANNY] = [deferred(), None]
    await world.hear(Deposit(size=1).deposited(alert=("paul",)))
    backup = Backup(world)
    await world.pass_time(5)
    assert [each.data.recipient for each in backup.told_since] == ["jeanny"]
    restored = await backup.restored(backup.told_since)
    assert (restored.relay.tried, restored.digest.parts[0].lines) == ([], ())


async def test_whom_no_event_names_is_told_all_the_same() -> None:
    world = World()
    world.relay.answers[PAUL] = [deferred()]
    await world.hear(Deposit(size=3).deposited("a.pdf", alert=("paul",)))
    backup = Backup(world)
    await world.pass_time(300)
    assert [each.data.recipient for each in backup.told_since] == ["jeanny"]
    restored = await backup.restored(backup.told_since)
    assert restored.relay.recipients == [PAUL]
    assert b"a.pdf" in restored.relay.sent[0].content


async def test_where_the_directory_knows_nobody_it_waits_until_it_does() -> None:
    world = World()
    world.relay.answers[PAUL] = [deferred()]
    await world.hear(Deposit(size=3).deposited(alert=("paul",)))
    backup = Backup(world)
    await world.pass_time(300)
    [told] = backup.told_since
    [digest] = backup.records.values()
    # Else only whoever was told already would have a mail, and all others none for ever.
    assert told_since(digest, told.data, directory=Directory(dict)) is None
    changed = told_since(digest, told.data, directory=directory())
    assert changed
    assert sorted(mail.recipient.id for mail in changed.mails.values()) == ["jeanny", "paul"]


async def test_what_waits_beside_it_and_no_event_names_is_told_alone() -> None:
    world, deposit = World(), Deposit(size=5)
    await world.hear(deposit.deposited("a.pdf"), deposit.deposited("b.pdf"))
    first = Backup(world)
    await world.pass_time(300)
    beside = await first.records_with(deposit.deposited("c.pdf"))
    [letter] = (await beside.restored(first.told_since)).relay.sent
    assert [name in letter.content for name in (b"a.pdf", b"b.pdf", b"c.pdf")] == [False, False, True]


async def test_a_refusal_and_the_inbox_in_its_place_are_known_in_any_order() -> None:
    world = World()
    world.relay.answers[JEANNY] = [refused()]
    await world.hear(Deposit().deposited())
    backup = Backup(world)
    await world.pass_time(20)
    events = backup.told_since
    assert [(each.name, each.data.recipient) for each in events] == [("alert_failed", "jeanny"), ("alerted", "inbox")]
    for restored in await backup.in_every_order(events):
        assert (restored.relay.tried, restored.digest.next_at) == ([], None)
    # The refusal alone: so that it is always told, the inbox is.
    assert (await backup.restored(events[:1])).relay.recipients == [INBOX]


async def test_a_refused_mail_that_nobody_must_get_is_told_to_nobody_else() -> None:
    world = World()
    world.relay.answers[PAUL] = [refused()]
    await world.hear(Deposit().deposited(alert=("paul",)))
    backup = Backup(world)
    await world.pass_time(20)
    for restored in await backup.in_every_order(backup.told_since):
        assert (restored.relay.tried, restored.digest.next_at) == ([], None)
    gone = await backup.restored(backup.told_since, who=WITHOUT_PAUL)
    assert (gone.relay.tried, gone.digest.next_at) == ([], None)


async def test_a_long_deposit_is_known_by_each_of_its_events() -> None:
    world, deposit = World(), Deposit(size=1200)
    for number in range(1100):
        await world.hear(deposit.deposited(f"{number}.pdf"))
    waiting = Backup(world)
    await world.pass_time(300)
    for restored in await waiting.in_every_order(waiting.told_since):
        assert (restored.relay.tried, restored.digest.next_at) == ([], None)


async def test_of_a_long_mail_that_was_put_off_one_event_is_enough() -> None:
    world, deposit = World(), Deposit(size=600)
    world.relay.answers[JEANNY] = [deferred(), None]
    for number in range(600):
        await world.hear(deposit.deposited(f"{number}.pdf"))
    backup = Backup(world)
    await world.pass_time(5)
    for event in backup.told_since:
        assert (await backup.restored([event])).relay.tried == []


async def test_what_was_withdrawn_since_is_told_to_nobody() -> None:
    world, deposit = World(), Deposit(size=3)
    world.relay.answers[PAUL] = [deferred()]
    gone = deposit.deposited("a.pdf", alert=("paul",))
    await world.hear(gone, deposit.deposited("b.pdf"))
    backup = Backup(world)
    await world.pass_time(300)
    events = backup.told_since
    await world.hear(withdrawn(gone))
    restored = await backup.restored(events)
    [letter] = restored.relay.sent
    assert [name in letter.content for name in (b"a.pdf", b"b.pdf")] == [False, True]


async def test_it_can_be_done_again_and_says_nothing_of_other_digests() -> None:
    world, other = World(), World()
    await world.hear(Deposit().deposited())
    await other.hear(Deposit().deposited())
    backup = Backup(world)
    await world.pass_time(20)
    [event] = backup.told_since
    [digest] = backup.records.values()
    once = told_since(digest, event.data, directory=directory())
    assert once
    assert told_since(once, event.data, directory=directory()) is None
    assert told_since(other.digest, event.data, directory=directory()) is None
