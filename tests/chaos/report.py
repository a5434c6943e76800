"""What was tried and what came of it, as a table."""

from __future__ import annotations

from collections import Counter
from io import StringIO

from rich.console import Console
from rich.table import Table

from .faults import Fault
from .verdict import Verdict

_WIDTH = 100


class Report:
    """Kinds of faults with how many were tried, and how many documents were acknowledged meanwhile."""

    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()
        self._documents: Counter[str] = Counter()

    def note(self, moment: tuple[Fault, ...], documents: int) -> None:
        """One moment is over; two faults at a time are a kind of their own."""
        kind = moment[0].kind if len(moment) == 1 else "two at a time"
        self._tried[kind] += 1
        self._documents[kind] += documents

    def told(self, verdict: Verdict) -> str:
        """The table, with what the stores say at the end: whose fault a loss is, none of them knows."""
        table = Table("faults", "tried", "documents meanwhile", "lost", "doubled", "left over", show_footer=True)
        for kind, tried in self._tried.items():
            table.add_row(kind, str(tried), str(self._documents[kind]))
        ends = (verdict.documents, len(verdict.lost), len(verdict.doubled), len(verdict.left))
        for column, end in zip(table.columns, ("all", self._tried.total(), *ends), strict=True):
            column.footer = str(end)
        written = StringIO()
        Console(file=written, width=_WIDTH).print(table)
        return written.getvalue().rstrip()
