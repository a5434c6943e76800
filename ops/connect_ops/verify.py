"""`connect-ops verify`: are documents in the GED still those that were archived? Reads everything, changes nothing."""

import argparse
import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from catalog.generations import Generations
from catalog.model import Document
from catalog.mongo import MongoDocuments, collection_of
from chassis.mongo import Collection, Database, connected, sibling, translated
from chassis.s3 import S3, ObjectMissing
from contracts.audit import archive_evidence
from contracts.canonical import canonical
from rich.console import Console
from rich.table import Table

from connect_ops.settings import OpsSettings

WHOLE, NOT_WHOLE = 0, 1
_AT_ONCE = 4
# Entries read from the journal at a time: so few that the database does not wait for long until it is asked for more.
_BATCH = 40
# Numbers read at a time to draw some, and the most that are drawn: they are all named in one question.
_NUMBERS, _MOST = 10_000, 100_000
# What a document's bytes may be found to be; all but the first two are told by name.
_FINE = ("whole", "erased")
_EXAMPLES = """\
examples:
  connect-ops verify --night                      tonight's documents: each has one night of CONNECT_OPS_VERIFY_NIGHTS
  connect-ops verify --night 2026-11-28           those of a night that was missed
  connect-ops verify --sample 500                 500 documents by chance
  connect-ops verify --since 2026-11-01 --json    what was archived since, for a program
  connect-ops verify                              all of them: it reads the whole GED
  connect-ops verify --document ID                one

exit status: 0 all whole, 1 something is not, 2 wrong usage, 3 not reached: run it again
"""


def add_verify_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `verify`."""
    verify = commands.add_parser(
        "verify",
        help="read documents in the GED, and compare them with their records and the audit trail's journal",
        description="Read documents in the GED and compare their SHA-256 with the catalog's records and the journal.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = verify.add_mutually_exclusive_group()
    which.add_argument("--document", help="this one alone")
    which.add_argument("--sample", type=_several, help=f"so many by chance, {_MOST:,} at most")
    which.add_argument(
        "--night",
        nargs="?",
        type=_day,
        const="today",
        metavar="DAY",
        help="those whose turn it is on that day (UTC), today where none is named",
    )
    verify.add_argument(
        "--since", type=date.fromisoformat, help="those archived since that day (UTC), such as 2026-11-01"
    )
    verify.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    verify.set_defaults(command=verify_documents)


async def verify_documents(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    fine, wrong, gate = Counter[str](), dict[str, str](), asyncio.Semaphore(_AT_ONCE)
    async with _opened(settings) as ged:

        async def look(entry: Mapping[str, Any]) -> None:
            async with gate:
                state = await ged.state_of(entry)
            if state in _FINE:
                fine[state] += 1
            else:
                wrong[str(entry["entry"]["document"])] = state

        wanted = _wanted(arguments, settings)
        if arguments.sample:
            wanted = {"_id": {"$in": await ged.drawn(wanted, arguments.sample)}}
        async for entries in ged.archived(wanted):
            await asyncio.gather(*map(look, entries))
    if arguments.document and not (fine or wrong):
        wrong[arguments.document] = "the journal does not say that it was archived"
    _tell(fine, wrong, out, as_json=arguments.json)
    return NOT_WHOLE if wrong else WHOLE


def _wanted(arguments: argparse.Namespace, settings: OpsSettings) -> dict[str, Any]:
    """Which of the journal's records, as a filter."""
    wanted: dict[str, Any] = {"entry.action": "archived"}
    if arguments.document:
        wanted["entry.document"] = arguments.document
    if arguments.since:
        wanted["entry.at"] = {"$gte": arguments.since.isoformat()}
    if arguments.night:
        # By its number, which the index has: of the other nights' entries none is read.
        nights = settings.verify_nights
        wanted["_id"] = {"$mod": [nights, arguments.night.toordinal() % nights]}
    return wanted


