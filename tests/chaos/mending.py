"""A deposit whose place in the GED is taken: its move is given up, and taken up again once somebody clears it."""

from __future__ import annotations

from typing import Any

import nats
from contracts.envelope import Envelope, envelop
from contracts.events import Deposited

from tests.suites.ged_events import Story
from tests.support.samples import Sample
from tests.support.store import Store


class Operator:
    """Writes past intake, with the operator's keys."""

    def __init__(self, server: dict[str, Any], store: Store) -> None:
        self._server, self._store = server, store

    async def deposit_obstructed(self, sample: Sample) -> str:
        """Announce a file at whose key the GED holds other bytes; returns the document's id."""
        story = Story(sample.content)
        await self._store.archive(story.key, sample.content[::-1])
        await self._store.stage(story.document, sample.content)
        facts = {**story.announced(), "name": sample.name, "space": "deposits", "folder": "comptable"}
        await self._publish(envelop(Deposited.model_validate(facts)))
        return story.document

    async def clear(self, document: str) -> None:
        """Take the other bytes away."""
        await self._store.take_away(Story(document=document).key)

    async def _publish(self, event: Envelope) -> None:
        client = await nats.connect(self._server["url"], user=self._server["user"], password=self._server["password"])
        try:
            headers = {**event.headers, "Nats-Msg-Id": event.id}
            await client.jetstream().publish(event.topic, event.encode(), headers=headers)
        finally:
            await client.close()
