"""`make demo`: deposits two invoices in the running stack and tells what each service did with them."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from .endpoints import Endpoints
from .errors import StackError
from .invoices import Invoice, Line, factur_x_of, pdf_of
from .object_store import connect
from .signin import token_of
from .tus import transfer

DEPOSITOR = "earl-du-chene"
ARRIVAL_SECONDS = 60.0
_ASK_EVERY_SECONDS = 0.2
_STATES = {"deposited": "Déposé", "archived": "Sécurisé"}


@dataclass(frozen=True)
class File:
    """One file to deposit, and the document it became."""

    name: str
    content: bytes
    document: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Demo:
    """One run of the demonstration."""

    def __init__(self, endpoints: Endpoints, console: Console) -> None:
        self._endpoints = endpoints
        self._console = console
        token = token_of(DEPOSITOR, endpoints)
        self._portal = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._s3 = connect(
            endpoints.s3.endpoint, access_key=endpoints.s3.access_key, secret_key=endpoints.s3.secret_key
        )
        self._deadline = 0.0

    def run(self) -> None:
        """Raises StackError when something did not arrive within a minute."""
        try:
            with self._portal:
                files = self._deposit(_invoices(datetime.now(UTC)))
                self._deadline = time.monotonic() + ARRIVAL_SECONDS
                for file in files:
                    self._say("upload", file, self._receipt(file))
                for service, what, look in (
                    ("catalog", "listed", self._listed),
                    ("ged-mover", "archived", self._archived),
                    ("notify", "alerted", self._alerted),
                ):
                    for file in files:
                        self._say(service, file, self._arrived(look, file, what=f"{service} has not {what}"))
        except httpx.HTTPError as error:
            raise StackError(f"The deposit failed: {error}") from error

    def _deposit(self, files: list[File]) -> list[File]:
        deposit = str(uuid.uuid4())
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=self._console) as bars:
            return [self._upload(file, deposit, size=len(files), bars=bars) for file in files]

    def _upload(self, file: File, deposit: str, *, size: int, bars: Progress) -> File:
        bar = bars.add_task(file.name, total=len(file.content))
        metadata = {
            "filename": file.name,
            "filetype": "application/pdf",
            "folder": "comptable",
            "deposit": deposit,
            "deposit_size": str(size),
            "file": str(uuid.uuid4()),
            "sha256": file.sha256,
        }
        document = ""
        for progress in transfer(
            self._portal, file.content, uploads=f"{self._endpoints.portal}/uploads", metadata=metadata
        ):
            bars.update(bar, completed=progress.sent)
            document = progress.document
        return File(file.name, file.content, document)

    def _receipt(self, file: File) -> str:
        url = f"{self._endpoints.portal}/uploads/{file.document}/receipt"
        receipt = self._portal.get(url).raise_for_status().json()
        return f"deposited as {file.document}, receipt for {receipt['size']} bytes with SHA-256 {receipt['sha256']}"

    def _listed(self, file: File) -> str | None:
        listed = self._portal.get(f"{self._endpoints.portal}/api/documents", params={"sha256": file.sha256})
        states = {each["id"]: each["state"] for each in listed.raise_for_status().json()["documents"]}
        state = states.get(file.document)
        return f"listed as {_STATES.get(state, state)}" if state else None

    def _archived(self, file: File) -> str | None:
        key = f"{self._owner()}/{file.document}"
        try:
            stored: Any = self._s3.get_object(Bucket=self._endpoints.s3.buckets["ged"], Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise StackError(f"The GED cannot be read: {error}") from error
        sha256 = hashlib.sha256(stored["Body"].read()).hexdigest()
        if sha256 != file.sha256:
            raise StackError(f"{key} in the GED has SHA-256 {sha256}, and {file.name} has {file.sha256}.")
        return f"archived as {key}, SHA-256 {sha256[:12]}… as deposited" if self._is_archived(file) else None

    def _is_archived(self, file: File) -> bool:
        answer = self._portal.get(f"{self._endpoints.portal}/api/documents/{file.document}").raise_for_status()
        return bool(answer.json()["state"] == "archived")

    def _owner(self) -> str:
        person = next(person for person in self._endpoints.people if person.sub == DEPOSITOR)
        return f"{person.office}/{person.clients[0]}"

    def _alerted(self, file: File) -> str | None:
        mailbox = f"{self._endpoints.mail}/messages"
        for mail in httpx.get(f"{mailbox}/").raise_for_status().json()["messages"]:
            text = httpx.get(f"{mailbox}/{mail['id']}.plain")
            if text.is_success and file.name in text.text:
                return f"alerted {', '.join(mail['recipients']['to'])}: « {mail['subject']} »"
        return None

    def _arrived(self, look: Callable[[File], str | None], file: File, *, what: str) -> str:
        while (found := look(file)) is None:
            if time.monotonic() > self._deadline:
                raise StackError(f"{what} {file.name} within {ARRIVAL_SECONDS:.0f} s of its deposit.")
            time.sleep(_ASK_EVERY_SECONDS)
        return found

    def _say(self, service: str, file: File, what: str) -> None:
        self._console.print(f"[bold]{service:<10}[/bold] {file.name}  {what}")


def _invoices(now: datetime) -> list[File]:
    """Two invoices nobody deposited before: their numbers come from the time."""
    stamp = f"{now:%Y%m%d-%H%M%S}"
    feed = Invoice(
        number=f"COOP-{stamp}",
        issued=now.date(),
        seller="Coopérative du Bocage",
        siren="732829320",
        vat_number="FR44732829320",
        buyer="EARL du Chêne",
        lines=(
            Line("Semences de blé tendre (sac de 50 kg)", Decimal(12), Decimal("48.50")),
            Line("Ammonitrate 33,5 % (big bag)", Decimal(4), Decimal("310.00")),
        ),
    )
    vet = Invoice(
        number=f"VETO-{stamp}",
        issued=now.date(),
        seller="Cabinet vétérinaire des Haies",
        siren="542051180",
        vat_number="FR76542051180",
        buyer="EARL du Chêne",
        lines=(Line("Visite sanitaire annuelle", Decimal(1), Decimal("185.00")),),
    )
    return [
        File(f"facture_{feed.number.lower()}.pdf", pdf_of(feed)),
        File(f"facture_{vet.number.lower()}_factur-x.pdf", factur_x_of(vet)),
    ]
