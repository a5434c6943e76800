"""What was made available to clients, in words: for the office that published it, and grouped for the client."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chassis.french import PARIS

from catalog.model import Document
from catalog.page_views import state_name

# The labels the dialog offers; any other can be written.
LABELS = ("Bilan", "Paie", "Fiscal", "Social")


@dataclass(frozen=True)
class Withdrawal:
    """When a published document was withdrawn, by whom and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class PublishedRow:
    """A published document as its office sees it. `name` and `by` are empty once it was erased; `size` is bytes."""

    id: str
    name: str
    client: str
    label: str
    when: datetime
    by: str
    size: int
    state: str
    state_name: str
    opened_at: datetime | None
    withdrawal: Withdrawal | None


class Dated(Protocol):
    """What can be grouped: a row of the client's list."""

    @property
    def folder(self) -> str: ...

    @property
    def when(self) -> datetime: ...


@dataclass(frozen=True)
class Group:
    """Documents of one label and year, in the order they came in."""

    label: str
    year: int
    rows: Sequence[Dated]


def published_row(document: Document, *, client: str, opened_at: datetime | None) -> PublishedRow:
    """How the office's list shows a published document. `client` is the account's name as the directory has it."""
    return PublishedRow(
        id=document.id,
        name=document.name,
        client=client,
        label=document.folder,
        when=document.deposited_at,
        by=document.depositor.name if document.depositor else "",
        size=document.size,
        state=document.state,
        state_name=state_name(document.state, document.space),
        opened_at=opened_at,
        withdrawal=_withdrawal(document),
    )


def labels_of(used: Iterable[str]) -> list[str]:
    """The labels to choose from: the usual ones, then whatever else is in use."""
    return [*LABELS, *sorted(set(used).difference(LABELS), key=str.casefold)]


def by_label_and_year(rows: Iterable[Dated]) -> list[Group]:
    """The rows in groups of one label and one year (Paris), the group with the newest document first."""
    found: dict[tuple[str, int], list[Dated]] = {}
    for row in rows:
        found.setdefault((row.folder, row.when.astimezone(PARIS).year), []).append(row)
    groups = [Group(label, year, members) for (label, year), members in found.items()]
    return sorted(groups, key=lambda group: max(row.when for row in group.rows), reverse=True)


def _withdrawal(document: Document) -> Withdrawal | None:
    decision = document.decision
    if decision is None or decision.kind != "withdrawn":
        return None
    return Withdrawal(decision.at, decision.by.name, decision.reason or "")
