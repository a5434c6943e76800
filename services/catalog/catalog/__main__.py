"""`python -m catalog` serves; with a subcommand it does one thing and ends."""

import argparse
import asyncio

from chassis.configuration import add_check, settings_or_exit

from catalog.audit_cli import add_audit_commands, run_audit_command
from catalog.cli import add_directory_commands, run_directory_command
from catalog.settings import CatalogSettings


def main() -> None:
    """Parse the command line and run. Raises SystemExit: 2 for a wrong one, else what the command answers."""
    parser = argparse.ArgumentParser(prog="python -m catalog", description="The catalog of documents.")
    add_check(parser)
    commands = parser.add_subparsers(dest="command", title="commands")
    commands.add_parser("serve", help="serve the API and the portal (the default)")
    commands.add_parser("rebuild", help="make the document records anew from the stream, then let them serve")
    add_directory_commands(commands)
    add_audit_commands(commands)
    arguments = parser.parse_args()
    settings = settings_or_exit(CatalogSettings, check=arguments.check)
    if arguments.command == "directory":
        raise SystemExit(run_directory_command(arguments, settings))
    if arguments.command == "audit":
        raise SystemExit(run_audit_command(arguments, settings))
    # Only now: the whole service takes seconds to import, and the directory's commands need little of it.
    from catalog.serving import rebuild_records, serve  # noqa: PLC0415

    if arguments.command == "rebuild":
        asyncio.run(rebuild_records(settings))
    else:
        serve(settings)


if __name__ == "__main__":
    main()
