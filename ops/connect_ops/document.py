"""`connect-ops document ID`: a document's whole journey, and what is missing of it."""

import argparse
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from rich.console import Console

from connect_ops.journey import Journey, missing
from connect_ops.places import opened
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain, plain, table_of
from connect_ops.tracing import trace

_EXAMPLES = """\
examples:
  connect-ops document ID             record, events, GED, mails, journal; ids, no names
  connect-ops document ID --names     the file's, the client's and the depositor's name too
  connect-ops document ID --search    look through the whole stream, where no record tells of it any more
  connect-ops document ID --json      for a program

exit status: 0 nothing is missing, 1 unknown, or something is missing, 2 wrong usage, 3 not reached: run it again
"""


def add_document_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `document`."""
    document = command_of(
        commands, "document", told="show a document's journey, and what is missing", examples=_EXAMPLES
    )
    document.add_argument("document", help="its id")
    document.add_argument("--names", action="store_true", help="show names, which are personal data")
    document.add_argument("--search", action="store_true", help="look through the whole stream")
    document.set_defaults(command=show_document)


async def show_document(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    async with AsyncExitStack() as stack:
        journey = await trace(await opened(settings, stack), arguments.document, search=arguments.search)
    if not journey.is_known:
        complain(f"Nothing is known of document {arguments.document}. `--search` looks through the whole stream.")
        return REFUSED
    report = report_of(journey, names=arguments.names)
    if arguments.json:
        out.print_json(data=plain(report))
    else:
        _tell(report, out)
    return REFUSED if report["missing"] else DONE


def report_of(journey: Journey, *, names: bool = False) -> dict[str, Any]:
    """All of it. Without `names` nothing tells who anybody is, or what the file is called."""
    report = {
        "document": journey.document,
        "office": journey.office,
        "client": journey.client,
        "upload": _upload(journey),
        "catalog": _catalog(journey),
        "mover": _mover(journey),
        "events": [asdict(each) for each in journey.events],
        "ged": [asdict(each) for each in journey.versions],
        "staging": journey.is_staged,
        "mails": [asdict(each) for each in journey.mails],
        "journal": [asdict(each) for each in journey.journal],
        "dead_letters": [asdict(each) for each in journey.dead],
        "put_off": journey.put_off,
        "missing": missing(journey),
    }
    return {**report, "names": _names(journey)} if names else report


def _upload(journey: Journey) -> dict[str, Any] | None:
    upload = journey.upload
    if upload is None:
        return None
    return {
        "state": upload.state,
        "offset": upload.offset,
        "length": upload.length,
        "code": upload.code,
        "deposit": upload.deposit.id,
        "created_at": upload.created_at,
        "whole_at": upload.whole_at,
    }


def _catalog(journey: Journey) -> dict[str, Any] | None:
    known = journey.known
    if known is None:
        return None
    return {
        "state": known.state,
        "revision": known.revision,
        "space": known.space,
        "size": known.size,
        "sha256": known.sha256,
        "deposited_at": known.deposited_at,
        "archived_at": known.archive.at if known.archive else None,
        "decided_at": known.decision.at if known.decision else None,
        "retained_until": known.retained_until,
        "erased_at": known.erased_at,
        "trouble": known.trouble.code if known.trouble else None,
        "replaces": known.replaces,
        "replaced_by": known.replaced_by,
    }


def _mover(journey: Journey) -> dict[str, Any] | None:
    move = journey.move
    if move is None:
        return None
    return {
        "attempt": move.attempt,
        "trying_since": move.trying_since,
        "code": move.code,
        "given_up_at": move.given_up_at,
        "version": move.archived.version_id if move.archived else None,
        "locked_until": move.lock.until if move.lock else None,
        "withdrawn_at": move.withdrawn_at,
        "erased_at": move.erased_at,
    }


def _names(journey: Journey) -> dict[str, str | None]:
    of = journey.known or journey.upload
    depositor = of.depositor if of else None
    return {
        "file": of.name if of else None,
        "client": of.client.name if of else None,
        "depositor": depositor.name if depositor else None,
    }


def _tell(report: dict[str, Any], out: Console) -> None:
    out.print(f"Document {report['document']} of client {report['client']}, office {report['office']}.")
    for part in ("names", "upload", "catalog", "mover"):
        facts = report.get(part)
        _table(out, part, ("", ""), [each for each in (facts or {}).items() if each[1] is not None])
    for part in ("events", "ged", "mails", "journal", "dead_letters"):
        rows = report[part]
        _table(out, part.replace("_", " "), list(rows[0]) if rows else (), [row.values() for row in rows])
    for each in report["missing"]:
        out.print(f"missing: {each}", markup=False)
    if not report["missing"]:
        out.print("Nothing is missing.")


def _table(out: Console, title: str, columns: Iterable[str], rows: list[Any]) -> None:
    if rows:
        out.print(table_of(list(columns), rows, title=title), markup=False)
