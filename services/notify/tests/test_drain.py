"""A service that is told to stop waits until what the relay has accepted is marked."""

from chassis.service import DRAIN_SECONDS
from notify import sending, smtp


def test_a_mail_that_is_being_sent_can_be_marked_before_the_process_ends() -> None:
    # The relay's last answer, then the database's absence and the answer to the last try.
    assert DRAIN_SECONDS >= smtp.COMMAND_TIMEOUT + sending.MARK_FOR + 5
