"""One line a step, with how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Steps shown as they run: a spinner on a terminal, plain lines elsewhere, nothing when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Shows `what` while the block runs, then with a tick and its seconds; with a cross where it raises."""
        started = time.monotonic()
        mark = "[red]✗[/red]"
        try:
            with self.console.status(what):
                yield
            mark = "[green]✓[/green]"
        finally:
            self.console.print(f"{mark} {what} [dim]{time.monotonic() - started:.1f} s[/dim]")
