"""`connect-ops verify` over many documents on a real mongod: each has its night, and a process holds few at a time."""

import io
import json
import tracemalloc
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from catalog.chain import Link, next_link
from catalog.generations import FIRST
from catalog.mongo import collection_of
from chassis.mongo import Database, connected, sibling
from connect_ops.__main__ import command_line
from connect_ops.settings import OpsSettings
from rich.console import Console

from tests.suites.catalog_events import document_id
from tests.suites.catalog_journal import entry
from tests.support.running import RunningStack

NIGHTS = 7
DOCUMENTS = {document_id(number) for number in range(60)}


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    """A catalog's of the test's own, with a journal beside it."""
    name = f"verified_{uuid.uuid4().hex[:16]}"
    async with connected(servers.endpoints["mongo"], name) as opened:
        yield opened
        for each in (name, f"{name}_audit"):
            await opened.client.drop_database(each)


@pytest.fixture
def settings(servers: RunningStack, database: Database, monkeypatch: pytest.MonkeyPatch) -> OpsSettings:
    own = {"DATABASES__CATALOG": database.name, "DATABASES__CATALOG_AUDIT": f"{database.name}_audit"}
    of_its_own = {f"CONNECT_OPS_{name}": value for name, value in (*own.items(), ("VERIFY_NIGHTS", str(NIGHTS)))}
    for name, value in {**servers.endpoints["ops"]["env"], **of_its_own}.items():
        monkeypatch.setenv(name, value)
    return OpsSettings()


async def archived(database: Database, documents: set[str], **facts: str) -> None:
    """Entries of each document's deposit and of its archival, as the journal has them one after the other."""
    records, last = list[dict[str, Any]](), None
    for document in sorted(documents):
        for action in ("deposited", "archived"):
            last = next_link(entry(document, action=action, **facts), last)
            records.append(_record(last))
    await sibling(database, f"{database.name}_audit")["audit"].insert_many(records)


def _record(link: Link) -> dict[str, Any]:
    return {"_id": link.seq, "entry": link.entry, "previous": link.previous, "hash": link.hash}


async def verified(settings: OpsSettings, *arguments: str) -> dict[str, Any]:
    """What the command printed."""
    parsed = command_line().parse_args(["verify", "--json", *arguments])
    out = io.StringIO()
    await parsed.command(parsed, settings, Console(file=out, width=250))
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def looked_at(report: dict[str, Any]) -> Counter[str]:
    """None of them has a record, so each that was looked at is named."""
    return Counter(each["document"] for each in report["wrong"])


async def test_each_document_has_one_of_so_many_nights_on_end(database: Database, settings: OpsSettings) -> None:
    await archived(database, DOCUMENTS)
    first = date(2026, 12, 28)
    nights = [looked_at(await verified(settings, "--night", str(first + timedelta(days=n)))) for n in range(NIGHTS)]
    assert sum(nights, Counter()) == Counter(DOCUMENTS)
    # Every second entry is an archival: nights share them all the same.
    assert {night.total() for night in nights} <= {len(DOCUMENTS) // NIGHTS, len(DOCUMENTS) // NIGHTS + 1}
    assert looked_at(await verified(settings, "--night", str(first + timedelta(days=NIGHTS)))) == nights[0]


async def test_a_night_that_is_not_named_is_today_s(database: Database, settings: OpsSettings) -> None:
    await archived(database, DOCUMENTS)
    before = datetime.now(UTC).date()
    found = looked_at(await verified(settings, "--night"))
    days = {before, datetime.now(UTC).date()}
    assert found in [looked_at(await verified(settings, "--night", str(day))) for day in days]


async def test_a_sample_is_of_so_many_different_ones_or_of_all_there_are(
    database: Database, settings: OpsSettings
) -> None:
    await archived(database, DOCUMENTS)
    samples = [looked_at(await verified(settings, "--sample", "50")) for _ in range(3)]
    assert [(len(each), each.total()) for each in samples] == [(50, 50)] * 3
    assert len({frozenset(each) for each in samples}) > 1
    assert looked_at(await verified(settings, "--sample", "61")) == Counter(DOCUMENTS)
    assert looked_at(await verified(settings, "--sample", "5", "--since", "2999-01-01")) == Counter()


@pytest.mark.parametrize("which", [(), ("--sample", "500"), ("--since", "2026-01-01")])
async def test_few_of_many_entries_are_held_at_a_time(
    database: Database, settings: OpsSettings, which: tuple[str, ...]
) -> None:
    """Of 15 MB, as large ones: as many of the usual size take too long to write."""
    documents = {document_id(number) for number in range(500)}
    await archived(database, documents, actor="x" * 15_000)
    erased = [{"_id": document, "erased_at": datetime.now(UTC)} for document in documents]
    await collection_of(database, FIRST).insert_many(erased)
    report, peak = await measured(settings, *which)
    assert report == {"whole": 0, "erased": len(documents), "wrong": []}
    assert peak < 4_000_000


async def test_it_tells_of_many_that_are_not_as_they_were_in_a_few_bytes_each(
    database: Database, settings: OpsSettings
) -> None:
    """On the day when the GED is empty."""
    documents = {document_id(number) for number in range(2000)}
    await archived(database, documents)
    report, peak = await measured(settings)
    assert looked_at(report) == Counter(documents)
    assert peak < 4_000_000


async def measured(settings: OpsSettings, *arguments: str) -> tuple[dict[str, Any], int]:
    """What the command printed, and how many bytes of memory it took at most."""
    tracemalloc.start()
    try:
        report = await verified(settings, *arguments)
        return report, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
