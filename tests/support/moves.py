"""Documents on their way into the GED, and who looks at them meanwhile."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import nats
from contracts.envelope import Envelope, envelop
from nats.js import JetStreamContext

from contracts import events as e

from .catalog import Scene
from .running import RunningStack
from .store import Store
from .streams import stored

CONTENT = b"%PDF-1.7 une facture"
_DEAD = "connect.v1.dead.ged-mover"
_TAG = re.compile(r"<[^>]*>")
# Longer ago than any decision takes to have its effect.
_DECIDED = timedelta(minutes=20)


@dataclass
class Stage:
    """One office, its documents' places, and the dead letters."""

    scene: Scene
    store: Store
    js: JetStreamContext

    def deposit(self) -> Envelope:
        return self.scene.announced(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))

    def key(self, deposit: Envelope) -> str:
        return f"{self.scene.office}/{self.scene.client}/{deposit.data.document}"

    async def archived(self) -> Envelope:
        """A document that the mover has brought into the GED."""
        deposit = self.deposit()
        await self.store.stage(deposit.data.document, CONTENT)
        await self.scene.tell(deposit)
        await self.scene.shown(self.scene.browser("client"), deposit, "archived")
        return deposit

    async def decided(self, kind: type[e.Taken] | type[e.Withdrawn], deposit: Envelope) -> None:
        facts = {"document": deposit.data.document, "office": self.scene.office, "client": self.scene.client}
        by, when = {"sub": "somebody", "name": "QUELQU’UN"}, datetime.now(UTC) - _DECIDED
        decision = {"space": "deposits", "revision": 1, "by": by, "at": when}
        await self.scene.tell(envelop(kind.model_validate({**facts, **decision})))

    async def page(self, who: str, deposit: Envelope) -> str:
        """What somebody reads on the document's page."""
        answer = await self.scene.browser(who).get(f"/documents/{deposit.data.document}")
        assert answer.status_code == 200
        return " ".join(unescape(_TAG.sub(" ", answer.text)).split())

    async def buried(self, deposit: Envelope) -> set[str]:
        """The codes of the mover's dead letters about the document."""
        letters = await stored(self.js, _DEAD, stream="CONNECT_DEAD")
        about = [each for each in letters if deposit.data.document.encode() in each.data]
        return {(each.headers or {})["Connect-Code"] for each in about}


@asynccontextmanager
async def staged(servers: RunningStack, scene: Scene) -> AsyncIterator[Stage]:
    """An office whose documents' ways are looked at."""
    where, store = servers.endpoints["nats"], Store(servers.endpoints["s3"])
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        yield Stage(scene, store, client.jetstream())
    finally:
        await client.close()
        store.close()
