"""`python -m tests.bench`: everything that is measured of this project's speed and size, as one table.

What can be compared is told as a ratio against a reference in the same run, for machines are shared and noisy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.console import Console

from . import footprint, growth, intake, live, mails, pipeline, reading
from .measuring import Row, table_of


class Group(Protocol):
    """Rows that are measured on one stack."""

    def __call__(self, folder: Path, *, rounds: int) -> AsyncIterator[Row]: ...


GROUPS: Mapping[str, Group] = {
    "footprint": footprint.rows,
    "growth": growth.rows,
    "intake": intake.rows,
    "live": live.rows,
    "mails": mails.rows,
    "pipeline": pipeline.rows,
    "reading": reading.rows,
}
FIGURES = Path(".run/bench.json")
# These take longer than all others together.
ON_REQUEST = frozenset({"growth"})


def chosen_of(only: Sequence[str] | None) -> Sequence[str]:
    """The groups that run where `only` these were asked for, or nothing was."""
    return only or [name for name in GROUPS if name not in ON_REQUEST]


async def measure(groups: Mapping[str, Group], *, rounds: int, tell: Callable[[Sequence[Row]], None]) -> Sequence[Row]:
    """Every row of these groups; they are told again with each."""
    rows: list[Row] = []
    for name, rows_of in groups.items():
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            async for row in rows_of(Path(folder), rounds=rounds):
                rows.append(row)
                tell(rows)
    return rows


def main() -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only",
        choices=GROUPS,
        action="append",
        help=f"measure this group alone; may be repeated; without it, all but {', '.join(ON_REQUEST)}",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each figure is measured (3)")
    parser.add_argument(
        "--documents", type=int, default=pipeline.DOCUMENTS, help=f"how many the pipeline moves ({pipeline.DOCUMENTS})"
    )
    parser.add_argument(
        "--among", type=int, nargs="+", metavar="N", default=growth.DOCUMENTS, help="how many documents growth seeds"
    )
    parser.add_argument(
        "--clients", type=int, nargs="+", metavar="N", default=growth.CLIENTS, help="of how many clients growth seeds"
    )
    parser.add_argument(
        "--deposits", type=int, default=growth.DEPOSITS, help=f"how many growth then makes a round ({growth.DEPOSITS})"
    )
    parser.add_argument("--json", type=Path, default=FIGURES, help=f"the file that the figures go to ({FIGURES})")
    chosen = parser.parse_args()
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    console, begun = Console(), datetime.now(UTC).isoformat()
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}

    def tell(rows: Sequence[Row]) -> None:
        console.print(f"{rows[-1].name}: {', '.join(f'{value:.2f}' for value in rows[-1].judged)}")
        told = {"at": begun, **machine, "rows": [row.told() for row in rows]}
        chosen.json.write_text(json.dumps(told, indent=1), encoding="utf-8")

    groups = {name: _as_asked(name, chosen) for name in chosen_of(chosen.only)}
    console.print(table_of(asyncio.run(measure(groups, rounds=chosen.rounds, tell=tell))))
    return 0


def _as_asked(name: str, chosen: argparse.Namespace) -> Group:
    if name == "pipeline":
        return partial(pipeline.rows, documents=chosen.documents)
    if name == "growth":
        return partial(growth.rows, documents=chosen.among, clients=chosen.clients, deposits=chosen.deposits)
    return GROUPS[name]


if __name__ == "__main__":
    sys.exit(main())
