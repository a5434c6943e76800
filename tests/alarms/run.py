"""Rounds of faults: each strikes, its alerts are waited for, it ends, and they are waited for to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.support.eventually import eventually

from .faults import Expected, Fault
from .prometheus import Firing
from .stage import Stage

# Seconds. An alert has its own time, and what it looks at may be looked at once in a minute.
_PATIENCE = 400.0
_EVERY = 0.5
# What a template says of what it can't tell.
_UNTOLD = ("<error", "<no value>")

Tell = Callable[[str], None]


@dataclass
class Seen:
    """What became of one alert: seconds from its fault to it, and from the fault's end to its own."""

    fault: str
    expected: Expected
    fired_after: float | None = None
    resolved_after: float | None = None
    complaint: str = ""

    @property
    def is_well(self) -> bool:
        """Whether it did as it should."""
        return not (self.fired_after is None or self.resolved_after is None or self.complaint)


class Rounds:
    """`severities` are those of the rules, by alert."""

    def __init__(self, stage: Stage, *, severities: Mapping[str, str], tell: Tell) -> None:
        self._stage, self._severities, self._tell = stage, severities, tell

    async def firing_unasked(self) -> list[str]:
        """What fires though nothing is wrong."""
        return sorted({each.labels["alertname"] for each in await self._firing()})

    async def run(self, faults: Sequence[Fault]) -> list[Seen]:
        """All of a round: they strike in the order in which the table has them, and each ends once its alerts fired."""
        async with asyncio.TaskGroup() as group:
            under_way = []
            for fault in faults:
                has_struck = asyncio.Event()
                under_way.append(group.create_task(self._through(fault, has_struck)))
                await has_struck.wait()
        return [seen for each in under_way for seen in each.result()]

    async def _through(self, fault: Fault, has_struck: asyncio.Event) -> list[Seen]:
        self._tell(f"· {fault.what}")
        all_seen = [Seen(fault.what, expected) for expected in fault.fires]
        begun = time.monotonic()
        try:
            async with fault.strike(self._stage):
                has_struck.set()
                await asyncio.gather(*(self._fires(each, begun) for each in all_seen if not each.expected.afterwards))
            ended = time.monotonic()
            await asyncio.gather(*(self._ends(each, ended) for each in all_seen))
        except AssertionError as failure:
            for each in all_seen:
                each.complaint = each.complaint or f"the fault could not be caused, or ended: {failure}"
            self._tell(f"  {fault.what}: {all_seen[0].complaint}")
        finally:
            has_struck.set()
        return all_seen

    async def _ends(self, seen: Seen, since: float) -> None:
        if seen.expected.afterwards:
            await self._fires(seen, since)
        if seen.fired_after is not None:
            await self._resolves(seen, since)

    async def _fires(self, seen: Seen, since: float) -> None:
        try:
            found = await eventually(lambda: self._found(seen.expected), within=_PATIENCE, every=_EVERY)
        except AssertionError:
            seen.complaint = "did not fire"
        else:
            seen.fired_after = time.monotonic() - since
            seen.complaint = self._wrong(found)
        self._tell(f"  {seen.expected.alert}: {seen.complaint or f'fires after {seen.fired_after:.0f} s'}")

    async def _resolves(self, seen: Seen, since: float) -> None:
        async def is_over() -> bool:
            return await self._found(seen.expected) is None

        try:
            await eventually(is_over, within=_PATIENCE, every=_EVERY)
        except AssertionError:
            seen.complaint = "does not end"
        else:
            seen.resolved_after = time.monotonic() - since

    def _wrong(self, found: Firing) -> str:
        severity = self._severities[found.labels["alertname"]]
        if found.labels.get("severity") != severity:
            return f"has not the severity {severity}"
        untold = [text for text in found.annotations.values() if any(mark in text for mark in _UNTOLD)]
        return f"does not say all: {untold}" if untold else ""

    async def _found(self, expected: Expected) -> Firing | None:
        wanted = {"alertname": expected.alert, **expected.labels}
        return next((each for each in await self._firing() if wanted.items() <= each.labels.items()), None)

    async def _firing(self) -> list[Firing]:
        return await self._stage.prometheus.firing(self._stage.http)
