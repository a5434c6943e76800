"""`connect-ops backup streams` and `restore streams`: all that the broker holds, into a folder and back."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from contracts.streams import BUCKETS, STREAMS
from nats.aio.client import Client
from rich.console import Console

from connect_ops import broker, copies, snapshots
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain, table_of

# What a consumer has put off, buried or caused is stored before it acknowledges: so the documents' stream is first, and
# what it lacks stands in those that follow.
_SAVED = (*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS))
_BACKUP = """\
Beside running services. Each stream is one snapshot in a folder of its name, as `nats stream backup` makes it, with its
consumers: how far everybody is. Do it after the backup of MongoDB, and before that of the buckets.

With `--keep-hourly` or `--keep-daily`, FOLDER holds copies beside each other, each in a folder named for its time
(UTC). Before there is a new one, those go that neither number keeps, and what is left of a run that was interrupted;
the newest whole copy never does. Its disk needs room for both numbers and one copy more, each as large as the streams.

examples:
  connect-ops backup streams /backup/2026-11-25
  connect-ops backup streams /backup --keep-hourly 24 --keep-daily 7

exit status: 0 done, 1 the server gives no snapshot or the disk takes none, 2 wrong usage, 3 not reached: run it again
"""
_RESTORE = """\
Into a broker whose streams are empty or not there, while no service runs; where one holds anything else, nothing is
done. Then `connect-ops restore records`, before the services start.

examples:
  connect-ops restore streams /backup/2026-11-25

exit status: 0 done, 1 a stream holds something else or is not taken, 2 wrong usage, 3 not reached: run it again
"""


def add_backup_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `backup streams`."""
    what = commands.add_parser("backup", help="save what the broker holds").add_subparsers(
        required=True, metavar="WHAT"
    )
    streams = command_of(what, "streams", told="save every stream and bucket of the broker", examples=_BACKUP)
    streams.add_argument("folder", type=Path)
    for each, name in (("hour", "hourly"), ("day", "daily")):
        told = f"keep the last copy of each of the last N {each}s that have one"
        streams.add_argument(f"--keep-{name}", type=_above_0, default=0, metavar="N", help=told)
    streams.set_defaults(command=backup_streams)


def add_restore_streams(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `restore streams`."""
    streams = command_of(what, "streams", told="give the broker back what was saved", examples=_RESTORE)
    streams.add_argument("folder", type=Path)
    streams.set_defaults(command=restore_streams)


async def backup_streams(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    folder, hourly, daily = arguments.folder, arguments.keep_hourly, arguments.keep_daily
    now, removed = datetime.now(UTC), list[str]()
    try:
        if hourly or daily:
            removed = copies.thin(folder, hourly=hourly, daily=daily, now=now)
        with copies.new(folder, now=now) if hourly or daily else nullcontext(folder) as copy:
            saved = await _save(settings, copy)
    except (snapshots.NotRestored, snapshots.NotWritten) as refused:
        complain(f"Not saved: {refused}.")
        return REFUSED
    _tell(saved, arguments, out, removed=removed)
    return DONE


async def _save(settings: OpsSettings, folder: Path) -> dict[str, int]:
    async with broker.connected(settings) as bus:
        client = await bus.ready()
        return {stream: await snapshots.save(client, stream, folder / stream) for stream in _SAVED}


async def restore_streams(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable: what was restored stays."""
    missing = [stream for stream in _SAVED if not snapshots.is_whole(arguments.folder / stream)]
    if missing:
        complain(f"No whole snapshot in {arguments.folder}: {', '.join(missing)}.")
        return REFUSED
    restored: dict[str, int] = {}
    async with broker.connected(settings) as bus:
        client = await bus.ready()
        try:
            left, held = await _compared(client, arguments.folder)
            if held:
                complain(f"Other messages are there, so nothing was restored: {', '.join(held)}.")
                return REFUSED
            for stream in left:
                restored[stream] = await snapshots.restore(client, stream, arguments.folder / stream)
        except snapshots.NotRestored as refused:
            complain(f"Not restored: {refused}.")
            return REFUSED
    _tell(restored, arguments, out)
    return DONE


async def _compared(client: Client, folder: Path) -> tuple[list[str], list[str]]:
    """The streams that are still to be restored, and those that hold something else."""
    last = {stream: await snapshots.sequence(client, stream) for stream in _SAVED}
    left = [stream for stream in _SAVED if last[stream] == 0]
    held = [
        stream
        for stream in _SAVED
        if last[stream] and not await snapshots.is_as_saved(client, stream, folder / stream, last=last[stream])
    ]
    return left, held


def _tell(
    messages: dict[str, int], arguments: argparse.Namespace, out: Console, *, removed: Sequence[str] | None = None
) -> None:
    if arguments.json:
        out.print_json(data={"streams": messages} | ({} if removed is None else {"removed": removed}))
        return
    out.print(table_of(("stream", "messages"), messages.items()))
    if removed:
        out.print(f"Removed: {', '.join(removed)}.")


def _above_0(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
