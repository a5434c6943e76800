"""Reads how every document stands in every place, and changes nothing.

Everything is read once, in turn; what lies in memory is one small record a document, so on a large platform compare an
office at a time.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog.generations import Generations
from catalog.mongo import collection_of
from chassis.mongo import Database, translated
from contracts.streams import DOCUMENTS
from contracts.subjects import ALL, every_office
from ged_mover.mongo import COLLECTION as MOVES
from upload.mongo import COLLECTION as UPLOADS

from connect_ops.letters import client_of, data_of, documents_of
from connect_ops.places import Places
from connect_ops.standing import Ledger, Standing

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Standings:
    """How all documents stand, or those of one office; `strays` are keys in the GED that are no document's."""

    def __init__(self, places: Places, *, office: str | None) -> None:
        self._places = places
        self._office = office
        self.found: dict[str, Standing] = {}
        self.strays: list[str] = []
        self.generation = 0
        self.began_at = datetime.now(UTC)

    def settled(self, seconds: float) -> list[Standing]:
        """Those that had not changed for so long when the reading began. What changed while it went on was read at one
        place before and at another after, so it would seem to differ."""
        before = self.began_at - timedelta(seconds=seconds)
        return [each for each in self.found.values() if each.latest is None or each.latest <= before]

    async def read(self) -> None:
        """Read all places. Raises Unavailable."""
        self.began_at = datetime.now(UTC)
        self.generation = await Generations(self._places.catalog).read()
        # The buckets first: what tells of their objects comes later than they, or stands there already.
        await self._read_ged()
        staged = await self._staged()
        await self._read_stream()
        await self._read_records()
        for document in staged:
            if document in self.found or self._office is None:
                self._of(document).is_staged = True

    def _of(self, document: str, *, office: str | None = None, client: str | None = None) -> Standing:
        standing = self.found.setdefault(document, Standing(document))
        standing.office, standing.client = office or standing.office, client or standing.client
        return standing

    async def _read_ged(self) -> None:
        prefix = f"{self._office}/" if self._office else ""
        async for version in self._places.buckets.everything(prefix):
            office, _, rest = version["Key"].partition("/")
            client, _, document = rest.partition("/")
            if not _ID.fullmatch(document):
                self.strays.append(version["Key"])
                continue
            standing = self._of(document, office=office, client=client)
            standing.versions += 1
            _note_time(standing, version["LastModified"].astimezone(UTC))

    async def _staged(self) -> set[str]:
        # What intake gathers of a file that is not whole lies beside: it is intake's own to remove.
        return {key async for key in self._places.buckets.staged_keys() if _ID.fullmatch(key)}

    async def _read_stream(self) -> None:
        subject = every_office("*").removesuffix("*") + self._office if self._office else ALL
        async for message in self._places.broker.read(DOCUMENTS.name, subject=subject):
            data = data_of(message.payload) or {}
            for document in documents_of(data):
                event = message.subject.split(".")[3]
                if event == "deposit_closed":
                    continue
                standing = self._of(document, office=data.get("office"), client=client_of({"client": None, **data}))
                standing.events[event] = message.sequence
                standing.sequences.append(message.sequence)
                _note_time(standing, message.at)

    async def _read_records(self) -> None:
        upload, catalog, mover = self._places.upload, self._places.catalog, self._places.ged_mover
        mine = {"office": self._office} if self._office else {}
        async for each in _records(upload, UPLOADS, {**mine, "depositor": {"$exists": True}}, "state office client.id"):
            self._of(each["_id"], office=each["office"], client=each["client"]["id"]).upload = each["state"]
        async for each in _records(mover, MOVES, mine, "office client archived given_up_at withdrawn_at lock"):
            self._of(each["_id"], office=each["office"], client=each["client"]).ledger = Ledger(
                archived=bool(each.get("archived")),
                given_up=bool(each.get("given_up_at")),
                withdrawn=bool(each.get("withdrawn_at")),
                locked=bool(each.get("lock")),
            )
        shown = collection_of(catalog, self.generation).name
        owned = {"owner": {"$regex": f"^{re.escape(self._office)}/"}} if self._office else {"owner": {"$ne": None}}
        async for each in _records(catalog, shown, owned, "owner archived"):
            office, _, client = each["owner"].partition("/")
            standing = self._of(each["_id"], office=office, client=client)
            standing.catalog, standing.archived = True, bool(each.get("archived"))
        async for each in _records(catalog, "decisions", {}, "decision.kind decision.at"):
            if each["_id"] in self.found:
                standing = self._of(each["_id"])
                standing.decision = each["decision"]["kind"]
                _note_time(standing, each["decision"]["at"])


async def _records(database: Database, name: str, wanted: Mapping[str, Any], fields: str) -> Any:
    with translated():
        async for each in database[name].find(dict(wanted), dict.fromkeys(fields.split(), 1)):
            yield each


def _note_time(standing: Standing, at: datetime | None) -> None:
    standing.latest = max(filter(None, (standing.latest, at)), default=None)
