"""What a broker forgets in a power cut is published again by those who owe it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice

import httpx
import nats
import pytest
from chassis.mongo import connected
from contracts.envelope import decode
from nats.js import JetStreamContext

from tests.support.eventually import eventually
from tests.support.operator import connect_ops
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.streams import forget, stored
from tests.support.tus import Deposit

from .depositors import Depositor
from .faults import cut
from .load import Acknowledged
from .stage import Stage
from .verdict import SETTLED_SECONDS, Judge

DOCUMENTS = 12
EVERYTHING = 1 << 20

Tell = Callable[[str], None]


async def test_the_broker_syncs_every_message_to_the_disk(stage: Stage, http: httpx.AsyncClient) -> None:
    monitor = stage.stack.endpoints["nats"]["monitor"]
    running = (await http.get(f"{monitor}/jsz")).raise_for_status().json()["config"]
    assert running["sync_always"] is True


@pytest.mark.timeout(600)
async def test_events_that_the_broker_forgot_are_there_again_within_two_minutes(
    stage: Stage, clients: tuple[Depositor, ...], judge: Judge, tell: Tell
) -> None:
    stack = stage.stack
    # Nothing follows a deposit yet, so its event is owed.
    await stack.down("ged-mover-1")
    acknowledged = await _deposited(clients, DOCUMENTS)
    await stack.down("nats")
    # By the second publication the broker has had it on disk for long: what was published twice is owed no more.
    owed = await _owed_to_the_journal(stack, "upload", "uploads")
    assert owed
    forgotten = {stream: _forget(stack, stream, DOCUMENTS) for stream in ("CONNECT_DOCUMENTS", "CONNECT_AUDIT")}
    await stack.up("nats")
    await stack.up("ged-mover-1")
    tell(f"the streams lost their last messages: {forgotten}")
    assert forgotten == dict.fromkeys(forgotten, DOCUMENTS)

    verdict = await judge.settled(acknowledged)
    tell(str(verdict))
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    # The journal had heard them: what it is owed without a successor comes again all the same.
    await _told_again(stack, "deposited", owed)


@pytest.mark.timeout(600)
async def test_entries_of_archivals_and_wake_ups_that_were_forgotten_alone_come_again(
    stage: Stage, clients: tuple[Depositor, ...], judge: Judge, tell: Tell
) -> None:
    """Everybody has heard of deposit and archival, so nobody says those again."""
    stack = stage.stack
    # So that each mail's wake-up still waits when it is forgotten.
    async with cut("smtp", "refuse").strike(stage):
        acknowledged = await _deposited(clients, 4)
        await _told_again(stack, "archived", set(acknowledged))
        await stack.down("nats")
        owed = await _owed_to_the_journal(stack, "ged_mover", "documents")
        assert owed
        forgotten = {stream: _forget(stack, stream, EVERYTHING) for stream in ("CONNECT_AUDIT", "CONNECT_WAKE")}
        await stack.up("nats")
    tell(f"the streams lost their last messages: {forgotten}")
    assert forgotten["CONNECT_AUDIT"] >= 2 * len(acknowledged)
    assert forgotten["CONNECT_WAKE"] >= len(acknowledged)

    verdict = await judge.settled(acknowledged)
    tell(str(verdict))
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    await _told_again(stack, "archived", owed)


@pytest.mark.timeout(900)
async def test_what_was_forgotten_with_all_that_followed_it_is_told_again_by_reconcile(
    stage: Stage, clients: tuple[Depositor, ...], judge: Judge, tell: Tell
) -> None:
    """Nobody owes any more what its successor has settled. Of one document the archival is cut off, of others all."""
    stack = stage.stack
    acknowledged = await _deposited_in_turn(clients, judge, 4)
    documents = list(acknowledged)
    last, cut = await _archived_at(stack, documents[1])
    await stack.down("nats")
    forgotten = {"CONNECT_DOCUMENTS": _forget(stack, "CONNECT_DOCUMENTS", last - cut + 1)}
    forgotten["CONNECT_AUDIT"] = _forget(stack, "CONNECT_AUDIT", len(documents))
    await stack.up("nats")
    tell(f"the streams lost their last messages: {forgotten}")

    found = await _reconciled(stack)
    tell(f"reconcile: {found}")
    assert found[documents[1]] == {"not_in_ledger"}
    assert all(found[document] == {"unannounced"} for document in documents[2:])
    assert documents[0] not in found
    await _reconciled(stack, "--mend")

    verdict = await judge.settled(acknowledged)
    tell(str(verdict))
    assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    assert await _reconciled(stack) == {}


async def _deposited(clients: Sequence[Depositor], count: int) -> dict[str, Acknowledged]:
    acknowledged: dict[str, Acknowledged] = {}
    for by in islice(cycle(clients), count):
        sample = invoice("oubli", size=20_000)
        acknowledged[await by.person.tus.deposit(sample, to=Deposit())] = Acknowledged(sample, by)
    return acknowledged


async def _deposited_in_turn(clients: Sequence[Depositor], judge: Judge, count: int) -> dict[str, Acknowledged]:
    """Each has come to its end before the next one."""
    acknowledged: dict[str, Acknowledged] = {}
    for by in islice(cycle(clients), count):
        acknowledged |= await _deposited([by], 1)
        verdict = await judge.settled(acknowledged)
        assert verdict.is_clean, (verdict.lost, verdict.doubled, verdict.left)
    return acknowledged


async def _archived_at(stack: RunningStack, document: str) -> tuple[int, int]:
    """The stream's last sequence, and that of the document's `archived`."""
    async with _jetstream(stack) as jetstream:
        told = await stored(jetstream, "connect.v1.documents.archived.>", stream="CONNECT_DOCUMENTS")
        (at,) = {each.metadata.sequence.stream for each in told if decode(each.data).subject == document}
        return (await jetstream.stream_info("CONNECT_DOCUMENTS")).state.last_seq, at


async def _reconciled(stack: RunningStack, *options: str) -> dict[str, set[str]]:
    """The differences that the operator is told of, by document."""
    ran = await connect_ops(stack.endpoints, "reconcile", "--settle", "0", "--json", *options)
    found: dict[str, set[str]] = {}
    for each in ran.report["differences"]:
        found.setdefault(each["document"], set()).add(each["kind"])
    return found


async def _owed_to_the_journal(stack: RunningStack, database: str, collection: str) -> set[str]:
    """The documents of whose entries a service still owes one to it."""
    owing = {"owed.topic": {"$regex": r"^connect\.v1\.audit\."}}
    async with connected(stack.endpoints["mongo"], database) as opened:
        return {str(each["_id"]) async for each in opened[collection].find(owing, {"_id": 1})}


async def _told_again(stack: RunningStack, action: str, documents: set[str]) -> None:
    async def all_are_back() -> bool:
        return await _told_to_the_journal(stack, action) >= documents

    await eventually(all_are_back, within=SETTLED_SECONDS)


async def _told_to_the_journal(stack: RunningStack, action: str) -> set[str]:
    """The documents of which the journal's stream tells that."""
    async with _jetstream(stack) as jetstream:
        told = await stored(jetstream, f"connect.v1.audit.{action}.>", stream="CONNECT_AUDIT")
        return {decode(each.data).subject for each in told}


@asynccontextmanager
async def _jetstream(stack: RunningStack) -> AsyncIterator[JetStreamContext]:
    server = stack.endpoints["nats"]
    client = await nats.connect(server["url"], user=server["user"], password=server["password"])
    try:
        yield client.jetstream()
    finally:
        await client.close()


def _forget(stack: RunningStack, stream: str, count: int) -> int:
    return forget(stack.plan.data / "nats", stream, count)
