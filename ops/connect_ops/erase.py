"""`connect-ops erase client`: what of a client goes, what is kept and why; and with `--yes`, its erasure."""

import argparse
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from rich.console import Console
from rich.table import Table

from connect_ops.erasing import Erasure
from connect_ops.holdings import Holdings, look_up
from connect_ops.places import opened
from connect_ops.settings import OpsSettings
from connect_ops.telling import AGAIN, DONE, REFUSED

# Seconds.
_PATIENCE = 300.0
_LEGAL = "taken in charge: accounting documents are kept for ten years (Code de commerce, L123-22)"
_LOCKED = "locked in the GED by its operator"
STAYS = {
    "audit journal and CONNECT_AUDIT": "ids only; what it proves would be lost with any entry",
    "`erased` events, tombstones of documents": "ids only; what comes late meets them, and brings nothing back",
    "mails that were sent": "they lie in their recipients' mailboxes",
}
_EXAMPLES = """\
examples:
  connect-ops erase client --office 14 --client earl-du-chene          what would go, and what is kept
  connect-ops erase client --office 14 --client earl-du-chene --yes    erase; run it again after an interruption
  connect-ops erase client --office 14 --client earl-du-chene --json   the same, for a program or a register

exit status: 0 done (or a dry run), 1 no such client, 2 wrong usage, 3 not finished: run it again
"""


def add_erase_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `erase client`."""
    erase = commands.add_parser("erase", help="erase personal data").add_subparsers(required=True, metavar="WHAT")
    client = erase.add_parser(
        "client",
        help="erase a client account: its people, its documents, and all that tells of them",
        description="Erase a client account, but for what the law has us keep. Without --yes nothing is changed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    client.add_argument("--office", required=True, help="the office's id, such as 14")
    client.add_argument("--client", required=True, help="the account's id, as in the directory")
    client.add_argument("--yes", action="store_true", help="erase; without it, only say what would be")
    client.add_argument("--json", action="store_true", help="print JSON for programs instead of tables")
    client.add_argument("--patience", type=float, default=_PATIENCE, help="seconds to wait for the services (300)")
    client.set_defaults(command=erase_client)


async def erase_client(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    async with AsyncExitStack() as stack:
        places = await opened(settings, stack)
        held = await look_up(places, office=arguments.office, client=arguments.client)
        if held.is_empty:
            Console(stderr=True).print(f"Nothing is known of client {arguments.client} of office {arguments.office}.")
            return REFUSED
        if not arguments.yes:
            _tell(_report(arguments, held), arguments, out)
            return DONE
        progress = Console(stderr=True, highlight=False, soft_wrap=True)
        erasure = Erasure(places, arguments.office, arguments.client, note=progress.print)
        held, waits = await erasure.run(held, patience=arguments.patience)
        _tell({**_report(arguments, held), "removed": dict(erasure.removed), "waits": waits}, arguments, out)
        return AGAIN if waits or not _is_over(held) else DONE


def _is_over(held: Holdings) -> bool:
    return not (held.entry or any(held.messages.values()) or held.records)


def _report(arguments: argparse.Namespace, held: Holdings) -> dict[str, Any]:
    return {
        "office": arguments.office,
        "client": arguments.client,
        "dry_run": not arguments.yes,
        "over": _is_over(held),
        "goes": {
            **({"directory": 1} if held.entry else {}),
            **({"documents": n} if (n := len(held.going.difference(held.erased))) else {}),
            **{stream: len(messages) for stream, messages in held.messages.items() if messages},
            **held.records,
        },
        "kept": [
            {
                "document": document,
                "until": until.isoformat() if until else None,
                "why": _LEGAL if document in held.taken else _LOCKED,
            }
            for document, until in sorted(held.kept.items())
        ],
        "stays": STAYS,
    }


def _tell(report: Mapping[str, Any], arguments: argparse.Namespace, out: Console) -> None:
    if arguments.json:
        out.print_json(data=report)
        return
    account = f"Client {report['client']} of office {report['office']}"
    done = "removed" in report
    if done:
        state = "erased" if report["over"] and not report["waits"] else "not erased yet: run it again"
        out.print(f"{account}: {state}.")
    else:
        out.print(f"{account}: what --yes would erase. Nothing was changed.")
    out.print(_table(("removed" if done else "goes"), report["removed" if done else "goes"]))
    for wait in report.get("waits", ()):
        out.print(f"waiting: {wait}")
    if report["kept"]:
        kept = {each["document"]: f"until {each['until'] or 'it is locked'}, {each['why']}" for each in report["kept"]}
        out.print(_table("kept, with the events and records that tell of them", kept))
    out.print(_table("stays", report["stays"]))


def _table(title: str, rows: Mapping[str, object]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
