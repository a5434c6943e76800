"""`connect-ops lag`: how far everybody is who reads the streams."""

import argparse
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from catalog.generations import Generations
from chassis.errors import Unavailable
from chassis.mongo import connected
from contracts.streams import AUDIT, DEAD, DOCUMENTS, WAKE
from rich.console import Console

from connect_ops import broker
from connect_ops.broker import DURABLES, Broker, Reading
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, shown, table_of

# The services' own, beside the projection's, by stream.
OURS: Mapping[str, tuple[str, ...]] = {
    DOCUMENTS.name: DURABLES,
    AUDIT.name: ("catalog-audit", "notify-seals"),
    WAKE.name: ("upload-wake", "catalog-wake", "notify-wake", "ged-mover-wake"),
}
_PROJECTION = re.compile(r"catalog-projection-g\d+")
_EXAMPLES = """\
`waiting` messages were not given to anybody yet, those `in hand` are not acknowledged; `oldest` is how long the first
of them has been in the stream. A projection that does not serve (being rebuilt, or retired within the hour) is `other`,
as are outside subscribers: neither counts for the exit status.

examples:
  connect-ops lag                       everybody
  connect-ops lag --over 1000           exit status 1 where one of the services' own has more than that before it
  connect-ops lag --older 300 --json    exit status 1 where one has had something before it for more than five minutes

exit status: 0 fine, 1 one of the services' own is missing or behind, 2 wrong usage, 3 not reached: run it again
"""


def add_lag_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `lag`."""
    lag = command_of(commands, "lag", told="show how far everybody is who reads the streams", examples=_EXAMPLES)
    lag.add_argument("--over", type=int, help="messages beyond which a consumer is behind")
    lag.add_argument("--older", type=float, help="seconds beyond which a consumer is behind")
    lag.set_defaults(command=show_lag)


async def show_lag(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    serving = await _serving(settings)
    async with broker.opened(settings) as stream:
        rows = [row for name in OURS for row in await _rows(stream, name, serving, now=datetime.now(UTC))]
        dead = sum([1 async for _ in stream.read(DEAD.name)])
    missing, behind = judged(rows, over=arguments.over, older=arguments.older)
    if arguments.json:
        out.print_json(data={"consumers": rows, "missing": missing, "behind": behind, "dead_letters": dead})
    else:
        columns = ("stream", "consumer", "whose", "waiting", "in hand", "redelivered", "oldest")
        out.print(table_of(columns, ((*list(row.values())[:-1], _seconds(row["oldest"])) for row in rows)))
        out.print(f"{dead} dead letters.")
        for kind, names in (("missing", missing), ("behind", behind)):
            if names:
                out.print(f"{kind}: {', '.join(names)}")
    return REFUSED if missing or behind else DONE


def judged(
    rows: list[dict[str, Any]], *, over: int | None = None, older: float | None = None
) -> tuple[list[str], list[str]]:
    """Which of the services' own consumers are missing, and which are behind."""
    ours = [row for row in rows if row["whose"] == "ours"]
    there = {row["consumer"] for row in ours}
    expected = [name for names in OURS.values() for name in names]
    missing = [name for name in expected if name not in there]
    if not any(map(_PROJECTION.fullmatch, there)):
        missing.append("catalog-projection")
    behind = [
        row["consumer"]
        for row in ours
        if (over is not None and row["waiting"] + row["in_hand"] > over)
        or (older is not None and (row["oldest"] or 0) > older)
    ]
    return missing, behind


def whose(stream: str, name: str, *, serving: int | None) -> str:
    """`ours` or `other`; without knowing which generation serves, every projection is ours."""
    if stream == DOCUMENTS.name and _PROJECTION.fullmatch(name):
        return "ours" if serving is None or name == f"catalog-projection-g{serving}" else "other"
    return "ours" if name in OURS[stream] else "other"


async def _rows(stream: Broker, name: str, serving: int | None, *, now: datetime) -> list[dict[str, Any]]:
    readings = sorted(await stream.consumers(name), key=lambda reading: reading.name)
    return [
        {
            "stream": name,
            "consumer": reading.name,
            "whose": whose(name, reading.name, serving=serving),
            "waiting": reading.waiting,
            "in_hand": reading.in_hand,
            "redelivered": reading.redelivered,
            "oldest": await _oldest(stream, name, reading, now),
        }
        for reading in readings
    ]


async def _oldest(stream: Broker, name: str, reading: Reading, now: datetime) -> float | None:
    """Seconds since the stream took the first message that the consumer has not acknowledged; None where it has all."""
    if not reading.waiting + reading.in_hand:
        return None
    found = [await stream.next(name, after=reading.acknowledged, subject=each) for each in reading.filters]
    times = [message.at for message in found if message and message.at]
    return max(0.0, round((now - min(times)).total_seconds(), 1)) if times else None


async def _serving(settings: OpsSettings) -> int | None:
    """The catalog's generation that serves; None where its database is away, which is no reason to say nothing."""
    async with AsyncExitStack() as stack:
        url = settings.mongo_url.get_secret_value()
        database = await stack.enter_async_context(connected(url, settings.databases.catalog))
        try:
            return await Generations(database).read()
        except Unavailable:
            return None


def _seconds(value: float | None) -> str:
    return shown(None) if value is None else f"{value:.0f} s"
