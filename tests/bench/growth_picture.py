"""`python -m tests.bench.growth_picture figures.json docs/pictures/growth.svg`: what growth measured, drawn.

`figures.json` is what `make bench BENCH="--only growth --json figures.json"` wrote.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .growth import FLAT

_HERE = Path(__file__).parent
# The frame of each panel, in the picture's units.
_LEFT, _WIDTH, _APART, _TOP, _HEIGHT = 46.0, 290.0, 74.0, 64.0, 170.0
# Where the scale ends, unless something is higher.
_HIGHEST = 1.5
# What stays the same meanwhile, too.
_SAYS = {
    "documents": "documents before it, of {clients:,} clients",
    "clients": "clients, {documents:,} documents before it",
}


@dataclass(frozen=True)
class Point:
    """A size. `cost` is in milliseconds, the others are times that of the least size, `low` to `high` of all rounds."""

    size: int
    cost: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """What `grows`, what it `says` of that, and the sizes it was measured at, the least first."""

    grows: str
    says: str
    points: Sequence[Point]


def panels_of(rows: Sequence[Mapping[str, Any]]) -> Sequence[Panel]:
    """The panels that growth's rows make."""
    panels = []
    for by, says in _SAYS.items():
        if mine := [row for row in rows if row.get("by") == by]:
            points = sorted((_point(row) for row in mine), key=lambda point: point.size)
            panels.append(Panel(by, says.format(**mine[0]), points))
    return panels


def draw(told: Mapping[str, Any]) -> str:
    """The picture, as SVG, of a run's figures."""
    rows = [row for row in told["rows"] if "by" in row]
    panels = panels_of(rows)
    highest = max(_HIGHEST, *(point.high * 1.1 for panel in panels for point in panel.points))
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("growth.svg.j2").render(
        panels=panels,
        frames=[_LEFT + number * (_WIDTH + _APART) for number in range(len(panels))],
        width=_LEFT + len(panels) * (_WIDTH + _APART) - _APART + 24,
        frame=(_WIDTH, _TOP, _HEIGHT),
        flat=FLAT,
        ticks=[0, 0.5, 1],
        deposits=rows[0]["deposits"],
        y=lambda ratio: round(_TOP + _HEIGHT * (1 - ratio / highest), 1),
        x=lambda number, of: round(_WIDTH * (number + 0.5) / of, 1),
    )


def _point(row: Mapping[str, Any]) -> Point:
    ratios = row["judged"]
    return Point(row[row["by"]], statistics.median(row["ours"]), statistics.median(ratios), min(ratios), max(ratios))


def main() -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path)
    chosen = parser.parse_args()
    told = json.loads(chosen.figures.read_text(encoding="utf-8"))
    chosen.picture.write_text(draw(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
