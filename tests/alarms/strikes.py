"""How each fault strikes and ends: it is under way for as long as its context is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pymongo import AsyncMongoClient

from tests.support.clocks import clock_ahead
from tests.support.eventually import eventually
from tests.support.samples import invoice
from tests.support.service import ServiceProcess
from tests.support.tus import Deposit

from .stage import Stage
from .trail import changed, seal, seal_as_of, told

Strike = Callable[[Stage], AbstractAsyncContextManager[None]]

# More than `SubscriptionBehind` allows.
_BEHIND = 510
_MIB = 1024 * 1024
# More than `StreamLarge` allows, where a GiB is a MiB; nobody listens on this subject.
_LARGE, _UNHEARD = 49, "connect.v1.documents.inspected.14"
# A broker takes no larger message.
_MESSAGE = _MIB - 1024
# Seconds: longer than `ArchivingSlow` allows.
_LATE = 66.0
# Seconds: more than `ClocksDiffer` allows.
_WRONG_BY = 30
# More than `ServiceRestarting` allows.
_DEATHS = 5
_ASKING_AT_ONCE = 4
_LONG_AGO = timedelta(hours=26)
_UNREADABLE_KEY = "people.14.illisible"


def down(process: str) -> Strike:
    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        await stage.stack.down(process)
        try:
            yield
        finally:
            await stage.stack.up(process)

    return strike


@asynccontextmanager
async def unscraped(stage: Stage) -> AsyncIterator[None]:
    known = list(stage.prometheus.targets("ged-mover"))
    stage.prometheus.retarget("ged-mover", [])
    try:
        yield
    finally:
        stage.prometheus.retarget("ged-mover", known)


@asynccontextmanager
async def dying(stage: Stage) -> AsyncIterator[None]:
    seen = 'process_start_time_seconds{job="ged-mover"}'

    known: set[str] = set()

    async def is_another_seen() -> bool:
        started = {each["value"][1] for each in await stage.prometheus.query(seen, stage.http)}
        is_new = not started <= known
        known.update(started)
        return is_new

    await eventually(is_another_seen)
    for _ in range(_DEATHS):
        await stage.stack.replaced("ged-mover-1", stage.stack.kill("ged-mover-1"))
        await eventually(is_another_seen, within=60, every=0.5)
    yield


@asynccontextmanager
async def without_scanner(stage: Stage) -> AsyncIterator[None]:
    async with _another("upload", {"UPLOAD_SCANNER": "none"}, stage):
        yield


@asynccontextmanager
async def clock_wrong(stage: Stage) -> AsyncIterator[None]:
    async with _another("notify", clock_ahead(_WRONG_BY), stage):
        yield


@asynccontextmanager
async def _another(service: str, otherwise: Mapping[str, str], stage: Stage) -> AsyncIterator[None]:
    """A second replica, with something otherwise in its environment, that is scraped too."""
    port = stage.stack.plan.port(service, replica=2)
    known = list(stage.prometheus.targets(service))
    async with ServiceProcess(service, {**stage.stack.env(service), **otherwise}, port=port):
        stage.prometheus.retarget(service, [*known, f"127.0.0.1:{port}"])
        try:
            yield
        finally:
            stage.prometheus.retarget(service, known)


@asynccontextmanager
async def database_away(stage: Stage) -> AsyncIterator[None]:
    """People go on asking, and the trail goes on being told."""
    [catalog] = stage.stack.endpoints["replicas"]["catalog"]
    headers = {"Authorization": f"Bearer {stage.client.token}"}

    async def ask() -> None:
        while True:
            with suppress(httpx.TransportError):
                await stage.http.get(f"{catalog}/api/documents", headers=headers)
            await asyncio.sleep(0.2)

    async with AsyncExitStack() as ending:
        await stage.stack.down("mongod")
        ending.push_async_callback(stage.stack.up, "mongod")
        asking = [asyncio.create_task(ask()) for _ in range(_ASKING_AT_ONCE)]
        for task in asking:
            ending.callback(task.cancel)
        await told(stage, _BEHIND)
        yield


@asynccontextmanager
async def relay_away(stage: Stage) -> AsyncIterator[None]:
    await stage.stack.down("maildump")
    try:
        await stage.deposit()
        yield
    finally:
        await stage.stack.up("maildump")


@asynccontextmanager
async def put_off(stage: Stage) -> AsyncIterator[None]:
    """In the records alone: no recipient's server asks to wait for so long."""
    now = datetime.now(UTC)
    async with AsyncMongoClient[dict[str, Any]](stage.stack.endpoints["mongo"]) as mongo:
        digests = mongo["notify"]["digests"]
        await digests.insert_one({"_id": "put-off", "deferred_since": now - _LONG_AGO, "wake_at": now + _LONG_AGO})
        try:
            yield
        finally:
            await digests.delete_one({"_id": "put-off"})


