"""MongoDB: the journal. Collection `audit`: `_id` (the number), `entry`, `previous`, `hash`, and `heard`, the sequence
in the stream. Only ever added to: the catalog's user may do nothing else there.

The number is the record's id, so of two writers who follow the same entry one is refused, and the chain has no fork.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from chassis.errors import Unavailable
from chassis.mongo import Database, translated
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from catalog.chain import Broken, Entry, Link, next_link

# Another writer may take the number meanwhile; more often than this is no coincidence.
_ATTEMPTS = 10
# Seconds for which the entry that was written last is taken for the last one, unasked: who is wrong is refused the
# number, and a database that was put back meanwhile was away for longer.
_KNOWN_FOR = 2.0
# Read at a time, and hashed at a time in a thread: some milliseconds each.
_BATCH = 500


class MongoJournal:
    """See `ports.Journal`."""

    def __init__(self, database: Database) -> None:
        # What a primary has not yet shared with the others may be taken back, and with it what was built on it.
        self._links = database["audit"].with_options(read_concern=ReadConcern("majority"))
        self._written: Link | None = None
        self._written_at = 0.0

    async def prepare(self) -> None:
        """Create the indexes. Idempotent; raises Unavailable."""
        with translated():
            await self._links.create_index("entry.id", unique=True)
            await self._links.create_index([("entry.document", ASCENDING), ("_id", ASCENDING)])

    async def write(self, entry: Entry, *, heard: int = 0) -> int | None:
        """See `ports.Journal`."""
        for _ in range(_ATTEMPTS):
            link = next_link(entry, await self._previous())
            record = {
                "_id": link.seq,
                "entry": link.entry,
                "previous": link.previous,
                "hash": link.hash,
                "heard": heard,
            }
            try:
                with translated():
                    await self._links.insert_one(record)
            except DuplicateKeyError as taken:
                if "entry.id" in (taken.details or {}).get("keyPattern", {}):
                    return None
                continue
            self._written, self._written_at = link, time.monotonic()
            return link.seq
        raise Unavailable("journal_contended")

    async def _previous(self) -> Link | None:
        """The last entry, as far as is known."""
        written, self._written = self._written, None
        if written and time.monotonic() - self._written_at < _KNOWN_FOR:
            return written
        return await self.last()

    async def heard(self) -> int:
        """See `ports.Journal`."""
        with translated():
            record = await self._links.find_one({}, {"heard": 1}, sort=[("_id", DESCENDING)])
        return int(record.get("heard", 0)) if record else 0

    async def at(self, seq: int) -> Link | None:
        """See `ports.Journal`."""
        with translated():
            record = await self._links.find_one({"_id": seq})
        return _link(record) if record else None

    async def last(self) -> Link | None:
        """See `ports.Journal`."""
        with translated():
            record = await self._links.find_one(sort=[("_id", DESCENDING)])
        return _link(record) if record else None

    async def of(self, document: str) -> Sequence[Link]:
        """See `ports.Journal`."""
        with translated():
            return [_link(each) async for each in self._links.find({"entry.document": document}).sort("_id", ASCENDING)]

    async def read(self, *, first: int = 1, last: int | None = None) -> AsyncIterator[Sequence[Link]]:
        """See `ports.Journal`."""
        wanted = {"$gte": first} if last is None else {"$gte": first, "$lte": last}
        cursor = self._links.find({"_id": wanted}).sort("_id", ASCENDING)
        while True:
            with translated():
                records = await cursor.to_list(_BATCH)
            if not records:
                return
            yield [_link(record) for record in records]


def _link(record: dict[str, Any]) -> Link:
    try:
        return Link(record["_id"], record["entry"], record["previous"], record["hash"])
    except KeyError as missing:
        raise Broken(f"entry {record['_id']}: its {missing} is missing") from None
