"""The time by mongod's clock: what all replicas of a service go by where one's time is compared with another's.

Each has the clock of its own host, and those of two may differ by seconds: by its own clock the one would take for
lapsed what the other holds.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.metrics import CLOCK_AHEAD
from chassis.mongo import Collection, Database, translated

_WITH_THE_TIME = {"record": "$$ROOT", "now": "$$NOW"}


class MongoClock:
    """The own clock (seconds since the epoch), put right by what mongod last told of its own; before it has, as it is.

    A record that is read through it comes with the time by which it is to be judged: that of the primary that gave it.
    What the answer was under way makes this clock slow by as much, never fast.
    """

    def __init__(self, database: Database, *, own: Callable[[], float] = time.time) -> None:
        self._database = database
        self._own = own
        self._ahead = 0.0

    def __call__(self) -> datetime:
        """Now, in UTC, in whole milliseconds: what the database keeps of a time."""
        now = datetime.fromtimestamp(self._own() - self._ahead, UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def ask(self) -> None:
        """Ask mongod for the time; a readiness check, too. Raises Unavailable."""
        with translated():
            hello = await self._database.command("hello", codec_options=self._database.codec_options)
        self._told(hello["localTime"])

    async def find_one(self, collection: Collection, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """A record, and with it the time, in one round trip. Raises Unavailable."""
        with translated():
            found = await collection.find_one(wanted, _WITH_THE_TIME)
        if found is None:
            return None
        self._told(found["now"])
        record: dict[str, Any] = found["record"]
        return record

    def _told(self, now: datetime) -> None:
        self._ahead = self._own() - now.timestamp()
        CLOCK_AHEAD.set(self._ahead)
