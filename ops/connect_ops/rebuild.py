"""`connect-ops rebuild catalog`: the document records made anew from the stream, beside those that serve."""

import argparse

from catalog.generations import Generations
from catalog.rebuild import rebuild
from chassis.mongo import connected
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from connect_ops import broker
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, command_of

_EXAMPLES = """\
The records that serve go on serving until the new ones are level with the stream; then all replicas change over within
two seconds. The old ones are dropped an hour later. Stopped in its middle, it goes on where it was when it runs again.

examples:
  connect-ops rebuild catalog
  connect-ops rebuild catalog --json

exit status: 0 done, 2 wrong usage, 3 not reached, or somebody else rebuilt meanwhile: run it again
"""


def add_rebuild_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `rebuild catalog`."""
    what = commands.add_parser("rebuild", help="make records anew").add_subparsers(required=True, metavar="WHAT")
    catalog = command_of(what, "catalog", told="make the document records anew from the stream", examples=_EXAMPLES)
    catalog.set_defaults(command=rebuild_catalog)


async def rebuild_catalog(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable: what was built stays."""
    read = 0
    with _bar() as bar:
        task = bar.add_task("rebuilding", total=None)

        def note(done: int, left: int) -> None:
            nonlocal read
            read = done
            bar.update(task, completed=done, total=done + left)

        url, name = settings.mongo_url.get_secret_value(), settings.databases.catalog
        async with connected(url, name) as database, broker.connected(settings) as bus:
            generation = await rebuild(bus=bus, database=database, generations=Generations(database), note=note)
    if arguments.json:
        out.print_json(data={"generation": generation, "events": read})
    else:
        out.print(f"Generation {generation} serves, made of {read} events.")
    return DONE


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
