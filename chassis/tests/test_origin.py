"""What a message was when it first came; settings of consumers."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from chassis.bus import Consumer
from chassis.origin import Origin

AT = datetime(2026, 3, 26, 14, 5, tzinfo=UTC)


def _delivery(subject: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(subject=subject, sequence=7, published_at=AT, headers=named)


def test_a_copy_still_names_the_first_message() -> None:
    first = Origin.of(_delivery("connect.v1.documents.deposited.14", Nats_Msg_Id="id-1"))
    copy = Origin.of(
        SimpleNamespace(
            subject="connect.v1.wake.due.notify.later.x.7", sequence=99, published_at=AT, headers=first.headers()
        )
    )
    assert copy == first
    assert (copy.event, copy.message_id, copy.sequence) == ("deposited", "id-1", 7)


@pytest.mark.parametrize(
    ("subject", "event"),
    [
        ("connect.v1.documents.taken.14", "taken"),
        ("connect.v1.wake.due.notify.digest.0192", "digest"),
        ("connect.v1.wake.due", "other"),
        ("x", "other"),
    ],
)
def test_an_event_is_named_by_its_subject(subject: str, event: str) -> None:
    assert Origin.of(_delivery(subject)).event == event


def test_headers_that_are_no_copy_s_are_not_believed() -> None:
    origin = Origin.of(_delivery("connect.v1.documents.taken.14", Connect_Since="yesterday", Connect_Sequence="x"))
    assert origin.sequence == 7


def test_a_message_that_claims_to_be_a_copy_where_none_comes_is_not_believed() -> None:
    copied = Origin.of(_delivery("connect.v1.documents.taken.14")).headers()
    named = {name.replace("-", "_"): value for name, value in copied.items()}
    assert Origin.of(_delivery("connect.v1.documents.alerted.14", **named)).event == "alerted"


@pytest.mark.parametrize(
    ("scheduler", "believed"),
    [
        ("connect.v1.wake.schedule.ged-mover.later.ged-mover-erasures.7", True),
        ("connect.v1.wake.schedule.ged-mover.later.ged-mover-erasures.8", False),
        ("connect.v1.wake.schedule.upload.later.ged-mover-erasures.7", False),
        ("?", False),
    ],
)
def test_a_copy_that_its_own_schedule_did_not_send_is_not_believed(scheduler: str, believed: bool) -> None:
    headers = Origin.of(_delivery("connect.v1.documents.withdrawn.14")).headers()
    named = {**{name.replace("-", "_"): value for name, value in headers.items()}, "Nats_Scheduler": scheduler}
    copy = Origin.of(_delivery("connect.v1.wake.due.ged-mover.later.ged-mover-erasures.7", **named))
    assert (copy.event == "withdrawn") == believed


@pytest.mark.parametrize("ack_wait", [0, -1, 31, 3600])
def test_a_consumer_waits_no_longer_than_half_a_minute(ack_wait: float) -> None:
    with pytest.raises(ValueError, match="ack_wait"):
        Consumer("S", "d", ("a",), ack_wait=ack_wait)
