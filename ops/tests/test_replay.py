"""A dead letter goes back to the one subscription that buried it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from chassis.bus import Consumer, Outgoing
from chassis.dead import STREAM, Letter, dead_subject
from chassis.errors import Rejected
from chassis.origin import Origin
from chassis.worker import Subscription, Worker
from connect_ops.dead import Grave, replay
from connect_ops.letters import Stored
from connect_ops.replay import Handover, handover_of

from tests.suites.catalog_events import announced, at, document_id
from tests.suites.fake_bus import FakeBus
from tests.support.eventually import eventually

SUBJECT = "connect.v1.documents.deposited.14"


def letter(
    service: str = "notify", subscription: str = "notify-digests", *, code: str = "bug", of: str = SUBJECT
) -> Letter:
    return Letter(service, subscription, code, "why", at(1), Origin(of, 7, at(0), "an-id"))


def handed(told: Letter, payload: bytes = b"{}") -> Handover | None:
    return handover_of(told, payload, generation=3)


def test_a_copy_names_the_subscription_and_what_it_was() -> None:
    found = handed(letter())
    assert found is not None
    assert found.subject == "connect.v1.wake.due.notify.later.notify-digests.7"
    assert Origin.carried(found.headers) == letter().origin


def test_of_the_catalog_the_projection_that_serves_hears_it() -> None:
    found = handed(letter("catalog", "catalog-projection-g1"))
    assert found is not None
    assert found.subject == "connect.v1.wake.due.catalog.later.catalog-projection-g3.7"


def test_a_wake_up_is_said_again() -> None:
    subject = "connect.v1.wake.due.notify.digest.abc"
    assert handed(letter(subscription="notify-wake-digest", of=subject), b"x") == Handover(subject, b"x")


def test_what_was_for_an_unknown_subscription_is_not_guessed() -> None:
    assert handed(letter(subscription="notify-wake", code="unknown_wake_up")) is None


def test_what_was_forged_is_handed_to_nobody() -> None:
    subject = "connect.v1.wake.due.ged-mover.later.ged-mover-erasures.7"
    assert handed(letter("ged-mover", "ged-mover-wake", code="wake_up_forged", of=subject)) is None


def test_a_move_that_was_given_up_is_taken_up_again() -> None:
    payload = announced(1).encode()
    given_up = letter("ged-mover", "ged-mover-moves", code="hash_differs", of=SUBJECT)
    assert handed(given_up, payload) == Handover(f"connect.v1.wake.due.ged-mover.move.{document_id(1)}", b"")
    # What no handler ever saw is handled as it came.
    for untouched in (handed(given_up), handed(letter("ged-mover", "ged-mover-moves"), payload)):
        assert untouched is not None
        assert untouched.subject == "connect.v1.wake.due.ged-mover.later.ged-mover-moves.7"


class Graveyard:
    """A stream of dead letters on the fake bus, as `Broker` does it."""

    def __init__(self, bus: FakeBus) -> None:
        self._bus = bus
        self.erased: list[int] = []

    async def publish(self, subject: str, payload: bytes, *, id: str, headers: dict[str, str]) -> None:  # noqa: A002 (the broker's word)
        await self._bus.publish(subject, payload, message_id=id, headers=headers)

    async def erase(self, stream: str, sequence: int) -> bool:
        assert stream == STREAM
        self.erased.append(sequence)
        return True


async def test_nobody_else_hears_a_replayed_letter_and_it_comes_once() -> None:
    bus, heard = FakeBus(), []
    mended = False

    async def broken(event: str) -> Sequence[Outgoing]:
        heard.append(f"broken heard {event}")
        if not mended:
            raise Rejected("not_yet")
        return []

    async def sound(event: str) -> Sequence[Outgoing]:
        heard.append(f"sound heard {event}")
        return []

    def subscription(name: str, handle: Any) -> Subscription:
        consumer = Consumer("CONNECT_DOCUMENTS", name, (SUBJECT,))
        return Subscription(consumer, decode=lambda payload, subject: f"{payload.decode()} {subject}", handle=handle)

    subscriptions = [subscription("notify-broken", broken), subscription("notify-sound", sound)]
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(service="notify", bus=bus, subscriptions=subscriptions).run(stop))
    await bus.publish(SUBJECT, b"event")
    await eventually(lambda: len(heard) == 2 and bool(bus.stored(dead_subject("notify"))))
    (dead,) = bus.stored(dead_subject("notify"))
    grave = Grave.of(Stored(dead.sequence, dead.subject, dead.payload, dead.headers))
    assert (grave.told["subscription"], grave.told["code"], grave.told["event"]) == (
        "notify-broken",
        "not_yet",
        "deposited",
    )

    heard.clear()
    mended = True
    graves: Any = Graveyard(bus)
    for _ in range(2):
        assert await replay(graves, grave, generation=1)
    await eventually(lambda: bool(heard))
    stop.set()
    await running
    assert heard == [f"broken heard event {SUBJECT}"]
    assert graves.erased == [dead.sequence] * 2


async def test_what_no_worker_buried_is_told_and_stays() -> None:
    grave = Grave.of(Stored(1, dead_subject("notify"), b'{"data": {"office": "14", "document": "d"}}'))
    assert (grave.told["code"], grave.told["office"], grave.told["documents"]) == (None, "14", ["d"])
    graves: Any = Graveyard(FakeBus())
    assert not await replay(graves, grave, generation=1)
    assert graves.erased == []


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"data": {"office": ["14"], "documents": [1, {}]}}', b"\xff"])
def test_whatever_lies_there_can_be_told(payload: bytes) -> None:
    told = Grave.of(Stored(1, "connect.v1.dead.notify", payload)).told
    assert (told["office"], told["documents"]) == (None, [])