@dataclass(frozen=True)
class Ged:
    """The GED, and what tells what must lie there."""

    journal: Database
    records: MongoDocuments
    bare: Collection
    store: S3

    async def archived(
        self, wanted: Mapping[str, Any], fields: Mapping[str, Any] | None = None, *, at_a_time: int = _BATCH
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The wanted of the journal's records, or these fields of them, in order; so many are held at a time."""
        cursor = self.journal["audit"].find(wanted, fields).sort("_id", 1).batch_size(at_a_time)
        while True:
            with translated():
                records = await cursor.to_list(at_a_time)
            if not records:
                return
            yield records

    async def drawn(self, wanted: Mapping[str, Any], count: int) -> list[int]:
        """So many of the wanted records' numbers, each as likely as any other (reservoir sampling)."""
        chance, drawn, seen = random.SystemRandom(), list[int](), 0
        async for records in self.archived(wanted, {"_id": 1}, at_a_time=_NUMBERS):
            for record in records:
                seen += 1
                if len(drawn) < count:
                    drawn.append(record["_id"])
                elif (place := chance.randrange(seen)) < count:
                    drawn[place] = record["_id"]
        return drawn

    async def state_of(self, entry: Mapping[str, Any]) -> str:
        """What an archived document was found to be."""
        said = canonical({"seq": entry["_id"], "entry": entry["entry"], "previous": entry["previous"]})
        if hashlib.sha256(said).hexdigest() != entry["hash"]:
            return "the journal's entry was changed"
        document, told = entry["entry"]["document"], entry["entry"]
        known = await self.records.get(document)
        if _is_gone(known) or (known is None and await self._is_bare(document)):
            return "erased"
        if known is None or known.archive is None:
            return "no record of where it lies"
        place, version = known.archive.location, told["version"]
        if archive_evidence(document, place, version=version, sha256=known.sha256) != told["evidence"]:
            return "the record is not the one that the journal has"
        try:
            found = await self._sha256(place.key, version)
        except ObjectMissing:
            # It may have been withdrawn meanwhile.
            return "erased" if _is_gone(await self.records.get(document)) else "missing in the GED"
        return "whole" if found == known.sha256 else "other bytes in the GED"

    async def _is_bare(self, document: str) -> bool:
        """Whether no more is left of its record than that it was erased: its client was."""
        with translated():
            found = await self.bare.find_one({"_id": document, "erased_at": {"$ne": None}}, {"_id": 1})
        return found is not None

    async def _sha256(self, key: str, version: str) -> str:
        read = hashlib.sha256()
        async for chunk in self.store.read(key, VersionId=version):
            await asyncio.to_thread(read.update, chunk)
        return read.hexdigest()


@asynccontextmanager
async def _opened(settings: OpsSettings) -> AsyncIterator[Ged]:
    names = settings.databases
    async with (
        connected(settings.mongo_url.get_secret_value(), names.catalog) as database,
        S3(settings.ged, threads=_AT_ONCE) as store,
    ):
        serving = await Generations(database).read()
        yield Ged(
            sibling(database, names.catalog_audit),
            MongoDocuments(database, lambda: serving),
            collection_of(database, serving),
            store,
        )


def _is_gone(known: Document | None) -> bool:
    """Whether its bytes may be away: it was withdrawn, and erased or about to be."""
    return known is not None and known.state in ("withdrawn", "erased")


def _day(text: str) -> date:
    return datetime.now(UTC).date() if text == "today" else date.fromisoformat(text)


def _several(text: str) -> int:
    if not 1 <= (count := int(text)) <= _MOST:
        raise ValueError
    return count


def _tell(fine: Mapping[str, int], wrong: Mapping[str, str], out: Console, *, as_json: bool) -> None:
    counts = {state: fine.get(state, 0) for state in _FINE}
    if as_json:
        report = {**counts, "wrong": [{"document": each, "why": why} for each, why in wrong.items()]}
        # Past rich, which holds kilobytes a line: an empty GED has as many as there are documents.
        out.file.write(json.dumps(report, indent=2) + "\n")
        return
    out.print(
        f"{counts['whole']} documents whole, {counts['erased']} withdrawn or erased, {len(wrong)} not as they were."
    )
    if wrong:
        table = Table("document", "what is wrong", box=None)
        for document, why in sorted(wrong.items()):
            table.add_row(document, why)
        out.print(table)
