"""Looks a document up everywhere, and changes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.generations import Generations
from catalog.model import Document
from catalog.mongo import MongoDocuments, collection_of
from catalog.mongo_decisions import MongoDecisions
from chassis.dead import STREAM as DEAD
from chassis.mongo import translated
from chassis.wake import STREAM as WAKE
from contracts.envelope import MalformedEvent, decode
from contracts.streams import DOCUMENTS
from contracts.subjects import ALL, every_office
from ged_mover.model import Record as Move
from ged_mover.mongo import MongoRecords
from notify.handlers import group_of
from notify.model import Digest
from notify.mongo import MongoDigests
from upload.model import Upload
from upload.mongo import MongoUploads

from connect_ops.dead import Grave
from connect_ops.journey import Buried, Entry, Journey, Mailed, Told
from connect_ops.letters import Stored, client_of, data_of, documents_of
from connect_ops.places import Places


async def trace(places: Places, document: str, *, search: bool = False) -> Journey:
    """What each place has of a document. With `search` the whole stream is read, and not only what the catalog has
    heard, or the office's part. Raises Unavailable."""
    generation = await Generations(places.catalog).read()
    upload, known, decision, move = await asyncio.gather(
        MongoUploads(places.upload).get(document),
        MongoDocuments(places.catalog, lambda: generation).get(document),
        MongoDecisions(places.catalog).of(document),
        MongoRecords(places.ged_mover).find(document),
    )
    owners = [_owner(each) for each in (upload, known, move) if each]
    messages = await _messages(places, document, generation, owners=owners, search=search)
    owners += [owner for each in messages if (owner := _told_owner(each))]
    office, client = owners[0] if owners else (None, None)
    return Journey(
        document,
        office,
        client,
        upload=upload,
        events=[_told(each) for each in messages],
        known=known,
        decision=decision,
        move=move,
        versions=await places.buckets.versions(office=office, client=client, document=document)
        if office and client
        else (),
        is_staged=bool(await places.buckets.staged([document])),
        mails=await _mails(places, document, messages),
        journal=await _journal(places, document),
        dead=await _dead(places, document),
        put_off=sum([_is_about(document, each) async for each in places.broker.read_queue(WAKE)]),
    )


def _owner(record: Upload | Document | Move) -> tuple[str, str]:
    return record.office, record.client if isinstance(record.client, str) else record.client.id


def _told_owner(message: Stored) -> tuple[str, str] | None:
    data = data_of(message.payload) or {}
    return (data["office"], client_of(data)) if {"office", "client"} <= data.keys() else None


async def _messages(
    places: Places,
    document: str,
    generation: int,
    *,
    owners: Sequence[tuple[str, str]],
    search: bool,
) -> list[Stored]:
    office = owners[0][0] if owners else None
    if not search:
        with translated():
            record = await collection_of(places.catalog, generation).find_one({"_id": document}, {"sequences": 1})
        if record:
            found = [await places.broker.message(DOCUMENTS.name, each) for each in sorted(record.get("sequences", ()))]
            return [each for each in found if each]
        if office is None:
            return []
    subject = ALL if search or office is None else every_office("*").removesuffix("*") + office
    stream = places.broker.read(DOCUMENTS.name, subject=subject)
    return [each async for each in stream if _is_about(document, each)]


def _is_about(document: str, message: Stored) -> bool:
    return document in documents_of(data_of(message.payload) or {}) or message.subject.endswith(f".{document}")


def _told(message: Stored) -> Told:
    return Told(message.sequence, message.subject.split(".")[3], message.at)


async def _mails(places: Places, document: str, messages: Sequence[Stored]) -> list[Mailed]:
    groups = {group.id: group for each in messages if (group := _group(each))}
    digests = [await MongoDigests(places.notify).load(each) for each in groups]
    return [mail for digest in digests if digest for mail in mails_of(digest, document)]


def _group(message: Stored) -> Any:
    try:
        return group_of(decode(message.payload, message.subject).data)
    except MalformedEvent:
        return None


def mails_of(digest: Digest, document: str) -> list[Mailed]:
    """The mails of a digest about one document."""
    if document in digest.pending:
        return [Mailed(digest.group.kind, None, "due", digest.next_at)]
    part = digest.part_of(document)
    return [
        Mailed(digest.group.kind, mail.recipient.id, mail.state, mail.settled_at, mail.code)
        for mail in digest.mails.values()
        if mail.part == part and document not in mail.left_out
    ]


async def _journal(places: Places, document: str) -> list[Entry]:
    wanted: Mapping[str, Any] = {"entry.document": document}
    with translated():
        found = places.catalog_audit["audit"].find(wanted).sort("_id", 1)
        return [Entry(each["_id"], each["entry"]["action"], each["entry"]["at"]) async for each in found]


async def _dead(places: Places, document: str) -> list[Buried]:
    graves = [Grave.of(each) async for each in places.broker.read(DEAD) if _is_about(document, each)]
    return [Buried(grave.message.sequence, grave.told["subscription"], grave.told["code"]) for grave in graves]
