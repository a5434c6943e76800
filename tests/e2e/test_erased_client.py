"""`connect-ops erase client` on the whole platform: nothing of the person is left but what the law has us keep."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from connect_ops.broker import DURABLES
from pymongo import AsyncMongoClient

from tests.support.eventually import eventually
from tests.support.household import Household
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.store import Store
from tests.support.streams import stored
from tests.support.traces import Place, places_of
from tests.support.tus import Deposit

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Told:
    """What one call of the command said: its exit status, and its JSON."""

    status: int
    report: dict[str, Any]


@pytest.fixture
async def home(stack: RunningStack, http: httpx.AsyncClient) -> AsyncIterator[Household]:
    async with Household(stack, http) as made:
        yield made


async def command(stack: RunningStack, home: Household, *more: str) -> asyncio.subprocess.Process:
    env = {**os.environ, **stack.endpoints["ops"]["env"]}
    of = ("erase", "client", "--json", "--office", home.office, "--client", home.client)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connect_ops", *of, *more, env=env, stdout=pipe, stderr=pipe
    )


async def erase(stack: RunningStack, home: Household, *more: str) -> Told:
    process = await command(stack, home, *more)
    out, err = await process.communicate()
    assert out, err.decode()
    return Told(process.returncode or 0, json.loads(out))


async def secured(home: Household, label: str, who: str = "client") -> str:
    """A deposit of theirs that lies in the GED, its name marked."""
    person = home.person(who)
    sample = marked(home, label) if who == "client" else invoice(label)
    document = await person.tus.deposit(sample, to=Deposit(alert=("pd",) if who == "client" else ()))
    await eventually(lambda: person.portal.archived(document), within=30)
    return document


def marked(home: Household, label: str) -> Sample:
    sample = invoice(label)
    return replace(sample, name=f"{home.word} {sample.name}")


async def in_state(home: Household, document: str, state: str) -> None:
    async def asked() -> bool:
        found = await home.person("accountant").portal.document(document)
        return found is not None and found["state"] == state

    await eventually(asked, within=30)


async def locked(home: Household, document: str) -> None:
    """Taken in charge, and locked in the GED."""
    assert await home.person("accountant").portal.decide("take", document) == 200
    subject = f"connect.v1.documents.retained.{home.office}"

    async def told() -> bool:
        info = await home.jetstream.stream_info("CONNECT_DOCUMENTS", subjects_filter=subject)
        return bool(info.state.subjects)

    await eventually(told, within=30)


async def lived(home: Household) -> dict[str, str]:
    """A client's life: documents by what became of them. What never became one is there, too."""
    client, accountant = home.person("client"), home.person("accountant")
    documents = {label: await secured(home, label) for label in ("taken", "archived", "returned", "withdrawn")}
    await locked(home, documents["taken"])
    reason = f"{home.word} : page manquante"
    assert await accountant.portal.decide("return", documents["returned"], reason=reason) == 200
    assert await client.portal.decide("withdraw", documents["withdrawn"]) == 200
    await client.portal.content(documents["archived"])

    published = Deposit(folder="Bilan", client=home.client, space="published")
    documents["published"] = await accountant.tus.deposit(marked(home, "bilan"), to=published)
    await eventually(lambda: client.portal.archived(documents["published"]), within=30)
    await client.portal.content(documents["published"])

    false = replace(marked(home, "false"), content=b"no PDF at all")
    with pytest.raises(httpx.HTTPStatusError):
        await client.tus.deposit(false, to=Deposit())
    begun = marked(home, "begun")
    path = await client.tus.create(begun, Deposit(size=2).metadata(begun), content=begun.content[:2000])
    documents["begun"] = path.rpartition("/")[2]
    await in_state(home, documents["withdrawn"], "erased")
    return documents


async def buried(home: Household, document: str) -> None:
    """A dead letter of notify, with the client's names in its payload."""
    announced = await announcement(home, document)
    await home.jetstream.publish("connect.v1.dead.notify", announced, headers={"Connect-Code": "bug"})


