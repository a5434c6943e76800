"""`connect-ops verify`: are documents in the GED still those that were archived? Reads everything, changes nothing."""

import argparse
import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
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
# What a document's bytes may be found to be; all but the first two are told by name.
_FINE = ("whole", "erased")
_EXAMPLES = """\
examples:
  connect-ops verify --sample 500                 500 documents by chance: every night
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
    which.add_argument("--sample", type=_several, help="so many by chance")
    verify.add_argument(
        "--since", type=date.fromisoformat, help="those archived since that day (UTC), such as 2026-11-01"
    )
    verify.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    verify.set_defaults(command=verify_documents)


async def verify_documents(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    async with _opened(settings) as ged:
        entries = await ged.archived(document=arguments.document, since=arguments.since)
        if arguments.sample is not None and arguments.sample < len(entries):
            entries = random.SystemRandom().sample(entries, arguments.sample)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look(entry: Mapping[str, Any]) -> tuple[str, str]:
            async with gate:
                return str(entry["entry"]["document"]), await ged.state_of(entry)

        found = await asyncio.gather(*map(look, entries))
    wrong = {document: state for document, state in found if state not in _FINE}
    if arguments.document and not found:
        wrong[arguments.document] = "the journal does not say that it was archived"
    _tell(Counter(state for _, state in found if state in _FINE), wrong, out, as_json=arguments.json)
    return NOT_WHOLE if wrong else WHOLE


@dataclass(frozen=True)
class Ged:
    """The GED, and what tells what must lie there."""

    journal: Database
    records: MongoDocuments
    bare: Collection
    store: S3

    async def archived(self, *, document: str | None, since: date | None) -> list[Mapping[str, Any]]:
        """The journal's entries of archived documents, in order."""
        wanted: dict[str, Any] = {"entry.action": "archived"}
        if document:
            wanted["entry.document"] = document
        if since:
            wanted["entry.at"] = {"$gte": since.isoformat()}
        with translated():
            return [each async for each in self.journal["audit"].find(wanted).sort("_id", 1)]

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


def _several(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError
    return count


def _tell(fine: Mapping[str, int], wrong: Mapping[str, str], out: Console, *, as_json: bool) -> None:
    counts = {state: fine.get(state, 0) for state in _FINE}
    if as_json:
        out.print_json(data={**counts, "wrong": [{"document": each, "why": why} for each, why in wrong.items()]})
        return
    out.print(
        f"{counts['whole']} documents whole, {counts['erased']} withdrawn or erased, {len(wrong)} not as they were."
    )
    if wrong:
        table = Table("document", "what is wrong", box=None)
        for document, why in sorted(wrong.items()):
            table.add_row(document, why)
        out.print(table)
