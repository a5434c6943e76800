"""What a benchmark says: figures of several rounds, each beside its reference in the same round."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Aim:
    """What a figure should come to."""

    bound: float
    at_most: bool = False

    def met_by(self, value: float) -> bool:
        """Whether it does."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass
class Row:
    """One figure in `unit`, a value a round.

    With a `reference`, measured in the same rounds, what the aim is about is the ratio of both, for the machine's speed
    is in both; without one it is the figure itself. `also` are further figures of the same rounds, by what they are.
    """

    name: str
    unit: str
    aim: Aim
    against: str = ""
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    also: dict[str, list[float]] = field(default_factory=dict)

    @property
    def judged(self) -> list[float]:
        """What the aim is about, a value a round."""
        if not self.against:
            return self.ours
        return [mine / other for mine, other in zip(self.ours, self.reference, strict=True)]

    @property
    def is_met(self) -> bool:
        """Whether the median comes to the aim."""
        return self.aim.met_by(statistics.median(self.judged))

    def told(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "against": self.against,
            "ours": self.ours,
            "reference": self.reference,
            "judged": self.judged,
            "aim": str(self.aim),
            "met": self.is_met,
            **({"also": self.also} if self.also else {}),
        }


async def side_by_side(row: Row, ours: Measure, reference: Measure, *, rounds: int) -> Row:
    """Measure both in every round; who begins changes, for what warms or fills up meanwhile."""
    for number in range(rounds):
        pair = ((row.ours, ours), (row.reference, reference))
        for values, measure in pair if number % 2 else reversed(pair):
            values.append(await measure())
    return row


def table_of(rows: Sequence[Row]) -> Table:
    """All rows, as people read them."""
    table = Table("", "unit", "ours", "reference", "min", "median", "max", "aim", "")
    for row in rows:
        reference = f"{statistics.median(row.reference):.0f} {row.against}" if row.against else ""
        spread = (min(row.judged), statistics.median(row.judged), max(row.judged))
        also = ", ".join(f"{name}: {_short(statistics.median(values))}" for name, values in row.also.items())
        table.add_row(
            f"{row.name}\n[dim]{also}" if also else row.name,
            row.unit,
            _short(statistics.median(row.ours)),
            reference,
            *map(_short, spread),
            str(row.aim),
            "met" if row.is_met else "[red]missed",
        )
    return table


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
