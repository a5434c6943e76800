"""`GET /api/dead-letters` and the admin's page, on the real catalog; and reading them, on a real nats-server."""

import json

import pytest
from catalog import nats_letters
from catalog.nats_letters import NatsDeadLetters
from chassis.jetstream import JetStreamBus

from tests.suites.catalog_events import announced
from tests.support.catalog import Scene, letter_headers


async def test_an_admin_is_told_the_letters_of_their_office_and_nothing_of_their_content(scene: Scene) -> None:
    failed = scene.announced(name="bilan confidentiel.pdf")
    number = await scene.bury(failed, code="hash_differs")
    await scene.bury(announced(2, office="53"), code="bug")
    await scene.bury(failed, code="bug", subject="connect.v1.wake.due.ged-mover.move.x")
    admin = scene.browser("admin")
    # The stream holds whatever other tests have left.
    answer = await admin.get("/api/dead-letters", params={"after": number - 1})
    assert answer.status_code == 200
    (told,) = answer.json()["dead_letters"]
    assert told.pop("buried_at").startswith("2026-03-26T14:05")
    assert told == {
        "number": number,
        "service": "ged-mover",
        "event": "deposited",
        "document": failed.data.document,
        "code": "hash_differs",
    }
    page = await admin.get("/documents", params={"cursor": number - 1})
    for said in (answer.text, page.text):
        assert "hash_differs" in said
        for kept in ("confidentiel", failed.data.depositor.name, failed.data.client.name, "pourquoi"):
            assert kept not in said
    assert f"N°&nbsp;{number} · hash_differs" in page.text


async def test_the_list_goes_on_after_a_number(scene: Scene) -> None:
    first, second = [await scene.bury(scene.announced()) for _ in range(2)]
    admin = scene.browser("admin")
    both = (await admin.get("/api/dead-letters", params={"after": first - 1})).json()
    assert [each["number"] for each in both["dead_letters"]] == [first, second]
    after = (await admin.get("/api/dead-letters", params={"after": first})).json()
    assert ([each["number"] for each in after["dead_letters"]], after["next"]) == ([second], None)
    assert (await admin.get("/api/dead-letters", params={"after": -1})).status_code == 422


@pytest.mark.parametrize(("most_told", "most_read"), [(2, 1000), (100, 3)])
async def test_however_many_there_are_each_is_told_once(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch, most_told: int, most_read: int
) -> None:
    monkeypatch.setattr(nats_letters, "_MOST_TOLD", most_told)
    monkeypatch.setattr(nats_letters, "_MOST_READ", most_read)
    for office in ("14", "53", "14", "14", "53", "14", "14", "53"):
        event = announced(1, office=office)
        await bus.publish("connect.v1.dead.notify", event.encode(), headers=letter_headers(event.topic))
    await bus.publish("connect.v1.dead.notify", json.dumps({}).encode())
    told, asked = list[int](), 0
    after: int | None = 0
    while after is not None:
        some = await NatsDeadLetters(bus).of("14", after=after)
        assert len(some.found) <= most_told
        told += [each.number for each in some.found]
        after, asked = some.next, asked + 1
    assert told == [1, 3, 4, 6, 7]
    assert asked > 2
