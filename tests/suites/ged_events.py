"""Events that concern the mover, about one document of known bytes."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.envelope import Envelope, envelop
from contracts.events import Deposited, Published, Taken, Withdrawn

COLLABORATOR = {"sub": "jeanny-jerome", "name": "JEANNY JEROME"}
DEPOSITOR = {"sub": "earl-du-chene", "name": "Éloïse Duchêne"}
CLIENT = {"id": "earl-du-chene", "name": "EARL du Chêne"}
TAKEN_AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Story:
    """A document and what happens to it."""

    content: bytes = b"%PDF-1.7 une facture"
    document: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def key(self) -> str:
        return f"14/{CLIENT['id']}/{self.document}"

    @property
    def deposited(self) -> Envelope:
        return envelop(Deposited.model_validate({**self.announced(), "space": "deposits", "folder": "comptable"}))

    @property
    def published(self) -> Envelope:
        return envelop(Published.model_validate({**self.announced(), "space": "published", "folder": "Bilan"}))

    @property
    def withdrawn(self) -> Envelope:
        return envelop(Withdrawn.model_validate(self._decided()))

    def taken(self, at: datetime = TAKEN_AT) -> Envelope:
        return envelop(Taken.model_validate({**self._decided(), "at": at}))

    def announced(self) -> dict[str, Any]:
        facts = {"name": "Facture électricité.pdf", "size": len(self.content), "sha256": self.sha256}
        who = {"depositor": DEPOSITOR, "client": CLIENT}
        receipt = {"document": self.document, "received_at": TAKEN_AT, "kid": "k1", "signature": "aGVhZA.Ym9keQ.c2ln"}
        return {
            **facts,
            **who,
            "document": self.document,
            "deposit": {"id": str(uuid.uuid4()), "size": 1},
            "office": "14",
            "content_type": "application/pdf",
            "location": {"bucket": "staging", "key": self.document},
            "receipt": {**receipt, **facts, **who},
            "deposited_at": TAKEN_AT,
        }

    def _decided(self) -> dict[str, Any]:
        about = {"document": self.document, "office": "14", "client": CLIENT["id"], "space": "deposits"}
        return {**about, "revision": 1, "by": COLLABORATOR, "at": TAKEN_AT}
