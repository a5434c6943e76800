"""What the catalog holds of one client, and its erasure. Everything can be done again, and beside running replicas.

Of an erased document the record stays that its `erased` event alone makes, ids and times: so whatever comes late finds
it gone. The journal holds ids only, and stays whole.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.mongo import Collection as Records
from chassis.mongo import Database, translated
from chassis.mongo_limits import COLLECTION as LIMITS
from chassis.mongo_limits import counted_people, forget_people
from chassis.owed import owe
from contracts.envelope import Envelope, envelop
from contracts.events import Withdrawn
from contracts.subjects import AUDIT_ROOT
from contracts.values import Person

from catalog import journal, model
from catalog.generations import Generations
from catalog.model import Decision, Document
from catalog.mongo import MongoDocuments, collection_of
from catalog.mongo_decisions import MongoDecisions
from catalog.mongo_queries import lapsing
from catalog.projection import Numbered, operations

OPERATOR = Person(sub="/connect/ops", name="CERFRANCE CONNECT")
_PERSONAL = "Effacement des données personnelles."
LAPSED = "Fin de la durée de conservation."
_GENERATION = re.compile(r"documents_g\d+")
_BARE = {"_id", "personal", "erased_at", "log", "sequences", "changed_at"}


@dataclass(frozen=True)
class Account:
    """A client's documents, in the catalog's database; `archive` is where the journal stands."""

    database: Database
    archive: Database
    office: str
    client: str

    @property
    def owner(self) -> str:
        """Whose they are, as the records say it."""
        return model.owner(self.office, self.client)

    async def documents(self) -> Mapping[str, Document | None]:
        """The documents whose records serve, with the decision that holds; None for a file that never became one.
        Raises Unavailable."""
        found: dict[str, Document | None] = {}
        generation = await Generations(self.database).read()
        serving = MongoDocuments(self.database, lambda: generation)
        records = self.database[f"documents_g{generation}"]
        with translated():
            ids = await records.distinct("_id", {"owner": self.owner})
            never = await records.distinct("_id", {"never": self.owner})
        for document in ids:
            found[document] = await serving.get(document)
        return {**dict.fromkeys(never), **found}

    async def sequences(self) -> frozenset[int]:
        """Where in the stream the client's events stand, as far as the records know. Raises Unavailable."""
        known: set[int] = set()
        async for records in self._generations():
            with translated():
                wanted = {"$or": [{"owner": self.owner}, {"never": self.owner}]}
                known.update(await records.distinct("sequences", wanted))
        return frozenset(known)

    async def decided(self, documents: Collection[str]) -> Mapping[str, str]:
        """What was decided last on each of these, where anything was. Raises Unavailable."""
        with translated():
            found = self.database["decisions"].find({"_id": {"$in": sorted(documents)}}, {"decision.kind": 1})
            return {each["_id"]: each["decision"]["kind"] async for each in found}

    async def withdraw(self, document: str, known: Document | None, *, lapsed: bool, reason: str = _PERSONAL) -> bool:
        """Decide that a document is withdrawn, in the platform's name; the mover then erases it. False where it was, or
        where it was taken meanwhile; with `lapsed`, taken ones go too. Raises Unavailable."""
        decisions = MongoDecisions(self.database)
        held = await decisions.of(document)
        last = _last(held, known)
        if last and (last.kind == "withdrawn" or (last.kind == "taken" and not lapsed)):
            return False
        revision, now = (last.revision if last else 0) + 1, datetime.now(UTC)
        decision = Decision("withdrawn", revision, now, OPERATOR, reason)
        event = self._withdrawal(document, known, decision)
        entry = owe(document, journal.decision(event), now=now, awaits_successor=False)
        owing = [owe(document, event, now=now), entry]
        return await decisions.save(document, decision, over=held.revision if held else 0, owing=owing)

    async def in_motion(self, documents: Collection[str]) -> int:
        """Records of these that owe something which is not yet in the stream, or not yet in the journal. Raises
        Unavailable."""
        moving = 0
        async for _, record in self._kept_beside(documents):
            moving += await self._owes(record)
        return moving

    async def holdings(
        self, documents: Collection[str], *, kept: Collection[str], subs: Collection[str]
    ) -> Mapping[str, int]:
        """How many records `erase` would remove or reduce, by collection. Raises Unavailable."""
        counts = {LIMITS: await counted_people(self.database, office=self.office, subs=subs)}
        async for records in self._generations():
            async for record in self._records(records, documents, kept=kept):
                counts[records.name] = counts.get(records.name, 0) + (not _is_bare(record))
        async for records, record in self._kept_beside(documents):
            if _goes(records, record, kept=kept):
                counts[records.name] = counts.get(records.name, 0) + 1
        return counts

    async def erase(
        self,
        documents: Collection[str],
        *,
        kept: Collection[str],
        erased: Mapping[str, Numbered],
        subs: Collection[str],
    ) -> Mapping[str, int]:
        """Remove what is held of `documents` and what `subs` are counted by, and reduce the records of those that are
        `erased`; returns how many, by collection. To be called once nothing is in motion. Raises Unavailable."""
        counts = {LIMITS: await forget_people(self.database, office=self.office, subs=subs)}
        async for records in self._generations():
            async for record in self._records(records, documents, kept=kept):
                if not _is_bare(record) and (record["_id"] in erased or "never" in record):
                    await _reduce(records, record["_id"], erased.get(record["_id"]))
                    counts[records.name] = counts.get(records.name, 0) + 1
        async for records, record in self._kept_beside(documents):
            if _goes(records, record, kept=kept):
                with translated():
                    await records.delete_one({"_id": record["_id"]})
                counts[records.name] = counts.get(records.name, 0) + 1
        return counts

    def _withdrawal(self, document: str, known: Document | None, decision: Decision) -> Envelope:
        data = Withdrawn(
            document=document,
            office=self.office,
            client=self.client,
            space=known.space if known else "deposits",
            revision=decision.revision,
            by=decision.by,
            at=decision.at,
            reason=decision.reason,
            replaces=known.replaces if known else None,
        )
        return envelop(data, time=decision.at)

    async def _owes(self, record: Mapping[str, Any]) -> bool:
        owed = record.get("owed", ())
        entries = [each["id"] for each in owed if each["topic"].startswith(f"{AUDIT_ROOT}.")]
        with translated():
            written = await self.archive["audit"].count_documents({"entry.id": {"$in": entries}})
        return written < len(entries) or any(each["published_at"] is None for each in owed)

    async def _generations(self) -> AsyncIterator[Records]:
        with translated():
            names = await self.database.list_collection_names()
        for name in sorted(filter(_GENERATION.fullmatch, names)):
            yield self.database[name]

    async def _records(
        self, records: Records, documents: Collection[str], *, kept: Collection[str]
    ) -> AsyncIterator[Mapping[str, Any]]:
        of_client = {"$or": [{"owner": self.owner}, {"never": self.owner}, {"_id": {"$in": sorted(documents)}}]}
        with translated():
            async for record in records.find({**of_client, "$nor": [{"_id": {"$in": sorted(kept)}}]}):
                yield record

    async def _kept_beside(self, documents: Collection[str]) -> AsyncIterator[tuple[Records, Mapping[str, Any]]]:
        for document in sorted(documents):
            with translated():
                for name in ("decisions", "openings", "retries"):
                    if record := await self.database[name].find_one({"_id": document}):
                        yield self.database[name], record
                # Their keys are `<document>/…`, and the character after the slash is `0`.
                accesses = {"_id": {"$gt": f"{document}/", "$lt": f"{document}0"}}
                async for record in self.database["accesses"].find(accesses):
                    yield self.database["accesses"], record


