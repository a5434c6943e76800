"""The faults, as a table: how each strikes and ends, and the alerts that it is to fire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.samples import invoice
from tests.support.service import ServiceProcess
from tests.support.tus import Deposit

from .stage import Stage, disks_are_out_of_reach
from .trail import changed, seal, seal_as_of, told

Strike = Callable[[Stage], AbstractAsyncContextManager[None]]

# More than `SubscriptionBehind` allows.
_BEHIND = 510
_MIB = 1024 * 1024
# More than `StreamLarge` allows, where a GiB is a MiB; nobody listens on this subject.
_LARGE, _UNHEARD = 21, "connect.v1.documents.inspected.14"
# A broker takes no larger message.
_MESSAGE = _MIB - 1024
# Seconds: longer than `ArchivingSlow` allows.
_LATE = 66.0
# More than `ServiceRestarting` allows.
_DEATHS = 5
_ASKING_AT_ONCE = 4
_LONG_AGO = timedelta(hours=26)
_UNREADABLE_KEY = "people.14.illisible"


@dataclass(frozen=True)
class Expected:
    """An alert, and labels that it has among others. One that fires `afterwards` tells of what is over."""

    alert: str
    labels: Mapping[str, str] = field(default_factory=dict)
    afterwards: bool = False


@dataclass(frozen=True)
class Fault:
    """`strike` is under way for as long as its context is open."""

    what: str
    strike: Strike
    fires: tuple[Expected, ...]


def _down(process: str) -> Strike:
    @asynccontextmanager
    async def strike(stage: Stage) -> AsyncIterator[None]:
        await stage.stack.down(process)
        try:
            yield
        finally:
            await stage.stack.up(process)

    return strike


@asynccontextmanager
async def _unscraped(stage: Stage) -> AsyncIterator[None]:
    known = list(stage.prometheus.targets("ged-mover"))
    stage.prometheus.retarget("ged-mover", [])
    try:
        yield
    finally:
        stage.prometheus.retarget("ged-mover", known)


@asynccontextmanager
async def _dying(stage: Stage) -> AsyncIterator[None]:
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
async def _without_scanner(stage: Stage) -> AsyncIterator[None]:
    port = stage.stack.plan.port("upload", replica=2)
    known = list(stage.prometheus.targets("upload"))
    async with ServiceProcess("upload", {**stage.stack.env("upload"), "UPLOAD_SCANNER": "none"}, port=port):
        stage.prometheus.retarget("upload", [*known, f"127.0.0.1:{port}"])
        try:
            yield
        finally:
            stage.prometheus.retarget("upload", known)


@asynccontextmanager
async def _database_away(stage: Stage) -> AsyncIterator[None]:
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
async def _relay_away(stage: Stage) -> AsyncIterator[None]:
    await stage.stack.down("maildump")
    try:
        await stage.deposit()
        yield
    finally:
        await stage.stack.up("maildump")


@asynccontextmanager
async def _scanner_away(stage: Stage) -> AsyncIterator[None]:
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
async def _broker_away(stage: Stage) -> AsyncIterator[None]:
    await stage.stack.down("nats")
    try:
        await stage.deposit(archived=False)
        yield
    finally:
        await stage.stack.up("nats")


@asynccontextmanager
async def _key_refused(stage: Stage) -> AsyncIterator[None]:
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
async def _malformed(stage: Stage) -> AsyncIterator[None]:
    async with stage.broker() as js:
        await js.publish("connect.v1.documents.taken.14", b"no event at all")
    yield
    await stage.ops("dead", "discard", "--all", "--yes")


@asynccontextmanager
async def _unreadable(stage: Stage) -> AsyncIterator[None]:
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
async def _large(stage: Stage) -> AsyncIterator[None]:
    async with stage.broker() as js:
        stored = [await js.publish(_UNHEARD, bytes(_MESSAGE)) for _ in range(_LARGE)]
        yield
        for each in stored:
            await js.delete_msg(each.stream, each.seq)


@asynccontextmanager
async def _full(stage: Stage) -> AsyncIterator[None]:
    assert stage.disk is not None
    await asyncio.to_thread(stage.disk.fill)
    yield
    stage.disk.clear()


@asynccontextmanager
async def _never_sealed(stage: Stage) -> AsyncIterator[None]:
    await stage.deposit()
    yield
    await seal(stage.stack)


@asynccontextmanager
async def _not_sealed(stage: Stage) -> AsyncIterator[None]:
    await stage.deposit()
    await seal_as_of(_LONG_AGO, stage.stack)
    await stage.deposit()
    yield
    await seal(stage.stack)


@asynccontextmanager
async def _changed_entry(stage: Stage) -> AsyncIterator[None]:
    async with changed(stage.stack):
        yield


_DISK_FULL = Fault("a disk is filled to its last twentieth", _full, (Expected("DiskFull"),))

EXCUSED: Mapping[str, str] = {"DiskFull": reason} if (reason := disks_are_out_of_reach()) else {}
"""Why an alert's fault cannot be caused here."""

