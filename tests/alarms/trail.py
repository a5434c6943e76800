"""The audit trail's journal, changed and sealed as nobody but a fault would."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.seal_keys import SealKeys
from catalog.seals import Closing
from chassis.mongo import connected, sibling
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
    """Close the entries so far by a seal of the catalog's own, whose time was so long ago."""
    env = stack.env("catalog")
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as database:
        kept = sibling(database, "catalog_audit")
        journal, seals = MongoJournal(kept), MongoSeals(kept, database)
        last = await seals.last()
        closing = Closing(await journal.at(last.last) if last else None)
        async for links in journal.read(first=last.last + 1 if last else 1):
            closing.add(links)
        facts = closing.facts(after=last, at=datetime.now(UTC) - ago)
        keys = SealKeys.load(Path(env["CATALOG_AUDIT_KEYS_DIR"]))
        assert await seals.save(keys.signed(facts), owing=()), "somebody else seals"


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
