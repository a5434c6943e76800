"""Which seals were sent to which offices, in MongoDB: collection `seals`, one record an (office, seal's SHA-256)."""

from datetime import datetime

from chassis.mongo import Database, translated

# Seconds.
_KEPT = 365 * 24 * 3600


class MongoSealMarks:
    """See `SealMarks`. A mark is forgotten after a year."""

    def __init__(self, database: Database) -> None:
        self._sent = database["seals"]

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        with translated():
            await self._sent.create_index("at", name="forgotten", expireAfterSeconds=_KEPT)

    async def is_sent(self, digest: str, *, office: str) -> bool:
        """See `SealMarks.is_sent`."""
        with translated():
            return await self._sent.count_documents({"_id": f"{office}/{digest}"}, limit=1) > 0

    async def mark_sent(self, digest: str, *, office: str, at: datetime) -> None:
        """See `SealMarks.mark_sent`."""
        with translated():
            await self._sent.update_one({"_id": f"{office}/{digest}"}, {"$setOnInsert": {"at": at}}, upsert=True)
