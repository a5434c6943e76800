"""`connect-ops reconcile`: where the records of intake, catalog and mover, the stream and the buckets differ."""

import argparse
from contextlib import AsyncExitStack
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from connect_ops.comparing import Standings
from connect_ops.mending import mend
from connect_ops.places import opened
from connect_ops.settings import OpsSettings
from connect_ops.standing import Difference, differences
from connect_ops.telling import DONE, REFUSED, command_of, table_of

# Seconds within which a document's own way may still be under way.
_SETTLE = 60.0
_EXAMPLES = """\
Safe beside running services. --mend tells again what is missing to the one service that lacks it; what the stream lacks
is announced anew from intake's record, or from the metadata of the GED's object: so after a restore. Nobody is mailed
again about what lies in the GED, and nothing is moved twice.

examples:
  connect-ops reconcile                       compare everything; nothing is changed
  connect-ops reconcile --office 14 --json    one office, for a program
  connect-ops reconcile --mend                mend what can be; run it again to see that nothing is left

exit status: 0 no difference, or all mended; 1 differences that are left; 2 wrong usage; 3 not reached: run it again
"""


def add_reconcile_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `reconcile`."""
    reconcile = command_of(
        commands,
        "reconcile",
        told="compare upload records, stream, catalog, ledger and buckets, and mend what differs",
        examples=_EXAMPLES,
    )
    reconcile.add_argument("--office", help="only this office's documents")
    reconcile.add_argument("--mend", action="store_true", help="mend what can be; without it, only say what differs")
    reconcile.add_argument(
        "--settle", type=float, default=_SETTLE, help="seconds for which a document that changed is left alone (60)"
    )
    reconcile.set_defaults(command=reconcile_places)


async def reconcile_places(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable: what was mended stays so."""
    async with AsyncExitStack() as stack:
        places = await opened(settings, stack)
        standings = Standings(places, office=arguments.office)
        with _waiting("comparing"):
            await standings.read()
        settled = standings.settled(arguments.settle)
        found = [each for one in settled for each in differences(one, generation=standings.generation)]
        report: list[dict[str, Any]] = []
        for difference in found:
            why_not = await mend(places, difference, standings.found[difference.document]) if arguments.mend else None
            report.append(_row(difference, mended=arguments.mend and why_not is None, why_not=why_not))
    _tell(report, standings, arguments, len(settled), out)
    left = [each for each in report if not each["mended"]]
    return REFUSED if left or standings.strays else DONE


def _row(difference: Difference, *, mended: bool, why_not: str | None) -> dict[str, Any]:
    return {
        "document": difference.document,
        "kind": difference.kind,
        "what": difference.what,
        "mendable": difference.mend is not None,
        "mended": mended,
        "why_not": why_not,
    }


def _tell(
    report: list[dict[str, Any]], standings: Standings, arguments: argparse.Namespace, compared: int, out: Console
) -> None:
    moving = len(standings.found) - compared
    if arguments.json:
        counts = {"compared": compared, "in_motion": moving}
        out.print_json(data={**counts, "differences": report, "strays": standings.strays})
        return
    out.print(f"{compared} documents compared, {moving} in motion left alone, {len(report)} differences.")
    if report:
        columns = ("document", "difference", "what", "mended")
        rows = ([each["document"], each["kind"], each["what"], _mended(each)] for each in report)
        out.print(table_of(columns, rows), markup=False)
    for key in standings.strays:
        out.print(f"no document's, in the GED: {key}", markup=False)


def _mended(row: dict[str, Any]) -> str:
    if row["mended"]:
        return "yes"
    return row["why_not"] or ("--mend" if row["mendable"] else "by hand")


def _waiting(what: str) -> Progress:
    progress = Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True)
    progress.add_task(what, total=None)
    return progress
