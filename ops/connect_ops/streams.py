"""`connect-ops streams apply`: the contract's streams and buckets are on the broker, as the contract has them."""

import argparse
from collections.abc import Sequence

from rich.console import Console

from connect_ops import broker
from connect_ops.declaring import Change, apply, changes
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain, table_of

_EXAMPLES = """\
Declares what is missing, and changes what differs; what is as it should be is left alone. Where a change would lose
messages (a lower limit, another retention, subjects that go), nothing at all is changed. Its NATS user needs
`$JS.API.STREAM.INFO.*`, `$JS.API.STREAM.CREATE.*`, `$JS.API.STREAM.UPDATE.*` and `$JS.API.INFO`.

examples:
  connect-ops streams apply --dry-run       what would be declared or changed
  connect-ops streams apply --replicas 3    in a cluster; without it those that are there keep their number

exit status: 0 as the contract says (or a dry run), 1 refused, 2 wrong usage, 3 not reached: run it again
"""


def add_streams_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `streams apply`."""
    deeds = commands.add_parser("streams", help="the broker's streams and buckets").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command = command_of(deeds, "apply", told="declare the streams and buckets, or change them", examples=_EXAMPLES)
    command.add_argument("--replicas", type=int, choices=(1, 3, 5), help="copies of each message in a cluster")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.set_defaults(command=apply_streams)


async def apply_streams(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    async with broker.jetstream(settings) as jetstream:
        found = await changes(jetstream, replicas=arguments.replicas)
        losing = [each for each in found if each.loses]
        if not (arguments.dry_run or losing):
            for each in found:
                await apply(jetstream, each, replicas=arguments.replicas)
    _tell(found, out, as_json=arguments.json)
    for each in losing:
        complain(f"Refused, nothing was changed: {each.name}: {each.loses}.")
    return REFUSED if losing else DONE


def _tell(found: Sequence[Change], out: Console, *, as_json: bool) -> None:
    if as_json:
        told = [
            {"stream": each.name, "is_there": each.there is not None, "differs": each.differs, "loses": each.loses}
            for each in found
        ]
        out.print_json(data={"changes": told})
    elif not found:
        out.print("Every stream and bucket is as the contract says.")
    else:
        rows = [
            row
            for each in found
            for row in (
                [(each.name, name, old, new) for name, (old, new) in each.differs.items()]
                or [(each.name, "is not there", None, None)]
            )
        ]
        out.print(table_of(("stream", "what", "is", "will be"), rows))
