"""What all commands have in common: their exit statuses, and how they tell of things."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDE = 250
DONE, REFUSED, AGAIN = 0, 1, 3
"""Done; refused, or something is not as it should be (2 is wrong usage); not reached or not finished: run it again."""


def command_of(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, *, told: str, examples: str
) -> argparse.ArgumentParser:
    """A command with `--json`, its help with examples and exit statuses."""
    parser = commands.add_parser(
        name,
        help=told,
        description=told[0].upper() + told[1:] + ".",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of tables")
    return parser


def table_of(columns: Sequence[str], rows: Iterable[Iterable[object]], *, title: str | None = None) -> Table:
    """A table, without a head where no column has a name; what is None is a dash, times are UTC. What is too long for
    the terminal goes on in the next line: half an id is none."""
    table = Table(title=title, title_justify="left", box=None, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(shown, row))
    return table


def console() -> Console:
    """Where results go; as wide as the terminal, and where there is none as wide as a line of a log may be."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)


def shown(value: object) -> str:
    """A value for people."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def plain(value: Any) -> Any:
    """A value for JSON: times as RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def complain(text: str) -> None:
    """A line on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(text)
