"""`connect-ops …`: parses the command line and runs one command."""

import argparse
import asyncio
import sys

from chassis.errors import Unavailable
from chassis.logs import configure_logs
from pydantic import ValidationError
from rich.console import Console

from connect_ops.backup import add_backup_command
from connect_ops.dead import add_dead_commands
from connect_ops.directory import add_directory_commands
from connect_ops.document import add_document_command
from connect_ops.erase import add_erase_commands
from connect_ops.lag import add_lag_command
from connect_ops.rebuild import add_rebuild_commands
from connect_ops.reconcile import add_reconcile_command
from connect_ops.restore import add_restore_commands
from connect_ops.retention import add_retention_commands
from connect_ops.settings import OpsSettings
from connect_ops.streams import add_streams_commands
from connect_ops.subscriber import add_subscriber_commands
from connect_ops.telling import AGAIN, console
from connect_ops.verify import add_verify_commands

_USAGE = 2


def command_line() -> argparse.ArgumentParser:
    """All commands."""
    parser = argparse.ArgumentParser(
        prog="connect-ops",
        description="The operator's commands.",
        epilog="Credentials: CONNECT_OPS_… in the environment, or files in SECRETS_DIR. `connect-ops COMMAND"
        " --help` shows examples.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_dead_commands(commands)
    add_lag_command(commands)
    add_document_command(commands)
    add_directory_commands(commands)
    add_reconcile_command(commands)
    add_rebuild_commands(commands)
    add_backup_command(commands)
    add_restore_commands(commands)
    add_retention_commands(commands)
    add_erase_commands(commands)
    add_verify_commands(commands)
    add_streams_commands(commands)
    add_subscriber_commands(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 refused or not as it should be, 2 wrong usage, 3 try again later."""
    arguments = command_line().parse_args(argv)
    configure_logs(service="ops", level="ERROR")
    wrong = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        settings = OpsSettings()
    except ValidationError as error:
        # Where and what kind, never the value.
        names = ", ".join("CONNECT_OPS_" + "__".join(map(str, each["loc"])).upper() for each in error.errors())
        wrong.print(f"Missing or wrong: {names}.")
        return _USAGE
    try:
        result: int = asyncio.run(arguments.command(arguments, settings, console()))
    except Unavailable as down:
        wrong.print(f"Not reached: {down.code}. What was done stays done; run it again for the rest.")
        return AGAIN
    return result


def run() -> None:
    """The console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
