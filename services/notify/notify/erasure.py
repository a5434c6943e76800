"""What is held of one client for its mails, and its erasure. Everything here can be done again, and beside running
replicas.

That a document was withdrawn stays noted, by its id alone: an event that comes late tells nobody of it.
"""

from collections.abc import Mapping
from typing import Any

from chassis.mongo import Database, translated

from notify.mongo import COLLECTION


async def holdings(database: Database, *, office: str, client: str) -> Mapping[str, int]:
    """How many records `erase` would remove, by collection. Raises Unavailable."""
    with translated():
        return {COLLECTION: await database[COLLECTION].count_documents(_of(office, client))}


async def erase(database: Database, *, office: str, client: str) -> Mapping[str, int]:
    """Remove the client's digests, also those whose mail was not sent: there is nothing to be told any more. Returns
    how many. Raises Unavailable."""
    with translated():
        removed = await database[COLLECTION].delete_many(_of(office, client))
    return {COLLECTION: removed.deleted_count}


def _of(office: str, client: str) -> dict[str, Any]:
    return {"group.office": office, "group.client": client}
