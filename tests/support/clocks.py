"""Hosts whose clocks differ from this one's."""

from __future__ import annotations

from pathlib import Path


def clock_ahead(seconds: float) -> dict[str, str]:
    """What a service's process has in its environment on a host whose clock is so many seconds ahead."""
    return {"PYTHONPATH": str(Path(__file__).with_name("another_clock")), "CLOCK_AHEAD": str(seconds)}
