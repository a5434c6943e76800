"""Events as notify hears them: one client's deposit, with any number of documents."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.directory import Client, Directory, Office
from contracts.envelope import Envelope, envelop
from contracts.events import (
    Abandoned,
    DepositClosed,
    Deposited,
    Erased,
    Published,
    RejectedUpload,
    Returned,
    Taken,
    Withdrawn,
)

DEPOSITED_AT = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)

OFFICE = Office(id="14", name="CERFRANCE 14", inbox="accueil@cerfrance-14.example")
CLIENT = Client.model_validate(
    {
        "office": "14",
        "id": "earl-du-chene",
        "name": "EARL du Chêne",
        "people": [{"sub": "earl|du chêne", "name": "PAUL DUCHÊNE", "email": "contact@earl-du-chene.example"}],
        "contacts": [
            {"id": "jeanny", "name": "JEANNY JEROME", "email": "jeanny@cerfrance-14.example", "role": "comptable"},
            {"id": "camille", "name": "CAMILLE MARTIN", "email": "camille@cerfrance-14.example", "role": "conseil"},
            {"id": "paul", "name": "PAUL DUCHÊNE", "email": "paul@earl-du-chene.example", "role": "autre"},
        ],
    }
)


def directory(*, client: Client | None = CLIENT, office: Office | None = OFFICE) -> Directory:
    """A directory of one office with one client."""
    entries: dict[str, bytes] = {}
    if client:
        entries[f"clients.{client.office}.{client.id}"] = client.model_dump_json().encode()
    if office:
        entries[f"offices.{office.id}"] = office.model_dump_json().encode()
    return Directory(lambda: entries)


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Deposit:
    """One click on TOUT TRANSFÉRER; `size` is the number of files that was announced."""

    size: int | None = None
    id: str = field(default_factory=new_id)
    office: str = "14"
    client: str = "earl-du-chene"
    folder: str = "comptable"
    sub: str = "earl-du-chene"
    told: int = 0

    @property
    def _whole(self) -> dict[str, Any]:
        return {
            "deposit": {"id": self.id, "size": self.size},
            "office": self.office,
            "depositor": {"sub": self.sub, "name": "PAUL DUCHÊNE"},
            "folder": self.folder,
        }

    def deposited(
        self,
        name: str = "facture.pdf",
        *,
        alert: tuple[str, ...] = (),
        document: str = "",
        replaces: Envelope | None = None,
    ) -> Envelope:
        """`replaces` is the return that this answers."""
        announced = self._announced(Deposited, name, alert=alert, document=document, space="deposits")
        if replaces is None:
            return announced
        return envelop(announced.data.model_copy(update={"replaces": replaces.data.document}))

    def published(self, name: str = "Bilan 2025.pdf") -> Envelope:
        return self._announced(Published, name, alert=(), document="", space="published")

    def rejected(self) -> Envelope:
        return self._unfinished(RejectedUpload, code="empty", reason="Le fichier est vide.")

    def abandoned(self) -> Envelope:
        return self._unfinished(Abandoned, cause="cancelled")

    def closed(self, *documents: str) -> Envelope:
        whole = {**self._whole, "deposit": self.id, "client": self.client, "space": "deposits"}
        return envelop(DepositClosed.model_validate({**whole, "documents": documents}))

    def _unfinished(self, model: type[RejectedUpload | Abandoned], **why: str) -> Envelope:
        whole = {**self._whole, "client": self.client, "space": "deposits", "document": new_id()}
        return envelop(model.model_validate({**whole, **why}))

    def _announced(
        self, model: type[Deposited | Published], name: str, *, alert: tuple[str, ...], document: str, space: str
    ) -> Envelope:
        document = document or new_id()
        self.told += 1
        at = DEPOSITED_AT + timedelta(seconds=self.told)
        client = {"id": self.client, "name": "EARL du Chêne"}
        file = {"document": document, "name": name, "size": 1234, "sha256": "0" * 64}
        receipt = {**file, "received_at": at, "depositor": self._whole["depositor"], "client": client}
        return envelop(
            model.model_validate(
                {
                    **self._whole,
                    **file,
                    "client": client,
                    "space": space,
                    "content_type": "application/pdf",
                    "alert": alert,
                    "location": {"bucket": "staging", "key": document},
                    "receipt": {**receipt, "kid": "k1", "signature": "aGVhZA.Ym9keQ.c2ln"},
                    "deposited_at": at,
                }
            )
        )


def returned(document: str, *, name: str = "photo.jpg", reason: str = "Photo illisible.") -> Envelope:
    """A collaborator sends a document back."""
    return envelop(
        Returned.model_validate(
            {
                "document": document,
                "office": "14",
                "client": "earl-du-chene",
                "space": "deposits",
                "revision": 1,
                "by": {"sub": "jeanny-jerome", "name": "JEANNY JEROME"},
                "at": DEPOSITED_AT,
                "folder": "comptable",
                "name": name,
                "depositor": {"sub": "earl-du-chene", "name": "PAUL DUCHÊNE"},
                "reason": reason,
            }
        )
    )


def taken(event: Envelope, *, revision: int = 2) -> Envelope:
    """What an event announced or returned is taken in charge."""
    by = {"sub": "jeanny-jerome", "name": "JEANNY JEROME"}
    about = {**_about(event), "space": event.data.space}
    return envelop(Taken.model_validate({**about, "revision": revision, "by": by, "at": DEPOSITED_AT}))


def withdrawn(event: Envelope, *, reason: str | None = None) -> Envelope:
    """What an event announced is withdrawn by whoever announced it."""
    data = event.data
    return envelop(
        Withdrawn(
            **_about(event),
            space=data.space,
            revision=2,
            by=data.depositor,
            at=DEPOSITED_AT,
            reason=reason,
        )
    )


def erased(event: Envelope) -> Envelope:
    """No copy is left of what an event announced."""
    return envelop(Erased(**_about(event), erased_at=DEPOSITED_AT))


def _about(event: Envelope) -> dict[str, str]:
    data = event.data
    client = data.client if isinstance(data, Returned) else data.client.id
    return {"document": data.document, "office": data.office, "client": client}
