"""*À traiter*: what a collaborator's clients deposited and nobody has taken in charge yet."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from chassis.auth import Authenticator, Identity
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from catalog.inbox_views import WaitingState, choices_of, inbox_row
from catalog.listing import Cursor, Listing, Sort
from catalog.me import me_of
from catalog.model import words
from catalog.page_route import page_route
from catalog.ports import Lists
from catalog.rendering import Rendering
from catalog.rights import Rights

_PAGE = 50


class InboxQuery(BaseModel):
    """What the address of *À traiter* says. What it does not say is left out of further addresses."""

    model_config = ConfigDict(frozen=True)

    client: Annotated[str, Field(max_length=64)] = ""
    folder: Annotated[str, Field(max_length=64)] = ""
    state: Literal["", WaitingState] = ""
    q: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str, Field(max_length=2048)] = ""
    before: Annotated[str, Field(max_length=2048)] = ""

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.client or self.folder or self.state or self.q)

    def address(self, **changes: str) -> str:
        """The address of this page with some of it changed. Another list starts at its beginning."""
        changed = {**self.model_dump(), "cursor": "", "before": "", **changes}
        said = {name: value for name, value in changed.items() if value}
        return f"/a-traiter?{urlencode(said)}" if said else "/a-traiter"


class InboxPages:
    """The page for a collaborator; nobody else takes anything in charge."""

    def __init__(self, *, documents: Lists, directory: Directory, rights: Rights, rendering: Rendering) -> None:
        self._documents = documents
        self._directory = directory
        self._rights = rights
        self._rendering = rendering

    async def show(self, who: Identity, query: InboxQuery) -> Response:
        """The page. Raises Forbidden, NotFound for a client who isn't theirs, Invalid for its cursor, Unavailable."""
        self._rights.check_collaborator(who)
        owners = self._rights.owners(who, client=query.client or None)
        me = me_of(who, directory=self._directory, rights=self._rights)
        names = {client.id: client.name for client in me.clients}
        waiting = await self._documents.waiting(self._rights.owners(who))
        page = await self._documents.page(_listing(owners, query))
        chosen = {"client": query.client, "folder": query.folder, "state": query.state}
        return self._rendering.page(
            "inbox.html",
            title="À traiter",
            me=me,
            query=query,
            choices=choices_of(waiting, names=names, **chosen),
            waiting=sum(each.documents for each in waiting),
            rows=[inbox_row(document) for document in page.documents],
            previous=query.address(before=page.previous) if page.previous else "",
            following=query.address(cursor=page.next) if page.next else "",
        )

    async def count(self, who: Identity) -> Response:
        """How many documents wait, as the menu of every page shows it. Raises Forbidden, Unavailable."""
        self._rights.check_collaborator(who)
        waiting = await self._documents.waiting(self._rights.owners(who))
        return self._rendering.page("inbox_count.html", waiting=sum(each.documents for each in waiting))


def inbox_pages(pages: InboxPages, *, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`/a-traiter`, and the count beside its name in the menu."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/a-traiter")
    async def inbox(who: Annotated[Identity, Depends(authenticate)], query: Annotated[InboxQuery, Query()]) -> Response:
        return await pages.show(who, query)

    @router.get("/a-traiter/nombre")
    async def count(who: Annotated[Identity, Depends(authenticate)]) -> Response:
        return await pages.count(who)

    return router


def _listing(owners: list[str], query: InboxQuery) -> Listing:
    return Listing(
        owners=owners,
        sort=Sort("deposited_at", descending=True),
        limit=_PAGE,
        folder=query.folder or None,
        states=(query.state,) if query.state else (),
        words=words(query.q),
        inbox=True,
        after=Cursor.decode(query.cursor) if query.cursor else None,
        before=Cursor.decode(query.before) if query.before else None,
    )
