"""The audit trail's journal, changed and sealed as nobody but a fault would."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from catalog.auditing import Archive
from catalog.mongo_claims import MongoClaims
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.nats_trail import NatsTrail
from catalog.seal_keys import SealKeys
from catalog.sealing import Sealing
from catalog.settings import CatalogSettings
from chassis.jetstream import JetStreamBus
from chassis.mongo import connected, sibling
from chassis.owed import OwedEvent
from contracts.audit import ViewEntry
from contracts.envelope import envelop
from pymongo import AsyncMongoClient

from tests.support.eventually import eventually
from tests.support.running import RunningStack

from .stage import CLIENT, Stage


async def seal(stack: RunningStack) -> None:
    """Close the entries so far, as an operator does, as soon as that can be."""

    async def sealed() -> bool:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catalog", "audit", "seal"),
            env={**os.environ, **stack.env("catalog")},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0

    await eventually(sealed, within=180, every=1)


async def seal_as_of(ago: timedelta, stack: RunningStack) -> None:
    """Close the entries so far by a catalog whose clock is slow by so much: a real seal, of that time."""
    with patch.dict(os.environ, stack.env("catalog")):
        settings = CatalogSettings()
    async with (
        connected(settings.mongo_url.get_secret_value(), settings.mongo_database) as database,
        JetStreamBus.of(settings, name="catalog-command") as bus,
    ):
        kept = sibling(database, settings.audit_database)
        archive = Archive(MongoJournal(kept), MongoSeals(kept, database), SealKeys.load(settings.audit_keys_dir))
        sealing = Sealing(
            *(archive, NatsTrail(bus), MongoClaims(database)),
            offices=_offices(stack),
            announce=_left_to_the_service,
            clock=lambda: datetime.now(UTC) - ago,
        )
        # The catalog itself may be looking just now.
        await eventually(sealing.seal, within=30, every=1)


async def told(stage: Stage, entries: int) -> None:
    """So many looks at documents are told to the trail."""
    async with stage.broker() as js:
        for _ in range(entries):
            access = str(uuid.uuid4())
            facts = {"document": str(uuid.uuid4()), "office": "14", "client": CLIENT, "actor": CLIENT}
            entry = ViewEntry.model_validate({**facts, "at": datetime.now(UTC), "what": "content", "access": access})
            event = envelop(entry)
            await js.publish(event.topic, event.encode(), headers={**event.headers, "Nats-Msg-Id": event.id})


@asynccontextmanager
async def changed(stack: RunningStack) -> AsyncIterator[None]:
    """Somebody writes another's name into the first entry; then it is put back."""
    async with AsyncMongoClient[dict[str, Any]](stack.endpoints["mongo"]) as mongo:
        journal = mongo["catalog_audit"]["audit"]
        first = await journal.find_one({"_id": 1})
        assert first is not None
        await journal.update_one({"_id": 1}, {"$set": {"entry.actor": "somebody-else"}})
        try:
            yield
        finally:
            await journal.replace_one({"_id": 1}, first)


def _offices(stack: RunningStack) -> Callable[[], Sequence[str]]:
    offices = sorted({person["office"] for person in stack.endpoints["people"]})
    return lambda: offices


async def _left_to_the_service(_owing: Sequence[OwedEvent]) -> None:
    """The sweeper of the running catalog publishes it."""
