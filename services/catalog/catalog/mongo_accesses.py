"""MongoDB: to whom documents were given, and what the journal is owed for it. Collection `accesses`.

One record an entry, so that none grows however often somebody reads while the broker is away; and one a (document,
person, way), which tells when that began. Both are forgotten after a day, once they owe nothing: what goes on is over
after an hour, the journal has the rest, and who read what is to stand in no more places than it must.
"""

from datetime import datetime

from chassis.mongo import Database, MongoOwedStore, translated
from chassis.owed import OwedEvent, to_document
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

_FORGOTTEN_AFTER = 24 * 3600


class MongoAccesses:
    """See `ports.Accesses`."""

    def __init__(self, database: Database) -> None:
        self._records = database["accesses"]
        self.owed = MongoOwedStore(self._records)

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        await self.owed.prepare()
        with translated():
            await self._records.create_index(
                [("at", ASCENDING)],
                name="forgotten",
                expireAfterSeconds=_FORGOTTEN_AFTER,
                partialFilterExpression={"owed": {"$eq": []}},
            )

    async def note(self, entry: OwedEvent, *, unless_since: datetime | None = None) -> bool:
        """See `ports.Accesses`."""
        if unless_since is None:
            record = {"_id": f"{entry.record}/{entry.id}", "at": entry.owed_since, "owed": [to_document(entry)]}
            with translated():
                await self._records.insert_one(record)
                # Should this not come to pass, what goes on from here makes an entry too many.
                await self._begin(entry.record, at=entry.owed_since)
            return True
        wanted = {"_id": entry.record, "at": {"$lte": unless_since}}
        changes = {"$set": {"at": entry.owed_since}, "$push": {"owed": to_document(entry)}}
        try:
            with translated():
                await self._records.update_one(wanted, changes, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def _begin(self, record: str, *, at: datetime) -> None:
        changes = {"$max": {"at": at}, "$setOnInsert": {"owed": []}}
        try:
            await self._records.update_one({"_id": record}, changes, upsert=True)
        except DuplicateKeyError:
            return  # two at once, and the other was first