async def announcement(home: Household, document: str) -> bytes:
    """The event by which a deposit was announced."""
    subject = f"connect.v1.documents.deposited.{home.office}"
    told = await stored(home.jetstream, subject, stream="CONNECT_DOCUMENTS")
    return next(each.data for each in told if json.loads(each.data)["subject"] == document)


def left(places: list[Place], *, kept: str) -> list[Place]:
    """Those that are not about the document that is kept."""
    return [place for place in places if kept not in place.where and kept.encode() not in place.content]


async def test_nothing_of_a_client_is_left_but_what_the_law_has_us_keep(
    stack: RunningStack, home: Household, store: Store
) -> None:
    documents = await lived(home)
    neighbours = await secured(home, "voisin", who="neighbour")
    await buried(home, documents["archived"])
    kept = documents["taken"]

    dry = await erase(stack, home)
    assert dry.status == 0
    assert dry.report["goes"]["documents"] == 3
    # Four announcements and archivals, a return, a withdrawal, a refusal; and what was mailed.
    assert dry.report["goes"]["CONNECT_DOCUMENTS"] >= 11
    assert dry.report["goes"]["CONNECT_DEAD"] >= 1
    assert [each["document"] for each in dry.report["kept"]] == [kept]
    assert dry.report["kept"][0]["until"].endswith("-12-31T23:59:59+00:00")
    assert await home.person("client").portal.document(documents["archived"]) is not None

    done = await erase(stack, home, "--yes")
    assert (done.status, done.report["waits"]) == (0, [])
    # And the withdrawals that it caused. How many mails were told of before, only the clock knows.
    assert done.report["removed"]["CONNECT_DOCUMENTS"] >= dry.report["goes"]["CONNECT_DOCUMENTS"] + 3
    assert left(await places_of(home.word, stack.endpoints), kept=kept) == []
    assert await store.versions(f"{home.office}/{home.client}/") == {f"{home.office}/{home.client}/{kept}": 1}
    assert not await store.staged() & {*documents.values()}
    assert await home.person("neighbour").portal.document(neighbours) is not None
    assert await verified(stack) == 0

    again = await erase(stack, home, "--yes")
    assert (again.status, again.report["removed"]) == (0, {})
    assert [each["document"] for each in again.report["kept"]] == [kept]


async def verified(stack: RunningStack) -> int:
    """What `audit verify` answers."""
    env = {**os.environ, **stack.env("catalog")}
    verifying = await asyncio.create_subprocess_exec(sys.executable, "-m", "catalog", "audit", "verify", env=env)
    return await verifying.wait()


async def test_what_the_law_held_goes_once_its_time_is_over(stack: RunningStack, home: Household, store: Store) -> None:
    document = await secured(home, "held")
    async with AsyncMongoClient[dict[str, Any]](stack.endpoints["mongo"]) as mongo:
        by = {"sub": "accountant", "name": "ACCOUNTANT"}
        decision = {"kind": "taken", "revision": 1, "at": datetime(2015, 1, 1, tzinfo=UTC), "by": by, "reason": None}
        await mongo["catalog"]["decisions"].insert_one({"_id": document, "decision": decision, "owed": []})
    key = f"{home.office}/{home.client}/{document}"
    await store.lock(key, until=datetime.now(UTC) + timedelta(days=1))
    (kept,) = (await erase(stack, home, "--yes")).report["kept"]
    assert kept["document"] == document
    assert await store.versions(key) == {key: 1}

    until = datetime.now(UTC) + timedelta(seconds=2)
    await store.lock(key, until=until)
    await eventually(lambda: datetime.now(UTC) > until + timedelta(seconds=1), every=0.5)
    over = await erase(stack, home, "--yes")
    assert (over.status, over.report["kept"]) == (0, [])
    assert await places_of(home.word, stack.endpoints) == []
    assert await store.versions(key) == {}


