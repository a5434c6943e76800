"""What the pages' lists show, in the words of the user's guide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.values import DEPOSIT_FOLDERS, Space

from catalog.listing import Count
from catalog.model import WITHDRAWABLE, Document, State
from catalog.troubles import trouble_in_row

# A reason to send a document back, as *À revoir* offers it.
WRONG_FOLDER = "Mauvais dossier"
FOLDER_NAMES = {"comptable": "Comptable", "conseil": "Conseil"}
_OTHER_FOLDER = {"comptable": "conseil", "conseil": "comptable"}
_STATES: dict[State, str] = {
    "deposited": "Déposé",
    "archived": "Sécurisé",
    "taken": "Pris en charge",
    "returned": "À revoir",
    "withdrawn": "Supprimé",
    "erased": "Supprimé",
}
_PUBLISHED: Mapping[State, str] = {
    "deposited": "Publié",
    "archived": "Mis à disposition",
    "withdrawn": "Retiré",
    "erased": "Retiré",
}


@dataclass(frozen=True)
class Again:
    """Where a document that was sent back is to be deposited again."""

    client: str
    folder: str


@dataclass(frozen=True)
class Row:
    """A document in a list. `size` is bytes; `reason` says why it was sent back, `trouble` what keeps it from being
    secured; `replaced_by` is the document that stands in its place; `deletable`: by the client; `again` is set while
    the client is to deposit it again."""

    id: str
    name: str
    client: str
    folder: str
    when: datetime
    size: int
    state: State
    state_name: str
    reason: str
    trouble: str
    replaced_by: str | None
    deletable: bool
    again: Again | None


@dataclass(frozen=True)
class Folder:
    """A folder of *Mes dossiers*, with what it holds."""

    id: str
    name: str
    count: int


def row_of(document: Document) -> Row:
    """How a list shows a document."""
    returned = document.decision if document.decision and document.decision.kind == "returned" else None
    replaced_by = document.replaced_by if is_superseded(document) else None
    return Row(
        id=document.id,
        name=document.name,
        client=document.client.name,
        folder=folder_name(document.folder),
        when=document.deposited_at,
        size=document.size,
        state=document.state,
        state_name="Remplacé" if replaced_by else state_name(document.state, document.space),
        reason=(returned.reason or "") if returned and not replaced_by else "",
        trouble=trouble_in_row(document),
        replaced_by=replaced_by,
        deletable=document.space == "deposits" and document.state in WITHDRAWABLE,
        again=again_of(document),
    )


def again_of(document: Document) -> Again | None:
    """Where to deposit a document again: in the other folder, if this is the wrong one. None where nobody waits."""
    if document.state != "returned" or document.replaced_by or document.decision is None:
        return None
    wrong = (document.decision.reason or "").startswith(WRONG_FOLDER)
    return Again(document.client.id, _OTHER_FOLDER[document.folder] if wrong else document.folder)


def is_superseded(document: Document) -> bool:
    """Whether another document stands in its place."""
    return document.replaced_by is not None and document.state in WITHDRAWABLE


def state_name(state: State, space: Space) -> str:
    """The state in a person's words."""
    return _PUBLISHED.get(state, _STATES[state]) if space == "published" else _STATES[state]


def folder_name(folder: str) -> str:
    """Comptable, Conseil, or the label a published document was given."""
    return FOLDER_NAMES.get(folder, folder)


def folders_of(counts: Sequence[Count], *, space: Space) -> list[Folder]:
    """The folders of one account: for deposits always both, else those that hold something."""
    held = {one.folder: one.documents for one in counts}
    names = list(DEPOSIT_FOLDERS) if space == "deposits" else sorted(held, key=str.casefold)
    return [Folder(name, folder_name(name), held.get(name, 0)) for name in names]
