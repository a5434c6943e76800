"""Which generation of the document records serves.

The records are made from events alone, so they can be made anew beside the old ones: collection `documents_g<n>`,
durable `catalog-projection-g<n>`. The `meta` record names the one that serves; replicas follow it. The one before is
kept for an hour, to go back to.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.mongo import Database, translated
from chassis.periodic import pause

FIRST = 1
# Seconds within which a replica follows.
_LOOK_EVERY = 2.0
_RECORD = "projection"


class Generations:
    """The serving generation as this replica knows it."""

    def __init__(self, database: Database) -> None:
        self._meta = database["meta"]
        self._serving: int | None = None

    def serving(self) -> int:
        """Its number. Raises Unavailable before it was first read."""
        if self._serving is None:
            raise Unavailable("generation_not_read")
        return self._serving

    async def known(self) -> None:
        """A readiness check. Raises Unavailable before it was first read."""
        self.serving()

    async def read(self) -> int:
        """Ask the database which one serves; the first, where none was ever named. Raises Unavailable."""
        with translated():
            await self._meta.update_one({"_id": _RECORD}, {"$setOnInsert": {"serving": FIRST}}, upsert=True)
            record = await self._meta.find_one({"_id": _RECORD})
        assert record is not None
        serving: int = record["serving"]
        self._serving = serving
        return serving

    async def serve(self, generation: int, *, instead_of: int, now: datetime) -> bool:
        """Let another generation serve from now on. False when `instead_of` does not serve any more."""
        retired = {"generation": instead_of, "at": now}
        with translated():
            result = await self._meta.update_one(
                {"_id": _RECORD, "serving": instead_of},
                {"$set": {"serving": generation}, "$push": {"retired": retired}},
            )
        return result.matched_count == 1

    async def retired(self, *, before: datetime) -> Sequence[int]:
        """Generations that have not served since then."""
        with translated():
            record = await self._meta.find_one({"_id": _RECORD}) or {}
        old = (each["generation"] for each in record.get("retired", ()) if each["at"] < before)
        return [generation for generation in old if generation != record["serving"]]

    async def forget(self, generation: int) -> None:
        """Strike a retired generation from the record. Idempotent."""
        with translated():
            await self._meta.update_one({"_id": _RECORD}, {"$pull": {"retired": {"generation": generation}}})

    async def changed(self, stop: asyncio.Event) -> None:
        """Return when another generation serves than the one last read, or `stop` is set."""
        before = self._serving
        while not stop.is_set() and self._serving == before:
            await pause(stop, _LOOK_EVERY)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.read()
        except Unavailable as down:
            logger().warning("generation_not_read", code=down.code)


def durable_of(generation: int) -> str:
    """The durable that feeds a generation."""
    return f"catalog-projection-g{generation}"
