"""`python -m catalog directory …`: the directory from a file, and what it holds."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TextIO

from chassis.errors import Unavailable
from chassis.logs import configure_logs

from catalog import directory_import
from catalog.directory_file import Unreadable, faults_of, read_file
from catalog.directory_import import FaultyFile
from catalog.directory_kv import opened
from catalog.settings import CatalogSettings

_Action = Callable[[argparse.Namespace, CatalogSettings], Coroutine[None, None, int]]


def add_directory_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `directory import|show|remove`."""
    directory = commands.add_parser("directory", help="import, show or prune the directory")
    actions = directory.add_subparsers(dest="action", required=True)
    importing = actions.add_parser("import", help="check a whole CSV or JSON file, then write what differs")
    importing.add_argument("file", type=Path, help="a .json file, or a CSV file of any other name")
    importing.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
    actions.add_parser("show", help="print every record, a line each: its key, a tab, its JSON")
    removing = actions.add_parser("remove", help="take records away, such as people.14.somebody who has left")
    removing.add_argument("key", nargs="+", help="keys as `show` prints them")


def run_directory_command(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    """Run it; returns the exit status: 0 done, 1 refused, 3 try again later."""
    configure_logs(service="catalog", level="ERROR")
    try:
        return asyncio.run(_ACTIONS[arguments.action](arguments, settings))
    except Unavailable as down:
        say(f"The directory cannot be reached ({down.code}). What was written stands; run it again for the rest.")
        return 3


async def _import(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    try:
        reading = read_file(arguments.file)
    except Unreadable as unreadable:
        say(str(unreadable))
        return 1
    async with opened(settings) as (bucket, entries):
        try:
            plan = directory_import.plan(reading, entries)
        except FaultyFile as faulty:
            say("\n".join(faults_of(arguments.file, faulty)))
            return 1
        if not arguments.dry_run:
            await directory_import.apply(plan.changes, bucket.write)
    say(f"{plan.summary()}{' (dry run: nothing was written)' if arguments.dry_run else ''}", to=sys.stdout)
    return 0


async def _show(_arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with opened(settings) as (_bucket, entries):
        for key in sorted(entries):
            say(f"{key}\t{_readable(entries[key])}", to=sys.stdout)
    return 0


async def _remove(arguments: argparse.Namespace, settings: CatalogSettings) -> int:
    async with opened(settings) as (bucket, entries):
        unknown = [key for key in arguments.key if key not in entries]
        for key in unknown:
            say(f"{key} is not in the directory.")
        if unknown:
            say("Nothing was removed.")
            return 1
        for key in arguments.key:
            await bucket.remove(key)
    say(f"{len(arguments.key)} removed.", to=sys.stdout)
    for client in directory_import.advised_by(arguments.key, entries):
        say(f"{client} still has them told of its documents: import it with other contacts.", to=sys.stdout)
    return 0


_ACTIONS: Mapping[str, _Action] = {"import": _import, "show": _show, "remove": _remove}


def _readable(value: bytes) -> str:
    try:
        return json.dumps(json.loads(value), ensure_ascii=False)
    except ValueError:
        return f"unreadable: {value!r}"


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print a line, to standard error unless told otherwise."""
    print(text, file=to or sys.stderr)
