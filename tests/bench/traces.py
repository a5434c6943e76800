"""What one deposit leaves behind: the messages that tell of it, and the records of every service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import bson
import nats
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from chassis.mongo import Database, MongoOwedStore, connected
from contracts.streams import AUDIT, DOCUMENTS, WAKE
from nats.aio.client import Client
from nats.js.api import ConsumerInfo

from tests.support.eventually import eventually
from tests.support.running import RunningStack

# Where a deposit is told of.
STREAMS = (DOCUMENTS, AUDIT)
JOURNAL = "audit"
_OF_THE_SERVER = {"admin", "config", "local"}
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# Seconds until everybody has done what a deposit asks of them.
_PATIENCE = 120.0


@dataclass(frozen=True)
class Message:
    """A stored message, by its number in its stream."""

    stream: str
    number: int
    subject: str
    headers: dict[str, str]
    payload: bytes


@dataclass(frozen=True)
class Record:
    """A record of a service, and where it stands."""

    database: str
    collection: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Trace:
    """All that tells of one document, messages in the order of their streams."""

    document: str
    messages: Sequence[Message]
    records: Sequence[Record]


class Servers:
    """The broker and the databases of a stack, as its operator has them."""

    def __init__(self, client: Client, databases: Database) -> None:
        self.client, self.js = client, client.jetstream()
        self._any = databases

    def database(self, name: str) -> Database:
        """Another database over the same connections."""
        return self._any.client.get_database(name, codec_options=self._any.codec_options)

    async def consumers(self) -> Sequence[ConsumerInfo]:
        """Every service's durables on what a deposit is told of in."""
        return [each for stream in STREAMS for each in await self.js.consumers_info(stream.name)]

    async def heard_out(self) -> None:
        """Wait until every service has handled all that was told, and nobody is to be woken. Raises AssertionError."""

        async def nothing_left() -> bool:
            waiting = [(each.num_pending or 0) + (each.num_ack_pending or 0) for each in await self.consumers()]
            return not any(waiting) and (await self.js.stream_info(WAKE.name)).state.messages == 0

        await eventually(nothing_left, within=_PATIENCE, every=0.2)

    async def trace(self, document: str) -> Trace:
        """What is there of a document that everybody has heard of, as it is once nothing is owed for it any more."""
        known = document.encode()
        messages = [each async for each in self._messages() if known in each.payload]
        records = [each async for each in self._records(known)]
        for each in records:
            owed = [event["id"] for event in each.content.get("owed", ())]
            # As after its second publication, minutes later.
            await MongoOwedStore(self.database(each.database)[each.collection]).settle_ids(owed)
        return Trace(document, messages, [each async for each in self._records(known)])

    async def _messages(self) -> AsyncIterator[Message]:
        for stream in STREAMS:
            state = (await self.js.stream_info(stream.name)).state
            for number in range(state.first_seq, state.last_seq + 1):
                found = await self.js.get_msg(stream.name, number)
                subject, headers = found.subject or "", dict(found.headers or {})
                yield Message(stream.name, number, subject, headers, found.data or b"")

    async def _records(self, known: bytes) -> AsyncIterator[Record]:
        for name in sorted(set(await self._any.client.list_database_names()) - _OF_THE_SERVER):
            database = self.database(name)
            for collection in sorted(await database.list_collection_names()):
                # By its bytes, so that it does not matter where in a record the document stands.
                async for raw in database[collection].with_options(_RAW).find().sort("_id", 1):
                    if known in raw.raw:
                        yield Record(name, collection, bson.decode(raw.raw, database.codec_options))


@asynccontextmanager
async def servers_of(stack: RunningStack) -> AsyncIterator[Servers]:
    """Both, until the context is left."""
    async with AsyncExitStack() as opened:
        where = stack.endpoints["nats"]
        connection = await nats.connect(where["url"], user=where["user"], password=where["password"])
        opened.push_async_callback(connection.close)
        database = await opened.enter_async_context(connected(stack.endpoints["mongo"], "admin"))
        yield Servers(connection, database)
