"""What a document's page tells: its facts, its timeline, and what can be done with it. In plain French."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from catalog.journal_views import JournalView
from catalog.model import WITHDRAWABLE, Document, Happening, gone_name
from catalog.page_views import Again, again_of, folder_name, is_superseded, state_name
from catalog.troubles import Difficulty, difficulty_of, trouble_text

# (contact id) → the recipient's name, while they are in the directory.
RecipientName = Callable[[str], str | None]
Tone = Literal["", "good", "warn", "bad"]

_KINDS = {
    "application/pdf": "PDF",
    "image/jpeg": "Image JPEG",
    "image/png": "Image PNG",
    "image/tiff": "Image TIFF",
    "image/heic": "Image HEIC",
    "application/xml": "Données XML",
    "text/csv": "Tableau CSV",
    "text/plain": "Texte",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Document Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Classeur Excel",
    "application/vnd.oasis.opendocument.text": "Texte OpenDocument",
    "application/vnd.oasis.opendocument.spreadsheet": "Classeur OpenDocument",
}
# A decision has its effect within seconds; it is asked for again after ten minutes.
_EFFECT_LATE_AFTER = timedelta(minutes=11)
_ROLES = {"comptable": " (Comptable)", "conseil": " (Conseil)"}


@dataclass(frozen=True)
class Link:
    """Another document: its id and name."""

    id: str
    name: str


@dataclass(frozen=True)
class Step:
    """One line of the timeline. `at` is None for what is under way; `fingerprint` is a SHA-256 to copy."""

    at: datetime | None
    icon: str
    title: str
    tone: Tone = ""
    detail: str = ""
    fingerprint: str = ""
    link: Link | None = None


@dataclass(frozen=True)
class DocumentView:
    """All that the page shows of one document."""

    document: Document
    name: str
    folder: str
    kind: str
    state_name: str
    difficulty: Difficulty | None
    replaces: Link | None
    replaced_by: Link | None
    steps: Sequence[Step]
    has_bytes: bool
    deletable: bool
    takeable: bool
    returnable: bool
    again: Again | None
    withdrawable: bool
    opened_at: datetime | None
    journal: JournalView | None


@dataclass(frozen=True)
class Surroundings:
    """What is told beside the document itself. `predecessor` and `successor` are the documents it replaces and that
    replaces it, where the reader sees them; `opened_at` and `journal` are set for an office that may know."""

    recipient: RecipientName
    by_client: bool
    predecessor: Document | None = None
    successor: Document | None = None
    opened_at: datetime | None = None
    journal: JournalView | None = None
    retry_in: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def view_of(document: Document, around: Surroundings) -> DocumentView:
    """How the page shows a document."""
    gone = document.state in ("withdrawn", "erased")
    deposit_of_reader = around.by_client and document.space == "deposits"
    at_the_office = not around.by_client and document.space == "deposits" and document.replaced_by is None
    return DocumentView(
        document=document,
        name=document.name or gone_name(document),
        folder=folder_name(document.folder),
        kind=_KINDS.get(document.content_type, "Fichier"),
        state_name="Remplacé" if is_superseded(document) else state_name(document.state, document.space),
        difficulty=difficulty_of(document, by_client=around.by_client, retry_in=around.retry_in),
        replaces=_link(around.predecessor),
        replaced_by=_link(around.successor),
        steps=_steps(document, around),
        has_bytes=not gone,
        deletable=deposit_of_reader and document.state in WITHDRAWABLE,
        takeable=at_the_office and document.state in ("archived", "returned"),
        returnable=at_the_office and document.state == "archived",
        again=again_of(document) if deposit_of_reader else None,
        withdrawable=not around.by_client and document.space == "published" and not gone,
        opened_at=around.opened_at,
        journal=around.journal,
    )


def _link(document: Document | None) -> Link | None:
    return Link(document.id, document.name or "document supprimé") if document else None


def _steps(document: Document, around: Surroundings) -> list[Step]:
    told = [step for each in document.history for step in _told(document, each, around)]
    if around.successor:
        link = _link(around.successor)
        told.append(Step(around.successor.deposited_at, "return", "Remplacé par", "warn", link=link))
    if around.opened_at:
        told.append(Step(around.opened_at, "eye", f"Consulté par {document.client.name}"))
    told.sort(key=lambda step: (step.at is None, step.at))
    return [*told, *_under_way(document, around)]


def _under_way(document: Document, around: Surroundings) -> Iterator[Step]:
    """What is still to come, or should have by now."""
    decided = document.decision
    late = decided is not None and around.now - decided.at > _EFFECT_LATE_AFTER
    turn = "Contactez votre CERFRANCE." if around.by_client else "Prévenez votre service informatique."
    match document.state:
        case "deposited" if document.trouble is None:
            yield Step(None, "clock", "En cours de sécurisation")
        case "withdrawn" if late:
            text = f"Une copie est encore conservée : l’espace de GED sécurisée ne l’a pas laissée effacer. {turn}"
            yield Step(None, "alert", "Effacement en attente", "warn", text)
        case "withdrawn":
            yield Step(None, "clock", "Effacement en cours")
        case "taken" if document.retained_until is None and late:
            text = f"L’espace de GED sécurisée n’a pas confirmé la durée de conservation. {turn}"
            yield Step(None, "alert", "Conservation non confirmée", "warn", text)
        case "taken" if document.retained_until is None:
            yield Step(None, "clock", "Mise en conservation en cours")


def _told(document: Document, happening: Happening, around: Surroundings) -> Iterator[Step]:
    teller = _TELLERS.get(happening.event)
    if teller:
        yield teller(document, happening, around)


def _announced(document: Document, happening: Happening, _: Surroundings) -> Step:
    verb = "Mis à disposition" if document.space == "published" else "Déposé"
    by = f" par {document.depositor.name}" if document.depositor else ""
    return Step(happening.at, "upload", f"{verb}{by}", "good")


def _archived(_: Document, happening: Happening, __: Surroundings) -> Step:
    title = "Sécurisé avec son empreinte SHA-256"
    return Step(happening.at, "lock", title, "good", fingerprint=happening.facts.get("sha256", ""))


def _troubled(_: Document, happening: Happening, __: Surroundings) -> Step:
    title = "Sécurisation interrompue" if happening.facts["given_up"] else "Sécurisation retardée"
    return Step(happening.at, "alert", title, "warn", trouble_text(happening.facts["code"]))


def _alerted(_: Document, happening: Happening, around: Surroundings) -> Step:
    return Step(happening.at, "send", f"Alerte envoyée à {_recipient(happening, around)}")


def _not_alerted(_: Document, happening: Happening, around: Surroundings) -> Step:
    title = f"Alerte non remise à {_recipient(happening, around)}"
    return Step(happening.at, "alert", title, "warn", "Sa messagerie a refusé le mail.")


def _recipient(happening: Happening, around: Surroundings) -> str:
    name = around.recipient(happening.facts["recipient"]) or "un contact qui n’est plus dans l’annuaire"
    return f"{name}{_ROLES.get(happening.facts['role'], '')}"


def _taken(_: Document, happening: Happening, __: Surroundings) -> Step:
    return Step(happening.at, "check", f"Pris en charge par {_by(happening)}", "good")


def _returned(_: Document, happening: Happening, __: Surroundings) -> Step:
    return Step(
        happening.at, "return", f"À revoir : {happening.facts['reason']}", "warn", f"Demandé par {_by(happening)}."
    )


def _withdrawn(document: Document, happening: Happening, _: Surroundings) -> Step:
    verb = "Retiré" if document.space == "published" else "Supprimé"
    reason = happening.facts.get("reason")
    detail = f"Motif : {reason}" if reason else ""
    return Step(happening.at, "trash", f"{verb} par {_by(happening)}", "bad", detail)


def _retained(_: Document, happening: Happening, __: Surroundings) -> Step:
    # The mover's last moment is that of a day in UTC, which in Paris is over already.
    until: datetime = happening.facts["until"]
    return Step(happening.at, "lock", f"Conservé jusqu’au {until.astimezone(UTC):%d/%m/%Y}")


def _erased(_: Document, happening: Happening, __: Surroundings) -> Step:
    return Step(happening.at, "trash", "Effacé définitivement", "bad", "Il n’en reste aucune copie.")


def _by(happening: Happening) -> str:
    name: str = happening.facts["by"]["name"]
    return name


_TELLERS: Mapping[str, Callable[[Document, Happening, Surroundings], Step]] = {
    "deposited": _announced,
    "published": _announced,
    "archived": _archived,
    "transfer_failed": _troubled,
    "alerted": _alerted,
    "alert_failed": _not_alerted,
    "taken": _taken,
    "returned": _returned,
    "withdrawn": _withdrawn,
    "retained": _retained,
    "erased": _erased,
}
