"""Where the faults strike: a whole stack that Prometheus scrapes, and the hands that reach into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import nats
from nats.js import JetStreamContext

from tests.support.eventually import eventually
from tests.support.operator import connect_ops
from tests.support.people import Person, signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

from .disk import SmallDisk
from .prometheus import Prometheus

CLIENT = "earl-du-chene"
_DAY = 24 * 3600
# Nothing seals by itself, and what was changed in the journal is found at the next look.
_SETTINGS = {"SEAL_EVERY": str(10 * _DAY), "AUDIT_CHECK_EVERY": "10"}
_ARCHIVED_WITHIN = 120.0
_NODE_EXPORTER = "prometheus-node-exporter"

Parts = tuple[RunningStack, Prometheus, SmallDisk | None]


@dataclass(frozen=True)
class Stage:
    """`disk` is None where none can be had."""

    stack: RunningStack
    prometheus: Prometheus
    http: httpx.AsyncClient
    client: Person
    disk: SmallDisk | None

    async def deposit(self, *, archived: bool = True) -> str:
        """A document of the client's; waited for until it lies in the GED, unless that is not to be."""
        document = await self.client.tus.deposit(invoice("alarme"), to=Deposit())
        if archived:
            await eventually(partial(self.client.portal.archived, document), within=_ARCHIVED_WITHIN)
        return document

    async def ops(self, *arguments: object) -> Any:
        """What `connect-ops` reports. Raises AssertionError where it fails."""
        ran = await connect_ops(self.stack.endpoints, *arguments, "--json")
        assert ran.status == 0, f"connect-ops {arguments}: {ran.errors or ran.out}"
        return ran.report

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[JetStreamContext]:
        """The streams, with the operator's rights."""
        where = self.stack.endpoints["nats"]
        connection = await nats.connect(where["url"], user=where["user"], password=where["password"])
        try:
            yield connection.jetstream()
        finally:
            await connection.close()


def disks_are_out_of_reach() -> str | None:
    """Why no small disk can be watched here, None where one can."""
    if shutil.which(_NODE_EXPORTER) is None:
        return f"it needs {_NODE_EXPORTER}: apt-get install {_NODE_EXPORTER}"
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return "only root, with mkfs.ext4, can mount a small disk to fill"
    return None


@contextmanager
def running(folder: Path, *, rules: str, minute: float) -> Iterator[Parts]:
    """Start everything, and stop it again; outside an event loop."""
    stack = RunningStack(folder / "run", only=EVERYTHING, settings=_SETTINGS)
    has_disk = disks_are_out_of_reach() is None
    with ExitStack() as cleanup:
        stack.start()
        cleanup.callback(stack.stop)
        watched = folder / "prometheus"
        disk = cleanup.enter_context(SmallDisk(watched / "small")) if has_disk else None
        prometheus = Prometheus(watched, stack.plan, rules=rules, minute=minute, watches_disks=has_disk)
        yield stack, cleanup.enter_context(prometheus), disk


@asynccontextmanager
async def staged(stack: RunningStack, prometheus: Prometheus, disk: SmallDisk | None) -> AsyncIterator[Stage]:
    """All of it within reach, once every target is scraped."""
    async with httpx.AsyncClient(timeout=30) as http:
        await prometheus.scrapes_everybody(http)
        yield Stage(stack, prometheus, http, await signed_in(CLIENT, stack=stack, http=http), disk)