async def test_it_says_whom_it_waits_for_and_goes_on_when_they_are_back(stack: RunningStack, home: Household) -> None:
    await secured(home, "waiting")
    await stack.down("ged-mover-1")
    try:
        early = await erase(stack, home, "--yes", "--patience", "5")
    finally:
        await stack.up("ged-mover-1")
    assert (early.status, early.report["over"]) == (3, False)
    assert any("ged-mover has to erase 1 documents" in wait for wait in early.report["waits"])
    assert (await erase(stack, home, "--yes")).status == 0
    assert await places_of(home.word, stack.endpoints) == []


async def test_every_durable_of_the_services_is_waited_for(home: Household) -> None:
    consumers = await home.jetstream.consumers_info("CONNECT_DOCUMENTS")
    ours = {each.name for each in consumers if each.name.startswith(("upload-", "catalog-", "notify-", "ged-mover-"))}
    assert {name for name in ours if "-projection-" not in name} == set(DURABLES)


async def test_a_client_nobody_knows_is_refused(stack: RunningStack, home: Household) -> None:
    home.client = "nobody"
    process = await command(stack, home)
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert b"Nothing is known of client nobody" in err


async def test_the_events_are_overwritten_and_a_rebuild_brings_nothing_back(
    stack: RunningStack, home: Household
) -> None:
    await secured(home, "rebuilt")
    assert await asyncio.to_thread(on_disk, stack, home.word) != []
    assert (await erase(stack, home, "--yes")).status == 0
    assert await asyncio.to_thread(on_disk, stack, home.word) == []

    env = {**os.environ, **stack.env("catalog")}
    rebuilding = await asyncio.create_subprocess_exec(sys.executable, "-m", "catalog", "rebuild", env=env)
    assert await rebuilding.wait() == 0
    assert await places_of(home.word, stack.endpoints) == []
    assert (await erase(stack, home, "--yes")).report["removed"] == {}


def on_disk(stack: RunningStack, word: str) -> list[Path]:
    """The broker's files of documents' events that hold a word."""
    streams = (stack.plan.data / "nats").glob("**/streams/CONNECT_DOCUMENTS/msgs/*.blk")
    return [file for file in streams if word.encode() in file.read_bytes()]


async def test_one_that_is_killed_again_and_again_is_ended_by_the_next(stack: RunningStack, home: Household) -> None:
    documents = await lived(home)
    for done in ("directory", "documents withdrawn", "CONNECT_DOCUMENTS", "upload.uploads", "catalog.decisions"):
        process = await command(stack, home, "--yes")
        assert process.stderr is not None
        told = ""
        while line := (await process.stderr.readline()).decode():
            told += line
            if line.startswith(done):
                process.kill()
                break
        await process.communicate()
        assert process.returncode in (-9, 0), told

    assert (await erase(stack, home, "--yes")).status == 0
    assert left(await places_of(home.word, stack.endpoints), kept=documents["taken"]) == []


async def test_what_comes_late_brings_nobody_s_name_back(stack: RunningStack, home: Household, store: Store) -> None:
    document = await secured(home, "late")
    announced = await announcement(home, document)
    subject = f"connect.v1.documents.deposited.{home.office}"
    assert (await erase(stack, home, "--yes")).status == 0
    assert await places_of(home.word, stack.endpoints) == []

    # As from a broker that has lost what it knew, or a service that was cut off meanwhile.
    ack = await home.jetstream.publish(subject, announced)

    async def heard() -> bool:
        consumers = {each.name: each for each in await home.jetstream.consumers_info("CONNECT_DOCUMENTS")}
        # Those of older generations hear nothing any more.
        newest = max((name for name in consumers if "-projection-" in name), key=lambda name: (len(name), name))
        ours = [consumers[name] for name in (*DURABLES, newest)]
        return not any(each.num_pending or each.num_ack_pending for each in ours)

    await eventually(heard, within=60, every=0.5)
    again = await places_of(home.word, stack.endpoints)
    assert [place.where for place in again] == [f"CONNECT_DOCUMENTS/{ack.seq}"]
    assert await store.versions(f"{home.office}/{home.client}/") == {}

    assert (await erase(stack, home, "--yes")).status == 0
    assert await places_of(home.word, stack.endpoints) == []
