"""What the growth benchmark seeds is what deposits leave, and the services go on from there."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from catalog.chain import Link
from catalog.mongo_journal import MongoJournal
from contracts.envelope import decode, event_id
from contracts.registry import BY_TYPE
from contracts.streams import DOCUMENTS

from tests.bench.crowd import Depositor, gather
from tests.bench.seeding import deposited, seed
from tests.bench.traces import STREAMS, Servers, Trace, servers_of
from tests.support.mailbox import Mailbox
from tests.support.portal import Portal
from tests.support.running import EVERYTHING, RunningStack

SEEDED, DEPOSITED_BEFORE = 30, 2
# What no two documents have in common: ids, digests, what tells names apart, times, signatures, and what a header of
# tus says of all that.
_OWN = [
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"\b([0-9a-f]{64}|[0-9a-f]{32})\b",
    r"(?<=facture_)[0-9a-f]{8}|^[0-9a-f]{8}$",
    r"(?<=exploitation-)\d{4}",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z",
    r"eyJ[\w.-]{50,}",
    r"(?<=filename )\S+(?=,filetype)|(?<=,deposit )\S+(?=,deposit_size)|(?<=,file )\S+$",
]
# Besides, numbers that only rise, and how often a digest was written, for that is a matter of who was first.
_COUNTED = {"heard", "revision", "sequences"}


@pytest.mark.timeout(300)
async def test_seeded_documents_are_as_if_deposited_and_the_services_go_on_behind_them(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "stack", only=EVERYTHING - {"clamd"})
    await asyncio.to_thread(stack.start)
    try:
        crowd = await gather(stack, count=3)
        async with servers_of(stack) as servers:
            indexes = await _indexes(servers)
        await seed(stack, crowd, documents=SEEDED)
        async with servers_of(stack) as servers:
            assert await _indexes(servers) == indexes
            await _nothing_was_left_to_do(servers)
            await _all_are_listed(stack, crowd)
            await _the_journal_is_whole(servers)
            await _the_broker_is_as_it_was(stack, servers)
            copied = await _a_copy(servers)
            (original,) = await deposited(stack, crowd[1], count=1)
            assert _form(copied) == _form(original)
            _events_are_named_rightly(copied)
            await _mails(stack, count=DEPOSITED_BEFORE + 1)
            await _the_journal_is_whole(servers)
    finally:
        await asyncio.to_thread(stack.stop)


async def _nothing_was_left_to_do(servers: Servers) -> None:
    for consumer in await servers.consumers():
        waiting = (consumer.num_pending, consumer.num_ack_pending, consumer.num_redelivered)
        assert (consumer.name, *waiting) == (consumer.name, 0, 0, 0)
        # None of what was seeded was given to anybody.
        assert consumer.delivered is not None
        assert consumer.delivered.consumer_seq == 0


async def _indexes(servers: Servers) -> dict[str, Any]:
    of_all = {}
    for name in ("catalog", "catalog_audit", "ged_mover", "notify", "upload"):
        database = servers.database(name)
        for collection in await database.list_collection_names():
            of_all[f"{name}.{collection}"] = await database[collection].index_information()
    return of_all


async def _all_are_listed(stack: RunningStack, crowd: list[Depositor] | Any) -> None:
    listed: dict[str, set[str]] = {}
    async with httpx.AsyncClient() as http:
        for depositor in crowd:
            portal = Portal(http, base=stack.endpoints["portal"], token=depositor.token)
            documents = [each async for each in portal.all()]
            assert {each["state"] for each in documents} == {"archived"}
            assert {each["client"]["id"] for each in documents} == {depositor.client}
            assert len({each["name"] for each in documents}) == len(documents)
            listed[depositor.client] = {each["id"] for each in documents}
    first, *others = listed.values()
    each = SEEDED // len(crowd)
    assert [len(first), *map(len, others)] == [each + DEPOSITED_BEFORE, *([each] * len(others))]
    assert len(set().union(*listed.values())) == SEEDED + DEPOSITED_BEFORE


async def _the_journal_is_whole(servers: Servers) -> None:
    before: Link | None = None
    async for links in MongoJournal(servers.database("catalog_audit")).read():
        for link in links:
            link.check_follows(before)
            before = link
    assert before is not None
    assert before.seq >= 2 * (SEEDED + DEPOSITED_BEFORE)


async def _the_broker_is_as_it_was(stack: RunningStack, servers: Servers) -> None:
    assert "sync_interval: always" in (stack.plan.etc / "nats.conf").read_text(encoding="utf-8")
    for stream in STREAMS:
        found = await servers.js.stream_info(stream.name)
        assert found.config.duplicate_window == stream.duplicate_window


async def _a_copy(servers: Servers) -> Trace:
    # The first two documents' three events each are before it.
    message = await servers.js.get_msg(DOCUMENTS.name, 3 * (DEPOSITED_BEFORE + SEEDED // 2) + 1)
    return await servers.trace(decode(message.data or b"").data.document)


def _events_are_named_rightly(trace: Trace) -> None:
    for message in trace.messages:
        event = decode(message.payload, message.subject)
        assert event.id == event_id(BY_TYPE[event.type], event.data) == message.headers["Nats-Msg-Id"]


async def _mails(stack: RunningStack, *, count: int) -> None:
    async with httpx.AsyncClient() as http:
        assert len(await Mailbox(http, url=stack.endpoints["mail"]).mails()) == count


def _form(trace: Trace) -> list[Any]:
    """What was left, without what is the document's own."""
    # In which order services tell of it is a matter of who was first.
    told = sorted(trace.messages, key=lambda message: message.subject)
    messages = [(each.stream, each.subject, each.headers, json.loads(each.payload)) for each in told]
    records = [(each.database, each.collection, each.content) for each in trace.records]
    return [*map(_common, messages), *map(_common, records)]


def _common(value: Any) -> Any:
    match value:
        case dict():
            return {
                _common(key): type(each) if key in _COUNTED or (key, type(each)) == ("_id", int) else _common(each)
                for key, each in value.items()
            }
        case list() | tuple():
            common = [_common(each) for each in value]
            # Words stand in their own order, and some are its own.
            return sorted(common) if common and all(isinstance(each, str) for each in common) else common
        case str():
            for pattern in _OWN:
                value = re.sub(pattern, "…", value)
            return value
        case datetime():
            return datetime
    return value