def _last(held: Decision | None, known: Document | None) -> Decision | None:
    told = known.decision if known else None
    return max((each for each in (held, told) if each), key=lambda each: each.revision, default=None)


def _goes(records: Records, record: Mapping[str, Any], *, kept: Collection[str]) -> bool:
    return records.name == "accesses" or record["_id"] not in kept


def _is_bare(record: Mapping[str, Any]) -> bool:
    happened = [entry["event"] for entry in record.get("log", {}).values()]
    return _BARE.issuperset(record) and happened == ["erased"]


async def _reduce(records: Records, document: str, erased: Numbered | None) -> None:
    with translated():
        await records.delete_one({"_id": document})
        if erased:
            (made,) = operations(erased)
            await records.update_one({"_id": document}, made.update, upsert=True)


async def lapsed(database: Database, *, office: str | None, now: datetime) -> Sequence[Document]:
    """The documents that were taken in charge and whose retention has ended, as the serving records have it. Raises
    Unavailable."""
    generation = await Generations(database).read()
    wanted = lapsing(office=office, now=now)
    with translated():
        ids = [each["_id"] async for each in collection_of(database, generation).find(wanted, {"_id": 1})]
    documents = MongoDocuments(database, lambda: generation)
    return [found for each in ids if (found := await documents.get(each))]
