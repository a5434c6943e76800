"""The rules: what a document is, the states it can be in, and which decision each state allows.

deposited → archived → taken | returned; returned → taken; deposited | archived | returned → withdrawn → erased.
`taken` is final. A published document can only be withdrawn.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from chassis.french import moment
from contracts.values import ClientRef, DepositRef, Location, Person, Space

from catalog.errors import Conflict, Gone

State = Literal["deposited", "archived", "taken", "returned", "withdrawn", "erased"]
DecisionKind = Literal["taken", "returned", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)

# While a deposit can still be withdrawn by its client, or replaced.
WITHDRAWABLE: frozenset[State] = frozenset({"deposited", "archived", "returned"})
_FROM: Mapping[DecisionKind, frozenset[State]] = {
    "taken": frozenset({"archived", "returned"}),
    "returned": frozenset({"archived"}),
    "withdrawn": WITHDRAWABLE,
}
# Why not, by the state the document is in.
_REFUSALS: Mapping[State, tuple[str, str]] = {
    "deposited": ("not_archived_yet", "Ce document n’est pas encore sécurisé. Réessayez dans quelques instants."),
    "archived": ("not_allowed", "Ce document est déjà sécurisé."),
    "taken": ("already_taken", "Ce document est déjà pris en charge par {by}, le {at}."),
    "returned": ("already_returned", "Ce document est déjà à revoir, à la demande de {by}, le {at}."),
    "withdrawn": ("already_withdrawn", "{gone}"),
    "erased": ("already_withdrawn", "{gone}"),
}
# What of a happening is not for the client that a withdrawn document was sent to.
_CONFIDENTIAL = frozenset({"reason", "opened", "sha256"})
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Decision:
    """What the catalog decided on a document. The highest `revision` holds."""

    kind: DecisionKind
    revision: int
    at: datetime
    by: Person
    reason: str | None = None


@dataclass(frozen=True)
class Archive:
    """Where the document lies in the GED, since when."""

    at: datetime
    location: Location


@dataclass(frozen=True)
class Trouble:
    """A move that does not get on. `given_up` when nobody tries any more."""

    code: str
    since: datetime
    given_up: bool


@dataclass(frozen=True)
class Happening:
    """One event of a document's history, in `facts` what matters of it."""

    event: str
    at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """A document as the events tell it. What is personal is empty once it was erased; see also `without_content`."""

    id: str
    office: str
    client: ClientRef
    space: Space
    folder: str
    name: str
    size: int
    content_type: str
    sha256: str
    deposit: DepositRef
    depositor: Person | None
    deposited_at: datetime
    location: Location
    receipt: Mapping[str, Any] | None
    replaces: str | None
    replaced_by: str | None
    archive: Archive | None
    decision: Decision | None
    trouble: Trouble | None
    retained_until: datetime | None
    erased_at: datetime | None
    history: tuple[Happening, ...] = field(default=())

    @property
    def state(self) -> State:
        """See `state_of`."""
        return state_of(
            erased=self.erased_at is not None,
            decided=self.decision.kind if self.decision else None,
            archived=self.archive is not None,
        )

    @property
    def revision(self) -> int:
        """Of the decision that holds; 0 before the first."""
        return self.decision.revision if self.decision else 0


def state_of(*, erased: bool, decided: DecisionKind | None, archived: bool) -> State:
    """Erased, else what was decided last, else archived, else deposited."""
    if erased:
        return "erased"
    return decided or ("archived" if archived else "deposited")


def check_allowed(kind: DecisionKind, document: Document) -> None:
    """Raises Conflict with the reason, and who decided otherwise when, where the document does not allow it."""
    if document.space == "published" and kind != "withdrawn":
        raise Conflict("not_a_deposit", "Un document publié ne peut être que retiré.")
    if document.state in _FROM[kind]:
        return
    code, reason = _REFUSALS[document.state]
    decided = document.decision
    who = {"by": decided.by.name, "at": moment(decided.at)} if decided else {}
    raise Conflict(code, reason.format(gone=gone_text(document), **who))


def receipt_of(document: Document) -> Mapping[str, Any]:
    """Its receipt. Raises Gone for a document that was withdrawn, whether or not it is erased yet."""
    if document.receipt is None or document.state in ("withdrawn", "erased"):
        raise Gone("withdrawn", gone_text(document))
    return document.receipt


def gone_text(document: Document) -> str:
    """What is said of a document that was withdrawn: the client deletes, the office takes back."""
    return "Ce document a été retiré." if document.space == "published" else "Ce document a été supprimé."


def gone_name(document: Document) -> str:
    """What stands for its name, once that is no longer told."""
    return "Document retiré" if document.space == "published" else "Document supprimé"


def without_content(document: Document) -> Document:
    """That there was a document, when and where, and what became of it; not what it was, nor anybody's reasons."""
    decision = replace(document.decision, reason=None) if document.decision else None
    history = (
        replace(each, facts={key: value for key, value in each.facts.items() if key not in _CONFIDENTIAL})
        for each in document.history
    )
    return replace(
        document,
        name="",
        folder="",
        size=0,
        content_type="",
        sha256="",
        depositor=None,
        receipt=None,
        decision=decision,
        history=tuple(history),
    )


def words(text: str) -> list[str]:
    """The words to find a text by: without case and accents, each once, sorted."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return sorted(set(_WORD.findall(plain.casefold())))


def owner(office: str, client: str) -> str:
    """The one key of an account: ids have no slash."""
    return f"{office}/{client}"
