"""`connect-ops directory …`: who is who, imported from a file, shown, and taken away."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog import directory_import
from catalog.directory_file import Unreadable, faults_of, read_file
from catalog.directory_import import FaultyFile
from rich.console import Console

from connect_ops import broker
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain, table_of

_KINDS = {"offices": "office", "people": "person", "clients": "client"}
_PEOPLE = "people."
_THEN = "Import each with other contacts."
_IMPORT = """\
The whole file is checked first, and nothing is written when a line is wrong. What it does not name stays as it is; a
client that it names is replaced whole.

examples:
  connect-ops directory import crm.csv --dry-run    check and count, write nothing
  connect-ops directory import crm.csv              office,client,client_name,kind,sub,name,email,role
  connect-ops directory import crm.json --json

exit status: 0 done, 1 the file has faults, 2 wrong usage, 3 not reached: run it again for the rest
"""
_SHOW = """\
examples:
  connect-ops directory show --office 14            keys and counts
  connect-ops directory show --office 14 --names    names and addresses too
  connect-ops directory show --names --json         everything, for a program

exit status: 0 done, 2 wrong usage, 3 not reached: run it again
"""
_REMOVE = """\
Somebody who is removed is out as soon as the services have heard of it. Records of offices and clients are refused: a
client's people stand in the client's record, so import that without them. Of an account that has ended, documents and
all, see `erase client`.

examples:
  connect-ops directory remove people.14.somebody             a collaborator or an admin who has left
  connect-ops directory remove people.14.somebody --json

exit status: 0 done, 1 nothing removed: a key is not there or no person's, 2 wrong usage, 3 not reached: run it again
"""


def add_directory_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `directory import|show|remove`."""
    directory = commands.add_parser("directory", help="who is who").add_subparsers(required=True, metavar="WHAT")
    importing = command_of(directory, "import", told="check a directory file, and write what differs", examples=_IMPORT)
    importing.add_argument("file", type=Path, help="a .json file, or a CSV file of any other name")
    importing.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
    importing.set_defaults(command=import_file)
    showing = command_of(directory, "show", told="show what the directory holds", examples=_SHOW)
    showing.add_argument("--office", help="only this office's")
    showing.add_argument("--names", action="store_true", help="show names and addresses, which are personal data")
    showing.set_defaults(command=show_directory)
    removing = command_of(directory, "remove", told="take collaborators and admins out who have left", examples=_REMOVE)
    removing.add_argument("key", nargs="+", help="keys of people, as `directory show` shows them")
    removing.set_defaults(command=remove_keys)


async def import_file(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `directory import`. Raises Unavailable: what was written stands."""
    try:
        reading = read_file(arguments.file)
    except Unreadable as unreadable:
        complain(str(unreadable))
        return REFUSED
    async with broker.opened(settings) as stream:
        bucket, entries = await stream.directory()
        try:
            plan = directory_import.plan(reading, entries)
        except FaultyFile as faulty:
            complain("\n".join(faults_of(arguments.file, faulty)))
            return REFUSED
        if not arguments.dry_run:
            await directory_import.apply(plan.changes, bucket.write)
    if arguments.json:
        counts = {"written": dict(plan.written), "unchanged": dict(plan.unchanged)}
        out.print_json(data={"dry_run": arguments.dry_run, **counts})
    else:
        out.print(f"{plan.summary()}{' (dry run: nothing was written)' if arguments.dry_run else ''}")
    return DONE


async def show_directory(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `directory show`. Raises Unavailable."""
    async with broker.opened(settings) as stream:
        _, entries = await stream.directory()
    rows = rows_of(entries, office=arguments.office, names=arguments.names)
    if arguments.json:
        out.print_json(data=rows)
        return DONE
    columns = ["key", "kind", "role", "people", "contacts"]
    shown = [[row["key"], row["kind"], row["role"], row["people"], row["contacts"]] for row in rows]
    if arguments.names:
        columns.append("record")
        for cells, row in zip(shown, rows, strict=True):
            cells.append(json.dumps(row["record"], ensure_ascii=False))
    out.print(table_of(columns, shown), markup=False)
    return DONE


async def remove_keys(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `directory remove`. Raises Unavailable: what was removed is gone."""
    # With the record of an office or of a client go all their people, and the mails to them.
    if others := [key for key in arguments.key if not key.startswith(_PEOPLE)]:
        complain(f"Nothing was removed: {', '.join(others)} is not a person's key ({_PEOPLE}…).")
        return REFUSED
    async with broker.opened(settings) as stream:
        bucket, entries = await stream.directory()
        if unknown := [key for key in arguments.key if key not in entries]:
            complain(f"Nothing was removed: {', '.join(unknown)} is not in the directory.")
            return REFUSED
        for key in arguments.key:
            await bucket.remove(key)
    still_told = directory_import.advised_by(arguments.key, entries)
    if arguments.json:
        out.print_json(data={"removed": arguments.key, "still_told_by": still_told})
        return DONE
    out.print(f"{len(arguments.key)} removed.")
    if still_told:
        out.print(f"Mails about these clients still go to them: {', '.join(still_told)}. {_THEN}", markup=False)
    return DONE


def rows_of(entries: Mapping[str, bytes], *, office: str | None, names: bool) -> list[dict[str, Any]]:
    """What is shown of each entry: without `names` its key, its kind and how many people it has. The record of one that
    cannot be read is None."""
    rows = []
    for key in sorted(entries):
        kind, _, place = key.partition(".")
        if office is not None and place.split(".")[0] != office:
            continue
        record = _record(entries[key])
        known = record or {}
        counts = {each: len(known[each]) if each in known else None for each in ("people", "contacts")}
        row = {"key": key, "kind": _KINDS.get(kind, kind), "role": known.get("role"), **counts}
        rows.append({**row, "record": record} if names else row)
    return rows


def _record(raw: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(raw)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
