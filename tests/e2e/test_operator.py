"""The operator's commands on the whole platform: what each does, and how it ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient

from tests.suites.ged_events import Story
from tests.support.eventually import eventually
from tests.support.operator import Ran, connect_ops
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.store import Store
from tests.support.streams import stored
from tests.support.tus import Deposit

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def js(stack: RunningStack) -> AsyncIterator[JetStreamContext]:
    where = stack.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    yield client.jetstream()
    await client.close()


class Operator:
    """Runs the commands."""

    def __init__(self, stack: RunningStack, js: JetStreamContext) -> None:
        self._endpoints = stack.endpoints
        self.js = js

    async def run(self, *arguments: object, **env: str) -> Ran:
        return await connect_ops(self._endpoints, *arguments, **env)

    async def letters(self, document: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.run("dead", "list", "--document", document, "--json")).report
        return found

    async def buried(self, document: str, count: int) -> list[dict[str, Any]]:
        """The dead letters about a document, once there are so many."""

        async def there() -> list[dict[str, Any]] | None:
            found = await self.letters(document)
            return found if len(found) == count else None

        return await eventually(there, within=60)

    async def told(self, document: str) -> list[str]:
        """What the stream holds about a document, event by event."""
        messages = await stored(self.js, "connect.v1.documents.>", stream="CONNECT_DOCUMENTS")
        return [each.subject.split(".")[3] for each in messages if document.encode() in each.data]


@pytest.fixture
def operator(stack: RunningStack, js: JetStreamContext) -> Operator:
    return Operator(stack, js)


async def test_a_move_that_was_given_up_is_replayed_once_and_nobody_is_told_twice(
    operator: Operator, store: Store, depositor: Person
) -> None:
    story = Story()
    event = story.deposited
    await operator.js.publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})
    (letter,) = await operator.buried(story.document, 1)
    assert (letter["service"], letter["subscription"], letter["code"], letter["office"], letter["documents"]) == (
        *("ged-mover", "ged-mover-moves", "staging_missing", "14"),
        [story.document],
    )
    number = letter["number"]

    shown = await operator.run("dead", "show", number)
    assert (shown.status, story.document in shown.out) == (0, True)
    assert not any(name in shown.out for name in ("Duchêne", "électricité"))
    assert "électricité" in (await operator.run("dead", "show", number, "--payload")).out

    await store.stage(story.document, story.content)
    replayed = await operator.run("dead", "replay", number, "--json")
    assert (replayed.status, replayed.report) == (0, {"replayed": [number], "not_replayable": []})
    await eventually(lambda: depositor.portal.archived(story.document), within=60)
    assert await operator.letters(story.document) == []
    # A second time there is none: nothing is done.
    assert (await operator.run("dead", "replay", number)).status == 1

    async def mailed() -> bool:
        return "alerted" in await operator.told(story.document)

    await eventually(mailed, within=60)
    told = await operator.told(story.document)
    assert sorted(told) == ["alerted", "archived", "deposited", "transfer_failed"]


async def test_an_erasure_that_was_refused_is_done_at_once_by_a_replay_once_the_lock_is_gone(
    operator: Operator, store: Store, depositor: Person
) -> None:
    document = await depositor.tus.deposit(invoice("verrou"), to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=60)
    key = f"14/earl-du-chene/{document}"
    await store.lock(key, until=datetime.now(UTC) + timedelta(days=1))
    assert await depositor.portal.decide("withdraw", document) == 200
    (letter,) = await operator.buried(document, 1)
    assert (letter["subscription"], letter["code"]) == ("ged-mover-erasures", "erasure_refused")

    await store.lock(key, until=datetime.now(UTC) + timedelta(seconds=2))

    async def erased() -> bool:
        # While the lock still holds, a replay is buried anew.
        await operator.run("dead", "replay", "--all", "--document", document)
        found = await depositor.portal.document(document)
        return found is not None and found["state"] == "erased"

    # Long before the next repetition, which would come after ten minutes.
    await eventually(erased, within=120)
    assert key not in await store.versions(key)

    async def none_left() -> bool:
        return await operator.letters(document) == []

    await eventually(none_left)


async def test_a_letter_that_fails_again_comes_back_to_its_own_subscription_alone(operator: Operator) -> None:
    document = Story().document
    payload = b'{"data": {"office": "14", "document": "%s"}}' % document.encode()
    await operator.js.publish("connect.v1.documents.deposited.14", payload)
    first = await operator.buried(document, 3)
    subscriptions = sorted(each["subscription"] for each in first)
    assert subscriptions[1:] == ["ged-mover-moves", "notify-digests"]
    assert subscriptions[0].startswith("catalog-projection-g")

    chosen = next(each for each in first if each["service"] == "notify")
    assert (await operator.run("dead", "replay", "--all", "--document", document, "--service", "notify")).status == 0

    async def again() -> list[dict[str, Any]] | None:
        found = await operator.letters(document)
        new = [each for each in found if each["number"] > max(old["number"] for old in first)]
        return found if new and len(found) == 3 else None

    found = await eventually(again, within=60)
    assert chosen["number"] not in [each["number"] for each in found]
    assert sorted(each["subscription"] for each in found) == subscriptions

    numbers = [each["number"] for each in found]
    dry = await operator.run("dead", "discard", *numbers, "--json")
    assert (dry.status, dry.report) == (0, {"dry_run": True, "goes": numbers})
    assert len(await operator.letters(document)) == 3
    gone = await operator.run("dead", "discard", *numbers, "--yes", "--json")
    assert (gone.status, gone.report) == (0, {"dry_run": False, "discarded": numbers})
    assert await operator.letters(document) == []
    for wrong in ("show", "replay", "discard"):
        assert (await operator.run("dead", wrong, numbers[0])).status == 1
    assert (await operator.run("dead", "discard")).status == 2


async def test_lag_tells_who_is_behind_and_knows_every_consumer_of_the_services(operator: Operator) -> None:
    async def level() -> bool:
        return (await operator.run("lag", "--over", 0, "--json")).status == 0

    await eventually(level, within=60)
    fine = await operator.run("lag", "--json")
    others = [each["consumer"] for each in fine.report["consumers"] if each["whose"] == "other"]
    # A projection that no longer serves is nobody's to be late with.
    idle = {name for name in others if name.startswith("catalog-projection-g")}
    assert not [name for name in set(others) - idle if name.startswith(("catalog", "upload", "notify", "ged-mover"))]
    ours = [each["consumer"] for each in fine.report["consumers"] if each["whose"] == "ours"]
    assert len([name for name in ours if name.startswith("catalog-projection-g")]) == 1
    assert "notify-digests" in (await operator.run("lag")).out

    await operator.js.pause_consumer("CONNECT_DOCUMENTS", "ged-mover-erasures", "2999-01-01T00:00:00Z")
    try:
        event = Story().withdrawn
        await operator.js.publish(event.topic, event.encode())
        behind = await operator.run("lag", "--over", 0, "--json")
        assert behind.status == 1
        assert "ged-mover-erasures" in behind.report["behind"]
        (row,) = [each for each in behind.report["consumers"] if each["consumer"] == "ged-mover-erasures"]
        assert (row["waiting"], row["oldest"] is not None) == (1, True)
        assert (await operator.run("lag")).status == 0
    finally:
        await operator.js.resume_consumer("CONNECT_DOCUMENTS", "ged-mover-erasures")


async def test_what_cannot_be_reached_ends_with_3(operator: Operator) -> None:
    assert (await operator.run("dead", "list", CONNECT_OPS_NATS_URL="nats://127.0.0.1:9")).status == 3


async def test_a_directory_file_is_imported_whole_or_not_at_all_shown_without_names_and_pruned(
    operator: Operator, tmp_path: Path
) -> None:
    office = f"d{uuid.uuid4().hex[:10]}"
    header = "office,client,client_name,kind,sub,name,email,role"
    lines = [
        f"{office},,,office,,CERFRANCE Zorglub,accueil@o.example,",
        f"{office},,,admin,a-{office},Zorglub,z@o.example,",
    ]
    file = tmp_path / "crm.csv"
    file.write_text("\n".join((header, *lines, f"{office},,,nobody,,,,")), "utf-8")
    refused = await operator.run("directory", "import", file)
    assert (refused.status, "line 4" in refused.errors) == (1, True)
    assert (await operator.run("directory", "import", tmp_path / "none.csv")).status == 1

    file.write_text("\n".join((header, *lines)), "utf-8")
    shown = "directory", "show", "--office", office
    counts = {"written": {"offices": 1, "people": 1}, "unchanged": {}}
    dry = await operator.run("directory", "import", file, "--dry-run", "--json")
    assert (dry.status, dry.report) == (0, {"dry_run": True, **counts})
    assert (await operator.run(*shown, "--json")).report == []
    done = await operator.run("directory", "import", file, "--json")
    assert (done.status, done.report) == (0, {"dry_run": False, **counts})
    keys = [row["key"] for row in (await operator.run(*shown, "--json")).report]
    assert keys == [f"offices.{office}", f"people.{office}.a-{office}"]
    assert "Zorglub" not in (await operator.run(*shown)).out
    assert "Zorglub" in (await operator.run(*shown, "--names")).out

    left = f"people.{office}.a-{office}"
    unknown = await operator.run("directory", "remove", left, f"people.{office}.nobody")
    assert (unknown.status, f"people.{office}.nobody" in unknown.errors) == (1, True)
    assert [row["key"] for row in (await operator.run(*shown, "--json")).report] == keys
    removed = await operator.run("directory", "remove", left, "--json")
    assert (removed.status, removed.report) == (0, {"removed": [left], "still_told_by": []})
    assert [row["key"] for row in (await operator.run(*shown, "--json")).report] == [f"offices.{office}"]


async def test_a_document_s_journey_is_told_and_what_is_missing_is_named(
    operator: Operator, store: Store, depositor: Person
) -> None:
    sample = invoice("parcours")
    document = await depositor.tus.deposit(sample, to=Deposit())

    async def is_whole() -> bool:
        return (await operator.run("document", document)).status == 0

    await eventually(is_whole, within=90)
    told = (await operator.run("document", document, "--json")).report
    assert told["events"][0]["event"] == "deposited"
    assert {"archived", "alerted"} <= {each["event"] for each in told["events"]}
    assert (told["office"], told["client"], told["upload"]["state"]) == ("14", "earl-du-chene", "settled")
    assert (len(told["ged"]), told["staging"], told["missing"]) == (1, False, [])
    assert [entry["action"] for entry in told["journal"]][:2] == ["deposited", "archived"]
    assert [mail["state"] for mail in told["mails"]] == ["sent"]
    searched = (await operator.run("document", document, "--search", "--json")).report
    assert searched["events"] == told["events"]
    assert sample.name not in (await operator.run("document", document)).out
    assert sample.name in (await operator.run("document", document, "--names")).out

    await store.take_away(f"14/earl-du-chene/{document}")
    lost = await operator.run("document", document, "--json")
    assert (lost.status, lost.report["missing"]) == (1, ["it was archived, and nothing lies in the GED"])
    assert (await operator.run("document", Story().document)).status == 1


async def test_the_catalog_is_rebuilt_while_it_serves(operator: Operator, depositor: Person) -> None:
    document = await depositor.tus.deposit(invoice("reconstruit"), to=Deposit())
    await eventually(lambda: depositor.portal.archived(document), within=60)
    rebuilding = asyncio.create_task(operator.run("rebuild", "catalog", "--json"))
    answers = 0
    while not rebuilding.done():
        assert await depositor.portal.archived(document)
        answers += 1
    ran = await rebuilding
    assert (ran.status, ran.report["events"] > 0, answers > 0) == (0, True, True)

    async def changed_over() -> bool:
        lag = (await operator.run("lag", "--over", 0, "--json")).report
        ours = [each["consumer"] for each in lag["consumers"] if each["whose"] == "ours"]
        return f"catalog-projection-g{ran.report['generation']}" in ours and not lag["behind"]

    await eventually(changed_over, within=60)
    assert await depositor.portal.archived(document)
    late = await depositor.tus.deposit(invoice("ensuite"), to=Deposit())
    await eventually(lambda: depositor.portal.archived(late), within=60)


async def test_a_taken_document_is_due_when_its_time_is_over_and_goes_only_when_told(
    operator: Operator, stack: RunningStack, store: Store, depositor: Person, http: httpx.AsyncClient
) -> None:
    document = await depositor.tus.deposit(invoice("ancien"), to=Deposit())
    key = f"14/earl-du-chene/{document}"
    await eventually(lambda: depositor.portal.archived(document), within=60)
    accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
    assert await accountant.portal.decide("take", document) == 200

    async def is_retained() -> Any:
        return (await operator.run("document", document, "--json")).report["catalog"]["retained_until"]

    await eventually(is_retained, within=60)

    async def due(*more: str) -> tuple[int, list[tuple[bool, bool]]]:
        ran = await operator.run("retention", "due", "--document", document, "--json", *more)
        return ran.status, [(each["locked"], each["erased"]) for each in ran.report["due"]]

    assert await due("--yes") == (0, [])
    async with AsyncMongoClient[dict[str, Any]](stack.endpoints["mongo"]) as mongo:
        for name in await mongo["catalog"].list_collection_names(filter={"name": {"$regex": "^documents_g"}}):
            over = {"retained.until": datetime.now(UTC) - timedelta(days=1)}
            await mongo["catalog"][name].update_one({"_id": document}, {"$set": over})
    # The GED's lock has the last word.
    assert await due("--yes") == (0, [(True, False)])
    assert await due("--over", "0") == (0, [(True, False)])
    await store.lock(key, until=datetime.now(UTC) + timedelta(seconds=3))

    async def is_over() -> bool:
        return await due() == (0, [(False, False)])

    await eventually(is_over, within=60)
    assert await due("--over", "0") == (1, [(False, False)])
    assert await store.versions(key) == {key: 1}
    assert await due("--yes") == (0, [(False, True)])
    assert await store.versions(key) == {}
    journey = await operator.run("document", document, "--json")
    assert "withdrawn" in [each["event"] for each in journey.report["events"]]
