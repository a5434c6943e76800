"""What becomes of documents, and when: heard from the broker, so that nobody is asked over and over."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from contracts.envelope import decode
from contracts.subjects import live, subject_of
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.eventually import eventually

# A hint goes out once the list has the document, `alerted` once a mail server has accepted the mail.
LISTED, ARCHIVED, ALERTED = "listed", "archived", "alerted"
# Seconds.
_PATIENCE, _LOOK_EVERY = 900.0, 0.02


class Heard:
    """When each document was first `listed`, `archived` and `alerted`, by the monotonic clock."""

    def __init__(self) -> None:
        self.at: dict[str, dict[str, float]] = {LISTED: {}, ARCHIVED: {}, ALERTED: {}}

    async def note(self, message: Msg) -> None:
        """An event or a hint."""
        now, said = time.monotonic(), json.loads(message.data)
        if "id" in said and "state" in said:
            self.at[LISTED].setdefault(said["id"], now)
            return
        event = decode(message.data)
        for document in event.data.documents if event.name == ALERTED else (event.data.document,):
            self.at[event.name].setdefault(document, now)

    async def all_of(self, documents: Collection[str], *what: str) -> float:
        """Wait until all of it was heard of each document; returns the last moment. Raises AssertionError after a
        quarter of an hour."""
        wanted = set(documents)
        await eventually(
            lambda: all(self.at[each].keys() >= wanted for each in what), within=_PATIENCE, every=_LOOK_EVERY
        )
        return max(self.at[each][document] for each in what for document in documents)


@asynccontextmanager
async def listening(connection: Client, *, office: str) -> AsyncIterator[Heard]:
    """What is said of one office's documents until the context is left."""
    heard = Heard()
    subjects = (live(office, "*"), *(subject_of(event, office) for event in (ARCHIVED, ALERTED)))
    subscriptions = [await connection.subscribe(subject, cb=heard.note) for subject in subjects]
    await connection.flush()
    try:
        yield heard
    finally:
        for subscription in subscriptions:
            await subscription.unsubscribe()
