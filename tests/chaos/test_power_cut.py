"""What a broker forgets in a power cut is published again by those who owe it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import httpx
import nats
import pytest
from chassis.mongo import connected
from contracts.envelope import decode

from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

from .load import ACCOUNTANT, Acknowledged
from .stage import Stage
from .verdict import SETTLED_SECONDS, Judge

DOCUMENTS = 12
# A record of a message block begins with its length, whose highest bit tells of headers.
_HEADERS = 1 << 31

Tell = Callable[[str], None]


async def test_the_broker_syncs_every_message_to_the_disk(stage: Stage, http: httpx.AsyncClient) -> None:
    monitor = stage.stack.endpoints["nats"]["monitor"]
    running = (await http.get(f"{monitor}/jsz")).raise_for_status().json()["config"]
    assert running["sync_always"] is True


@pytest.mark.timeout(600)
async def test_events_that_the_broker_forgot_are_there_again_within_two_minutes(
    stage: Stage, depositor: Person, judge: Judge, tell: Tell
) -> None:
    stack = stage.stack
    # Nothing follows a deposit yet, so its event is owed.
    await stack.down("ged-mover-1")
    acknowledged: dict[str, Acknowledged] = {}
    for _ in range(DOCUMENTS):
        sample = invoice("oubli", size=20_000)
        document = await depositor.tus.deposit(sample, to=Deposit())
        acknowledged[document] = Acknowledged(sample, frozenset({ACCOUNTANT}))
    await stack.down("nats")
    # By the second publication the broker has had it on disk for long: what was published twice is owed no more.
    owed = await _owed_to_the_journal(stack)
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

    async def all_are_back() -> bool:
        return await _told_to_the_journal(stack) >= owed

    await eventually(all_are_back, within=SETTLED_SECONDS)


async def _owed_to_the_journal(stack: RunningStack) -> set[str]:
    """The documents whose reception intake still owes to it."""
    owing = {"owed.topic": {"$regex": r"^connect\.v1\.audit\."}}
    async with connected(stack.endpoints["mongo"], "upload") as database:
        return {str(each["_id"]) async for each in database["uploads"].find(owing, {"_id": 1})}


async def _told_to_the_journal(stack: RunningStack) -> set[str]:
    """The documents whose reception the journal's stream tells of."""
    server = stack.endpoints["nats"]
    client = await nats.connect(server["url"], user=server["user"], password=server["password"])
    try:
        jetstream = client.jetstream()
        state = (await jetstream.stream_info("CONNECT_AUDIT")).state
        stored = [await jetstream.get_msg("CONNECT_AUDIT", each) for each in range(state.first_seq, state.last_seq + 1)]
        return {decode(each.data or b"").subject for each in stored if ".deposited." in (each.subject or "")}
    finally:
        await client.close()


def _forget(stack: RunningStack, stream: str, count: int) -> int:
    """Cut the last messages off a stream's file, as if the disk had never had them; returns how many."""
    folder = next((stack.plan.data / "nats").glob(f"**/streams/{stream}/msgs"))
    # Kept beside the messages, and written from time to time: a power cut leaves an old one, or none.
    (folder / "index.db").unlink(missing_ok=True)
    block = max(folder.glob("*.blk"), key=_number)
    content = block.read_bytes()
    starts, position = [], 0
    while position < len(content):
        starts.append(position)
        position += struct.unpack_from("<I", content, position)[0] & ~_HEADERS
    kept = starts[max(0, len(starts) - count)]
    block.write_bytes(content[:kept])
    return min(count, len(starts))


def _number(block: Path) -> int:
    return int(block.stem)