@asynccontextmanager
async def scanner_away(stage: Stage) -> AsyncIterator[None]:
    await stage.stack.down("clamd")
    try:
        sample = invoice("non_verifie")
        path = await stage.client.tus.create(sample, Deposit().metadata(sample))
        with suppress(httpx.HTTPStatusError):
            await stage.client.tus.send(path, sample.content, offset=0)
        yield
    finally:
        await stage.stack.up("clamd")


@asynccontextmanager
async def broker_away(stage: Stage) -> AsyncIterator[None]:
    await stage.stack.down("nats")
    try:
        await stage.deposit(archived=False)
        yield
    finally:
        await stage.stack.up("nats")


@asynccontextmanager
async def key_refused(stage: Stage) -> AsyncIterator[None]:
    """The GED knows the mover's key no more, and deposits go on."""
    accounts = stage.stack.plan.etc / "s3.json"
    known = accounts.read_text(encoding="utf-8")
    listed: dict[str, Any] = json.loads(known)
    listed["identities"] = [each for each in listed["identities"] if each["name"] != "ged-mover-ged"]
    # Of what a process has never counted before, Prometheus sees no increase.
    await stage.deposit()
    try:
        await _store_told(stage, accounts, json.dumps(listed))
        for _ in range(4):
            await stage.deposit(archived=False)
        late = asyncio.create_task(asyncio.sleep(_LATE))
        yield
        await late
    finally:
        await _store_told(stage, accounts, known)


async def _store_told(stage: Stage, accounts: Path, text: str) -> None:
    await asyncio.to_thread(accounts.write_text, text, encoding="utf-8")
    await stage.stack.restart("weed")


@asynccontextmanager
async def malformed(stage: Stage) -> AsyncIterator[None]:
    async with stage.broker() as js:
        await js.publish("connect.v1.documents.taken.14", b"no event at all")
    yield
    await stage.ops("dead", "discard", "--all", "--yes")


@asynccontextmanager
async def unreadable(stage: Stage) -> AsyncIterator[None]:
    async with stage.broker() as js:
        directory = await js.key_value("DIRECTORY")
        await directory.put(_UNREADABLE_KEY, b"{")
        try:
            # It is met with when somebody is looked for.
            await eventually(lambda: _met(stage), within=60, every=0.5)
            yield
        finally:
            await directory.delete(_UNREADABLE_KEY)


async def _met(stage: Stage) -> bool:
    await stage.client.portal.contacts()
    return bool(await stage.prometheus.query("connect_bucket_unreadable_entries > 0", stage.http))


@asynccontextmanager
async def large(stage: Stage) -> AsyncIterator[None]:
    async with stage.broker() as js:
        stored = [await js.publish(_UNHEARD, bytes(_MESSAGE)) for _ in range(_LARGE)]
        yield
        for each in stored:
            await js.delete_msg(each.stream, each.seq)


@asynccontextmanager
async def full(stage: Stage) -> AsyncIterator[None]:
    assert stage.disk is not None
    await asyncio.to_thread(stage.disk.fill)
    yield
    stage.disk.clear()


@asynccontextmanager
async def never_sealed(stage: Stage) -> AsyncIterator[None]:
    await stage.deposit()
    yield
    await seal(stage.stack)


@asynccontextmanager
async def not_sealed(stage: Stage) -> AsyncIterator[None]:
    await stage.deposit()
    await seal_as_of(_LONG_AGO, stage.stack)
    await stage.deposit()
    yield
    await seal(stage.stack)


@asynccontextmanager
async def changed_entry(stage: Stage) -> AsyncIterator[None]:
    async with changed(stage.stack):
        yield
