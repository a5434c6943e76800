"""`python -m catalog audit …`: whether the journal is whole, and what is in it."""

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.logs import configure_logs
from chassis.mongo import Database, connected, sibling
from chassis.owed import OwedEvent
from contracts.directory import Directory

from catalog.auditing import Archive
from catalog.chain import Broken, Link
from catalog.cli import say
from catalog.directory_kv import opened as directory_opened
from catalog.mongo_claims import MongoClaims
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.nats_trail import NatsTrail
from catalog.seal_keys import SealKeys
from catalog.sealing import Sealing
from catalog.seals import said_by
from catalog.settings import CatalogSettings

_Action = Callable[[argparse.Namespace, CatalogSettings], Coroutine[None, None, int]]
_COLUMNS = (
    *("seq", "id", "action", "at", "actor", "document", "office", "client"),
    *("event", "revision", "opened", "what", "access", "version", "evidence", "previous", "hash"),
)


def add_audit_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `audit verify|seal|stamp|export`."""
    audit = commands.add_parser("audit", help="verify, export or seal the audit trail's journal")
    actions = audit.add_subparsers(dest="action", required=True)
    actions.add_parser("verify", help="say whether the journal is whole, and which entry is the first that isn't")
    actions.add_parser("seal", help="close the entries since the last seal now, and print the seal")
    stamping = actions.add_parser("stamp", help="write a seal and its time stamp as files, for `openssl ts -verify`")
    stamping.add_argument("number", type=int, help="the seal's number")
    stamping.add_argument("folder", type=Path, help="where to write seal-<number>.json and seal-<number>.tsr")
    exporting = actions.add_parser("export", help="print the journal, an entry a line")
    exporting.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="JSON lines, or CSV")
    exporting.add_argument("--document", help="the entries of one document alone")


def run_audit_command(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    """Run it; returns the exit status: 0 done and whole, 1 not whole, 3 try again later."""
    configure_logs(service="catalog", level="ERROR")
    try:
        return asyncio.run(_ACTIONS[arguments.action](arguments, settings))
    except Broken as broken:
        say(f"The journal is not whole: {broken}.")
        return 1
    except Unavailable as down:
        say(f"The journal cannot be reached ({down.code}).")
        return 3


async def _verify(_arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with _opened(settings) as archive:
        checks = await archive.check()
    say(f"The journal is whole: {checks.entries} entries, {checks.seals} seals.", to=sys.stdout)
    return 0


async def _seal(_arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with (
        _databases(settings) as (database, kept),
        JetStreamBus.of(settings, name="catalog-command") as bus,
        directory_opened(settings) as (_, entries),
    ):
        offices = [office.id for office in Directory(lambda: entries).offices()]
        sealing = Sealing(
            _archive(database, kept, settings),
            NatsTrail(bus),
            MongoClaims(database),
            lambda: offices,
            _left_to_the_service,
        )
        seal = await sealing.seal()
    say(seal.model_dump_json(indent=2) if seal else "There is nothing to seal, or it is being done.", to=sys.stdout)
    return 0


async def _stamp(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with _opened(settings) as archive:
        seals = {seal.number: seal for seal in await archive.seals.all()}
        stamp = await archive.seals.stamp_of(arguments.number)
    if stamp is None:
        say(f"There is no seal {arguments.number}, or it has no time stamp.")
        return 1
    file: Path = arguments.folder / f"seal-{arguments.number}"
    for suffix, content in ((".json", said_by(seals[arguments.number])), (".tsr", stamp)):
        file.with_suffix(suffix).write_bytes(content)
        say(str(file.with_suffix(suffix)), to=sys.stdout)
    return 0


async def _export(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with _opened(settings) as archive:
        journal = archive.journal
        read = _one(await journal.of(arguments.document)) if arguments.document else journal.read()
        table = csv.DictWriter(sys.stdout, _COLUMNS, restval="") if arguments.format == "csv" else None
        if table:
            table.writeheader()
        async for link in _each(read):
            if table:
                table.writerow(_row(link))
            else:
                say(json.dumps(asdict(link), ensure_ascii=False), to=sys.stdout)
    return 0


_ACTIONS: Mapping[str, _Action] = {"verify": _verify, "export": _export, "seal": _seal, "stamp": _stamp}


@asynccontextmanager
async def _databases(settings: CatalogSettings) -> AsyncIterator[tuple[Database, Database]]:
    """The service's own, and the one that is only added to."""
    async with connected(settings.mongo_url.get_secret_value(), settings.mongo_database) as database:
        yield database, sibling(database, settings.audit_database)


@asynccontextmanager
async def _opened(settings: CatalogSettings) -> AsyncIterator[Archive]:
    async with _databases(settings) as (database, kept):
        yield _archive(database, kept, settings)


def _archive(database: Database, kept: Database, settings: CatalogSettings) -> Archive:
    return Archive(MongoJournal(kept), MongoSeals(kept, database), SealKeys.load(settings.audit_keys_dir))


async def _left_to_the_service(_owing: Sequence[OwedEvent]) -> None:
    """The sweeper of a running replica publishes it."""


async def _one(links: Sequence[Link]) -> AsyncIterator[Sequence[Link]]:
    yield links


async def _each(read: AsyncIterator[Sequence[Link]]) -> AsyncIterator[Link]:
    async for links in read:
        for link in links:
            yield link


def _row(link: Link) -> dict[str, Any]:
    # A spreadsheet takes what begins like this for a formula.
    cells = {**link.entry, "seq": link.seq, "previous": link.previous, "hash": link.hash}
    return {name: f"'{cell}" if str(cell).startswith(("=", "+", "-", "@")) else cell for name, cell in cells.items()}
