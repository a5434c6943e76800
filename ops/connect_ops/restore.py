"""`connect-ops restore records`: the services' records, as far as the stream tells what they said."""

import argparse
from contextlib import AsyncExitStack

from rich.console import Console

from connect_ops.backup import add_restore_streams
from connect_ops.places import opened
from connect_ops.recall import Recall
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, command_of

_EXAMPLES = """\
While no service runs, where a database of theirs was lost or is older than the streams: a service that does not
know what it has done does it again. What is there stays as it is, but for what an older backup takes for unfinished and
the streams say was finished; so it may be run on whole records, and again. Then `connect-ops rebuild catalog`, start
the services, and `connect-ops reconcile --mend`.

Where the catalog's databases alone are lost, the others go on and only the catalog stands still: --only catalog. What
is noted for a service that runs, before it has heard of it, is never done: a mail, say.

Nobody is mailed again of what the stream tells, also where a backup of notify's records has that mail waiting. Of some
documents it may not say whether their mails went out: no record has them waiting, so nobody is mailed, and --json
names them (`untold`). What waits in a backup and the stream says nothing of goes out when notify starts.

examples:
  connect-ops restore records
  connect-ops restore records --only catalog
  connect-ops restore records --office 14 --json

exit status: 0 done, 2 wrong usage, 3 not reached: run it again
"""


def add_restore_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `restore streams` and `restore records`."""
    what = commands.add_parser("restore", help="bring back what was lost").add_subparsers(required=True, metavar="WHAT")
    add_restore_streams(what)
    records = command_of(
        what, "records", told="note in the services' records what the streams tell", examples=_EXAMPLES
    )
    records.add_argument("--office", help="only this office's events")
    records.add_argument("--only", choices=("catalog",), help="only this service's records; the others may run")
    records.set_defaults(command=restore_records)


async def restore_records(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable: what was noted stays."""
    async with AsyncExitStack() as stack:
        places = await opened(settings, stack)
        recall = Recall(places, office=arguments.office, only_catalog=arguments.only == "catalog")
        await recall.run()
    untold = recall.untold
    if arguments.json:
        out.print_json(data={"events": recall.events, "seals": recall.seals, "untold": untold})
        return DONE
    out.print(f"{recall.events} events and {recall.seals} seals noted.")
    if untold:
        out.print(f"The stream does not say whether anybody was told of {len(untold)} documents (--json names them).")
    return DONE
