"""`connect-ops retention due`: taken documents whose time is over, listed; and with `--yes`, erased."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from catalog.erasure import LAPSED, Account, lapsed
from catalog.model import Document
from rich.console import Console

from connect_ops.places import Places, opened
from connect_ops.settings import OpsSettings
from connect_ops.store import Version
from connect_ops.telling import AGAIN, DONE, REFUSED, command_of, plain, table_of

# Seconds.
_PATIENCE, _PAUSE = 300.0, 1.0
_EXAMPLES = """\
What was taken in charge is kept until 31 December of the eleventh year after (Code de commerce, L123-22). Then it may
go, and goes only when somebody says so. A document that the GED still locks is listed, and stays.

examples:
  connect-ops retention due                        what is due; nothing is changed
  connect-ops retention due --over 0               every night: exit status 1 where something may go
  connect-ops retention due --office 14 --yes      erase what is due there
  connect-ops retention due --document ID --yes    erase one

exit status: 0 done (or listed), 1 more than --over may go, 2 wrong usage, 3 not reached or not erased yet: run it again
"""


def add_retention_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `retention due`."""
    what = commands.add_parser("retention", help="documents whose time is over").add_subparsers(
        required=True, metavar="WHAT"
    )
    due = command_of(what, "due", told="list taken documents whose retention has ended", examples=_EXAMPLES)
    due.add_argument("--office", help="only this office's documents")
    due.add_argument("--document", help="only this one")
    # Who only looks can't erase by a slip.
    deed = due.add_mutually_exclusive_group()
    deed.add_argument("--yes", action="store_true", help="erase them; without it, only list them")
    deed.add_argument("--over", type=int, help="how many may be due and not locked; beyond, the exit status is 1")
    due.add_argument("--patience", type=float, default=_PATIENCE, help="seconds to wait for their erasure (300)")
    due.set_defaults(command=show_due)


async def show_due(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable: what was withdrawn stays so."""
    async with AsyncExitStack() as stack:
        places, now = await opened(settings, stack), datetime.now(UTC)
        due = await lapsed(places.catalog, office=arguments.office, now=now)
        due = [each for each in due if arguments.document in (None, each.id)]
        locked = {each.id for each in due if is_locked(await _versions(places, each), now=now)}
        free = [each for each in due if each.id not in locked]
        left = await _erase(places, free, patience=arguments.patience) if arguments.yes else None
    _tell(due, locked, left, arguments, out)
    return status_of(len(free), over=arguments.over, left=left)


def status_of(free: int, *, over: int | None, left: Sequence[str] | None) -> int:
    """How it ends where so many may go; `left` are those that were to be erased and still lie in the GED."""
    if left:
        return AGAIN
    return REFUSED if over is not None and free > over else DONE


def is_locked(versions: Sequence[Version], *, now: datetime) -> bool:
    """Whether the GED would refuse to erase it."""
    return any(version.locked_until and version.locked_until > now for version in versions)


async def _versions(places: Places, document: Document) -> Sequence[Version]:
    return await places.buckets.versions(office=document.office, client=document.client.id, document=document.id)


async def _erase(places: Places, documents: Sequence[Document], *, patience: float) -> list[str]:
    """Withdraw them as any document is, so the mover erases every copy; returns those that still lie in the GED."""
    for each in documents:
        account = Account(places.catalog, places.catalog_audit, each.office, each.client.id)
        await account.withdraw(each.id, each, lapsed=True, reason=LAPSED)
    until, left = time.monotonic() + patience, list(documents)
    while left := [each for each in left if await _versions(places, each)]:
        if time.monotonic() > until:
            break
        await asyncio.sleep(_PAUSE)
    return [each.id for each in left]


def _tell(
    due: Sequence[Document], locked: set[str], left: list[str] | None, arguments: argparse.Namespace, out: Console
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "document": each.id,
            "office": each.office,
            "client": each.client.id,
            "taken_at": each.decision.at if each.decision else None,
            "retained_until": each.retained_until,
            "locked": each.id in locked,
            "erased": left is not None and each.id not in locked and each.id not in left,
        }
        for each in due
    ]
    if arguments.json:
        out.print_json(data={"dry_run": not arguments.yes, "due": plain(rows)})
        return
    if rows:
        out.print(table_of(list(rows[0]), (row.values() for row in rows)), markup=False)
    if left is None:
        out.print(f"{len(due)} due, {len(locked)} of them still locked. --yes erases the others. Nothing was changed.")
    else:
        out.print(f"{len(due) - len(locked) - len(left)} erased, {len(left)} not yet, {len(locked)} still locked.")
