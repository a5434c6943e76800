"""Reading: one client's list among everybody's, and the records made anew from the stream."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from catalog.mongo import collection_of, prepare
from chassis.mongo import connected
from contracts.directory import Subject

from tests.suites.catalog_events import CLIENT, OFFICE
from tests.support.catalog import CatalogProcess
from tests.support.running import BACKENDS, RunningStack
from tests.support.sessions import session_of
from tests.support.upload_replicas import fill_directory

from . import rebuilding
from .measuring import Aim, Row, side_by_side
from .records import records

MINE, MANY = 10_000, 1_000_000
# How often a page is asked for; how many documents are on each; how many are written at once.
TIMES, PAGE, _BATCH = 100, 50, 2_000
_ME = Subject(sub=CLIENT, name="EARL du Chêne", email="c@example.org", role="client", office=OFFICE, clients=(CLIENT,))


@dataclass(frozen=True)
class Reader:
    """Who asks a catalog for their list. `last` is the cursor of its last page."""

    http: httpx.AsyncClient
    last: str

    async def p95(self, cursor: str | None = None) -> float:
        """Milliseconds within which 95 of 100 answers came. Raises httpx.HTTPError."""
        waits = []
        for _ in range(TIMES):
            started = time.monotonic()
            await page(self.http, cursor)
            waits.append((time.monotonic() - started) * 1000)
        return statistics.quantiles(waits, n=20)[18]


async def rows(folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    """Every row, as it is measured. `folder` is for the stack's data."""
    stack = RunningStack(folder, only=BACKENDS)
    await asyncio.to_thread(stack.start)
    try:
        await fill_directory(stack.endpoints["nats"])
        async for row in _lists(stack, folder, rounds=rounds):
            yield row
        async for row in rebuilding.rows(stack, rounds=rounds):
            yield row
    finally:
        await asyncio.to_thread(stack.stop)


async def _lists(stack: RunningStack, folder: Path, *, rounds: int) -> AsyncIterator[Row]:
    async with AsyncExitStack() as opened:
        few = await opened.enter_async_context(_Seeded(stack, folder, total=MINE))
        many = await opened.enter_async_context(_Seeded(stack, folder, total=MANY))
        among = f"{MINE:,} of {MANY:,} documents by name"
        aim, against = Aim(1.3, at_most=True), f"of {MINE:,} in all"
        first = Row(f"p95 of page 1, {among}", "ms", aim, against=against)
        yield await side_by_side(first, many.p95, few.p95, rounds=rounds)
        last = Row(f"p95 of page {MINE // PAGE}, {among}", "ms", aim, against=against)
        yield await side_by_side(last, partial(many.p95, many.last), partial(few.p95, few.last), rounds=rounds)


class _Seeded:
    """A catalog of its own database with that many records. An async context manager: a reader of it."""

    def __init__(self, stack: RunningStack, folder: Path, *, total: int) -> None:
        self._total, self._log = total, folder / f"catalog-{total}.log"
        # The ops user's, for the catalog's own sees no other database.
        database = {"CATALOG_MONGO_URL": stack.endpoints["mongo"], "CATALOG_MONGO_DATABASE": f"catalog_{total}"}
        # One person asks as often as answers come.
        self._env = stack.env("catalog") | database | {"CATALOG_REQUESTS__PERSON": "none"}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Reader:
        await seed(self._env, total=self._total)
        catalog = self._opened.enter_context(CatalogProcess(self._env, log=self._log))
        await catalog.ready()
        headers = {"Authorization": f"Bearer {session_of(_ME, env=self._env)}"}
        http = httpx.AsyncClient(base_url=catalog.url, headers=headers, timeout=60)
        await self._opened.enter_async_context(http)
        return Reader(http, await _last_cursor(http))

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()


async def seed(env: dict[str, str], *, total: int) -> None:
    """Make the indexes as it would for a first generation, then write the records: the other way round, the making of
    them takes longer than anybody waits for an answer. Raises Unavailable."""
    made = records(mine=MINE, total=total)
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as database:
        collection = collection_of(database, 1)
        await prepare(collection)
        while batch := list(islice(made, _BATCH)):
            await collection.insert_many(batch, ordered=False)


async def page(http: httpx.AsyncClient, cursor: str | None) -> dict[str, Any]:
    """One page of the list. Raises httpx.HTTPError."""
    asked = {"space": "deposits", "sort": "name", "limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
    answer = await http.get("/api/documents", params=asked)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def _last_cursor(http: httpx.AsyncClient) -> str:
    found, cursor, seen = await page(http, None), "", 0
    while found["next"]:
        cursor, seen = found["next"], seen + len(found["documents"])
        found = await page(http, cursor)
    assert seen + len(found["documents"]) == MINE, "the list is not whole"
    return cursor
