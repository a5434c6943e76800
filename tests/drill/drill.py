"""Two disasters on a stack of its own, and what `docs/backup.md` says is to be done then, done.

First the catalog's databases are lost. Then everything but the object store, the keys and a snapshot of the streams,
which is older than the disaster: at its moment deposits were not yet moved nor told of, and others came after it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from pymongo import AsyncMongoClient

from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.operator import Ran, connect_ops
from tests.support.running import BACKENDS, EVERYTHING, RunningStack
from tests.support.samples import Sample
from tests.support.store import Store

from .office import Office
from .picture import Camera, Picture

_KEPT = ("secrets", "data/weed")
# What acts on what it hears.
_ACTING = ("notify-1", "ged-mover-1")

Tell = Callable[[str], None]


class Drill:
    """`faults` is what was not as before. `restores_records` is switched off to see what that step is for."""

    def __init__(self, folder: Path, *, documents: int, tell: Tell, restores_records: bool = True) -> None:
        self.faults: list[str] = []
        self._run_dir, self._backup = folder / "run", folder / "backup"
        self._count, self._tell, self._restores_records = documents, tell, restores_records
        self._documents: dict[str, Sample] = {}
        self._unsaved: set[str] = set()

    def run(self) -> None:
        """Everything; the stacks are stopped whatever happens. Raises AssertionError where it can't go on."""
        with self._stack("the platform starts") as stack:
            before = asyncio.run(self._catalog_lost(stack))
        with self._timed("everything but the object store, the keys and the snapshot is destroyed"):
            self._destroy()
        with self._stack("servers start, empty", only=BACKENDS) as stack:
            asyncio.run(self._restored(stack))
        with self._stack("the services start") as stack:
            asyncio.run(self._checked(stack, before))

    async def _catalog_lost(self, stack: RunningStack) -> Picture:
        async with self._office(stack) as (office, camera):
            with self._timed(f"{self._count} documents are deposited, and some taken, returned, withdrawn, refused"):
                await office.works(self._count)
                await self._sealed(stack)
                before = await camera.taken(self._documents)
            assert before.mails, "nobody was mailed anything"
            await self._lose_catalog(stack)
            await self._compare("the catalog is back", before, await camera.taken(self._documents))
            await self._saved(stack, office)
            return await camera.taken(self._documents)

    async def _lose_catalog(self, stack: RunningStack) -> None:
        await stack.down("catalog-1")
        async with AsyncMongoClient[dict[str, Any]](stack.endpoints["mongo"]) as mongo:
            for name in ("catalog", "catalog_audit"):
                await mongo.drop_database(name)
        with self._timed("the catalog's databases are lost and made again"):
            await self._ops(stack, "restore", "records", "--only", "catalog")
            await self._ops(stack, "rebuild", "catalog")
            await stack.up("catalog-1")

    async def _saved(self, stack: RunningStack, office: Office) -> None:
        """The snapshot holds deposits that nobody has heard of yet, and lacks later ones."""
        for service in _ACTING:
            await stack.down(service)
        heard_later = await office.deposit(self._share, "en-vol", archived=False)
        with self._timed("the streams are saved"):
            await self._ops(stack, "backup", "streams", self._backup)
        for service in _ACTING:
            await stack.up(service)
        client = await office.client()
        for document in heard_later:
            await eventually(partial(client.portal.archived, document), within=90)
        self._unsaved = set(await office.deposit(self._share, "apres"))

    @property
    def _share(self) -> int:
        return max(2, self._count // 4)

    def _destroy(self) -> None:
        kept = self._run_dir.with_name("kept")
        for name in _KEPT:
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            (self._run_dir / name).rename(kept / name)
        shutil.rmtree(self._run_dir)
        kept.rename(self._run_dir)

    async def _restored(self, stack: RunningStack) -> None:
        with self._timed("the streams are restored"):
            await self._ops(stack, "restore", "streams", self._backup)
        if self._restores_records:
            with self._timed("the services' records are made again"):
                await self._ops(stack, "restore", "records")
        with self._timed("the catalog is made again"):
            await self._ops(stack, "rebuild", "catalog")

    async def _checked(self, stack: RunningStack, before: Picture) -> None:
        async with self._office(stack) as (office, camera):
            await camera.taken(self._documents)
            with self._timed(f"the {len(self._unsaved)} documents that the snapshot lacks are made again"):
                mended = await self._ops(stack, "reconcile", "--mend", "--settle", 0)
                told = {each["document"] for each in mended.report["differences"] if each["kind"] == "unannounced"}
                self._expect(told == self._unsaved, f"reconcile announced {told}, not {self._unsaved}")
                after = await camera.taken(self._documents)
            self.faults += before.differences(after, mails=False)
            left = await self._ops(stack, "reconcile", "--settle", 0)
            self._expect(not left.report["differences"], f"reconcile: {left.out}")
            await self._ops(stack, "verify")
            await self._lives_on(stack, office, camera, after)
        self._tell(f"{len(self._documents)} documents compared, {len(self.faults)} not as they were")

    async def _lives_on(self, stack: RunningStack, office: Office, camera: Camera, after: Picture) -> None:
        """What was decided holds, and a new deposit arrives and is told of."""
        client = await office.client()
        for document, facts in after.documents.items():
            if facts["state"] == "taken":
                self._expect(await client.portal.decide("withdraw", document) == 409, f"{document}: may be withdrawn")
        (new,) = await office.deposit(1, "nouveau")
        later = await camera.taken(self._documents)
        mails = later.mails - after.mails
        self._expect(mails.total() == 1, f"{new}: {mails} mails, not one")

    async def _sealed(self, stack: RunningStack) -> None:
        """The journal so far is sealed, and its offices are mailed the seal."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catalog", "audit", "seal"),
            env={**os.environ, **stack.env("catalog")},
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0

    async def _compare(self, what: str, before: Picture, after: Picture) -> None:
        found = before.differences(after)
        self._tell(f"{what}: {len(found)} differences")
        self.faults += found

    def _expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    async def _ops(self, stack: RunningStack, *arguments: object) -> Ran:
        ran = await connect_ops(stack.endpoints, *arguments, "--json")
        self._expect(ran.status == 0, f"connect-ops {arguments}: status {ran.status}, {ran.errors or ran.out}")
        return ran

    @contextmanager
    def _stack(self, what: str, *, only: frozenset[str] = EVERYTHING) -> Iterator[RunningStack]:
        stack = RunningStack(self._run_dir, only=only)
        with self._timed(what):
            stack.start()
        try:
            yield stack
        finally:
            stack.stop()

    @asynccontextmanager
    async def _office(self, stack: RunningStack) -> AsyncIterator[tuple[Office, Camera]]:
        store = Store(stack.endpoints["s3"])
        async with httpx.AsyncClient(timeout=30) as http:
            office = Office(stack, http, self._documents)
            mailbox = Mailbox(http, url=stack.endpoints["mail"])
            try:
                yield office, Camera(stack, await office.client(), mailbox, store)
            finally:
                store.close()

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._tell(f"{time.monotonic() - started:6.1f} s  {what}")
