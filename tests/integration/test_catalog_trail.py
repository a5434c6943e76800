"""The audit trail's stream as a real server has it: nobody speaks in it for another, and nonsense stops nothing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import nats
import pytest
from catalog.nats_trail import NatsTrail
from chassis.jetstream import JetStreamBus
from contracts.audit import Seal
from contracts.registry import AUDIT_EVENTS, BY_NAME, JOURNALED, SEALED

from tests.suites.bad_events import bad_events, good
from tests.suites.catalog_sealing import Desk
from tests.suites.nats_server import NatsServer

OFFICE = "14"
DEPOSITED, TAKEN = BY_NAME["audit_deposited"], BY_NAME["audit_taken"]


@pytest.fixture
def trail(bus: JetStreamBus) -> NatsTrail:
    return NatsTrail(bus)


async def say(server: NatsServer, *told: tuple[str, bytes | Mapping[str, Any]]) -> None:
    """Publish payloads, or events, each on a subject."""
    client = await nats.connect(server.url, user="worker", password="secret")
    for subject, said in told:
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        await client.jetstream().publish(subject, payload, timeout=30)
    await client.close()


def nonsense() -> list[tuple[str, bytes]]:
    """Whatever can be wrong, on each subject of the trail."""
    return [(event.topic(OFFICE), bad.payload) for event in AUDIT_EVENTS for bad in bad_events(event, office=OFFICE)]


async def test_what_the_consumer_buries_is_no_entry_and_what_comes_after_it_is(
    server: NatsServer, trail: NatsTrail
) -> None:
    entries = [good(event, office=OFFICE) for event in JOURNALED]
    bad = nonsense()
    await say(server, *bad, *((event.topic(OFFICE), each) for event, each in zip(JOURNALED, entries, strict=True)))
    found = [(event.id, sequence) async for event, sequence in trail.entries(after=0)]
    assert found == [(each["id"], number) for number, each in enumerate(entries, start=len(bad) + 1)]


async def test_an_entry_that_was_forged_on_another_subject_is_not_sealed(server: NatsServer, trail: NatsTrail) -> None:
    """Intake may publish what was deposited, and no decision."""
    here = Desk()
    here.sealing = replace(here.sealing, trail=trail)
    here.now = datetime.now(UTC)
    entry, forged = good(DEPOSITED, office=OFFICE), good(TAKEN, office=OFFICE)
    await say(server, (DEPOSITED.topic(OFFICE), entry), (DEPOSITED.topic(OFFICE), forged))
    seals = [await here.seal() for _ in range(2)]
    assert [link.entry["id"] for link in here.journal.links] == [entry["id"]]
    assert [seal and (seal.first, seal.last) for seal in seals] == [(1, 1), None]


async def test_nonsense_where_seals_are_told_hides_none_and_is_none(server: NatsServer, trail: NatsTrail) -> None:
    seals = [good(SEALED, office=office) for office in (OFFICE, "53")]
    seals[1]["data"]["number"] += 1
    told = [(SEALED.topic(each["data"]["office"]), each) for each in seals]
    await say(server, *told, *((SEALED.topic(OFFICE), bad.payload) for bad in bad_events(SEALED, office=OFFICE)))
    numbers = [each["data"]["number"] for each in seals]
    assert [seal.number async for seal in trail.seals()] == numbers
    last: list[Seal | None] = [await trail.last_seal(offices) for offices in ([OFFICE], ["53"], [OFFICE, "53"], ["1"])]
    assert [seal and seal.number for seal in last] == [numbers[0], numbers[1], numbers[1], None]