ROUNDS: tuple[tuple[Fault, ...], ...] = (
    (
        Fault("nothing seals the journal", _never_sealed, (Expected("JournalNeverSealed"),)),
        Fault("notify is stopped", _down("notify-1"), (Expected("ServiceDown", {"job": "notify"}),)),
        Fault("ged-mover is scraped no more", _unscraped, (Expected("ServiceMissing", {"job": "ged-mover"}),)),
        Fault("intake runs without a scanner", _without_scanner, (Expected("FilesUnscanned", {"job": "upload"}),)),
        Fault("something that is no event", _malformed, (Expected("DeadLetters", {"service": "ged-mover"}),)),
        Fault("a broken record of the directory", _unreadable, (Expected("DirectoryUnreadable"),)),
        Fault("a stream is filled", _large, (Expected("StreamLarge", {"stream": "CONNECT_DOCUMENTS"}),)),
        *(() if EXCUSED else (_DISK_FULL,)),
    ),
    (
        Fault("an entry of the journal is changed", _changed_entry, (Expected("JournalBroken"),)),
        Fault(
            "the mail relay is stopped",
            _relay_away,
            (Expected("RelayDown", {"job": "notify"}), Expected("Unfinished", {"job": "notify", "of": "mail"})),
        ),
        Fault(
            "clamd is stopped",
            _scanner_away,
            (Expected("ScannerDown", {"job": "upload"}), Expected("Unfinished", {"job": "upload", "of": "verdict"})),
        ),
        Fault("ged-mover dies again and again", _dying, (Expected("ServiceRestarting", {"job": "ged-mover"}),)),
    ),
    (
        Fault(
            "MongoDB is stopped, and people and events go on",
            _database_away,
            (
                Expected("DependencyDown", {"job": "catalog", "dependency": "mongo"}),
                Expected("ServiceErrors", {"job": "catalog"}),
                Expected("SubscriptionSuspended", {"subscription": "catalog-audit"}),
                Expected("SubscriptionBehind", {"subscription": "catalog-audit"}),
            ),
        ),
    ),
    (
        Fault("the last seal is of yesterday, entries came since", _not_sealed, (Expected("JournalUnsealed"),)),
        Fault("NATS is stopped, and deposits go on", _broker_away, (Expected("EventsOwed", {"job": "upload"}),)),
    ),
    (
        Fault(
            "the GED refuses the mover's key, and deposits go on",
            _key_refused,
            (
                Expected("StoreDown", {"job": "ged-mover", "dependency": "ged"}),
                Expected("SubscriptionSuspended", {"subscription": "ged-mover-moves"}),
                Expected("ArchivingSlow", afterwards=True),
            ),
        ),
    ),
)
"""The faults of a round strike one after the other, and are under way together."""

EXPECTED = tuple(expected for faults in ROUNDS for fault in faults for expected in fault.fires)
