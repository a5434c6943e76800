"""What *À traiter* and *Historique* show, in the words of the user's guide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.values import DEPOSIT_FOLDERS

from catalog.listing import Waiting
from catalog.model import Document, State
from catalog.page_views import folder_name, state_name

WaitingState = Literal["archived", "returned", "deposited"]
WAITING_STATES: tuple[WaitingState, ...] = ("archived", "returned", "deposited")


@dataclass(frozen=True)
class SentBack:
    """Why the client is asked for a document again, by whom, when."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True)
class InboxRow:
    """A document that waits. `size` is bytes; `replaces` is the id of the returned document it stands in for."""

    id: str
    name: str
    client: str
    folder: str
    by: str
    when: datetime
    size: int
    state: State
    state_name: str
    in_trouble: bool
    sent_back: SentBack | None
    replaces: str | None

    @property
    def takeable(self) -> bool:
        """Whether it can be taken in charge now: not before it is in the GED."""
        return self.state != "deposited"


@dataclass(frozen=True)
class TakenRow:
    """A document that was taken in charge, by whom, when."""

    id: str
    name: str
    client: str
    folder: str
    size: int
    deposited_at: datetime
    by: str
    at: datetime


@dataclass(frozen=True)
class Choice:
    """One value of a filter, with how many documents it would show."""

    id: str
    name: str
    count: int


@dataclass(frozen=True)
class Choices:
    """The values of each filter, counted under what the others say. `documents` wait in all, `shown` under them."""

    clients: Sequence[Choice]
    folders: Sequence[Choice]
    states: Sequence[Choice]
    documents: int
    shown: int


def inbox_row(document: Document) -> InboxRow:
    """How *À traiter* shows a document."""
    returned = document.decision if document.state == "returned" else None
    return InboxRow(
        id=document.id,
        name=document.name,
        client=document.client.name,
        folder=folder_name(document.folder),
        by=document.depositor.name if document.depositor else "",
        when=document.deposited_at,
        size=document.size,
        state=document.state,
        state_name=state_name(document.state, document.space),
        in_trouble=document.trouble is not None,
        sent_back=SentBack(returned.reason or "", returned.by.name, returned.at) if returned else None,
        replaces=document.replaces,
    )


def taken_row(document: Document) -> TakenRow:
    """How *Historique* shows a document. It must have been taken in charge."""
    assert document.decision is not None
    return TakenRow(
        id=document.id,
        name=document.name,
        client=document.client.name,
        folder=folder_name(document.folder),
        size=document.size,
        deposited_at=document.deposited_at,
        by=document.decision.by.name,
        at=document.decision.at,
    )


def choices_of(
    waiting: Sequence[Waiting], *, names: Mapping[str, str], client: str, folder: str, state: str
) -> Choices:
    """What the filters offer. `names` are the accounts' by their id; those where nothing waits are left out, but for
    the one that is chosen."""
    clients, folders, states = Counter[str](), Counter[str](), Counter[str]()
    shown = 0
    for each in waiting:
        account = each.owner.split("/")[1]
        here = (client in ("", account), folder in ("", each.folder), state in ("", each.state))
        clients[account] += each.documents * (here[1] and here[2])
        folders[each.folder] += each.documents * (here[0] and here[2])
        states[each.state] += each.documents * (here[0] and here[1])
        shown += each.documents * all(here)
    offered = sorted({account for account, count in clients.items() if count} | ({client} if client else set()))
    named = [Choice(account, names.get(account, account), clients[account]) for account in offered]
    return Choices(
        clients=sorted(named, key=lambda choice: choice.name.casefold()),
        folders=[Choice(each, folder_name(each), folders[each]) for each in DEPOSIT_FOLDERS],
        states=[Choice(each, state_name(each, "deposits"), states[each]) for each in WAITING_STATES],
        documents=sum(each.documents for each in waiting),
        shown=shown,
    )
