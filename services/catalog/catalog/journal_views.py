"""The journal of a document as its page tells it to the office, in plain French."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.chain import Entry, Link

# What one looks at; the rest is in the export.
_SHOWN = 20
_ARCHIVED = "Le document a rejoint la GED sécurisée"
_NOBODY = "Quelqu’un qui n’est plus dans l’annuaire"
# By the action, and by what was given or where the document stands.
_DEEDS: Mapping[tuple[str, str], str] = {
    ("deposited", ""): "a déposé le document",
    ("published", ""): "a mis le document à disposition",
    ("viewed", "content"): "a consulté le document",
    ("viewed", "receipt"): "a consulté l’accusé de dépôt",
    ("downloaded", "content"): "a téléchargé le document",
    ("downloaded", "archive"): "a téléchargé le document avec d’autres",
    ("downloaded", "receipt"): "a téléchargé l’accusé de dépôt",
    ("taken", ""): "a pris le document en charge",
    ("returned", ""): "a demandé à revoir le document",
    ("withdrawn", ""): "a supprimé le document",
    ("withdrawn", "published"): "a retiré le document",
}


@dataclass(frozen=True)
class JournalLine:
    """When, and who did what."""

    at: datetime
    text: str


@dataclass(frozen=True)
class JournalView:
    """The latest lines, the last one first; `entries` counts all there are."""

    lines: Sequence[JournalLine]
    entries: int


def journal_of(links: Sequence[Link], *, person_of: Callable[[str], str | None]) -> JournalView:
    """How the page shows a document's entries."""
    latest = list(reversed(links))[:_SHOWN]
    lines = [JournalLine(datetime.fromisoformat(e["at"]), _told(e, person_of)) for e in (link.entry for link in latest)]
    return JournalView(lines, len(links))


def _told(entry: Entry, person_of: Callable[[str], str | None]) -> str:
    if entry["action"] == "archived":
        return _ARCHIVED
    # Only of what was published is it noted whether it had been opened.
    what = "published" if "opened" in entry else entry.get("what", "")
    return f"{person_of(entry['actor']) or _NOBODY} {_DEEDS[(entry['action'], what)]}"
