"""A service that is told to stop waits until what the relay has accepted is marked."""

from chassis.service import DRAIN_SECONDS
from notify import marking, smtp
from notify.handlers import note_event

from tests.suites.notify_events import Deposit
from tests.suites.notify_world import World


def test_a_mail_that_is_being_sent_can_be_marked_before_the_process_ends() -> None:
    # The relay's last answer, then the database's absence and the answer to the last try.
    assert DRAIN_SECONDS >= smtp.COMMAND_TIMEOUT + marking.MARK_FOR + 5


async def test_a_service_that_leaves_begins_no_mail_and_has_another_wake_up_for_it() -> None:
    world = World()
    event = Deposit(size=1).deposited()
    await note_event(event, digests=world.digests, alarm=world.alarm, clock=lambda: world.now)
    key, _ = world.alarm.times.popitem()
    world.sending.leaving.set()
    await world.wake(key)
    assert world.relay.tried == []
    assert world.alarm.times == {key: world.now}
    world.sending.leaving.clear()
    await world.pass_time(0)
    assert len(world.relay.tried) == 1
