"""MongoDB: who does what one replica alone is to do. Collection `claims`: `_id` (what), `until`."""

from datetime import datetime

from chassis.mongo import Database, translated
from pymongo.errors import DuplicateKeyError


class MongoClaims:
    """See `ports.Claims`."""

    def __init__(self, database: Database) -> None:
        self._claims = database["claims"]

    async def claim(self, what: str, *, now: datetime, until: datetime) -> bool:
        """See `ports.Claims`."""
        free = {"_id": what, "until": {"$lte": now}}
        try:
            with translated():
                await self._claims.update_one(free, {"$set": {"until": until}}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def hold(self, what: str, *, until: datetime) -> None:
        """See `ports.Claims`."""
        with translated():
            await self._claims.update_one({"_id": what}, {"$set": {"until": until}})
