"""Where a word stands in all that a stack keeps: records, messages, objects."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bson
import nats
import nats.js.errors
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient

from deploy.local.object_store import connect

# The server's own.
_NOT_OURS = {"admin", "config", "local"}


@dataclass(frozen=True)
class Place:
    """One record, message or object: `where` it stands, and what it is."""

    where: str
    content: bytes

    def __repr__(self) -> str:
        return f"{self.where}: {self.content[:300]!r}"


async def places_of(word: str, endpoints: Mapping[str, Any]) -> list[Place]:
    """Every place that holds an ASCII word, plain or in base64."""
    forms = list(_forms(word))
    return [each async for each in _everything(endpoints) if any(form in each.content for form in forms)]


def _forms(word: str) -> Iterator[bytes]:
    raw = word.encode("ascii")
    yield raw
    for before in range(3):
        # Of the first and the last group, neighbours decide a part.
        coded = base64.b64encode(bytes(before) + raw).rstrip(b"=")
        yield coded[4 if before else 0 : len(coded) // 4 * 4 - (4 if (before + len(raw)) % 3 == 0 else 0)]


async def _everything(endpoints: Mapping[str, Any]) -> AsyncIterator[Place]:
    async for place in _records(endpoints["mongo"]):
        yield place
    async for place in _messages(endpoints["nats"]):
        yield place
    for place in await asyncio.to_thread(lambda: list(_objects(endpoints["s3"]))):
        yield place


async def _records(url: str) -> AsyncIterator[Place]:
    async with AsyncMongoClient[dict[str, Any]](url) as mongo:
        for database in set(await mongo.list_database_names()) - _NOT_OURS:
            for collection in await mongo[database].list_collection_names():
                async for record in mongo[database][collection].find():
                    yield Place(f"{database}.{collection}/{record['_id']}", bson.encode(record))


async def _messages(where: Mapping[str, str]) -> AsyncIterator[Place]:
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        jetstream = client.jetstream()
        for info in await jetstream.streams_info():
            async for place in _stream(jetstream, info.config.name or "", last=info.state.last_seq):
                yield place
    finally:
        await client.close()


async def _stream(jetstream: JetStreamContext, name: str, *, last: int) -> AsyncIterator[Place]:
    sequence = 0
    while sequence < last:
        try:
            message = await jetstream.get_msg(name, seq=sequence + 1, subject=">", next=True)
        except nats.js.errors.NotFoundError:
            return
        sequence = message.seq or last
        content = f"{message.subject}\n{message.headers}\n".encode() + (message.data or b"")
        yield Place(f"{name}/{sequence}", content)


def _objects(where: Mapping[str, Any]) -> Iterator[Place]:
    s3 = connect(where["endpoint"], access_key=where["access_key"], secret_key=where["secret_key"])
    try:
        for bucket in where["buckets"].values():
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for version in page.get("Versions", ()):
                    found = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
                    told = f"{version['Key']} {found['Metadata']}\n".encode()
                    yield Place(f"{bucket}/{version['Key']}", told + found["Body"].read())
    finally:
        s3.close()
