"""*Documents publiés*: what a collaborator's office made available to their clients, and whether it was opened."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from chassis.auth import Authenticator, Identity
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from catalog.listing import Cursor, Listing, Page, Sort
from catalog.me import Me, me_of
from catalog.model import STATES, State, words
from catalog.page_route import page_route
from catalog.ports import Lists, Marks
from catalog.published_views import PublishedRow, labels_of, published_row
from catalog.rendering import Rendering
from catalog.rights import Rights

_PAGE = 50
_STATES: dict[str, Sequence[State]] = {
    "": STATES,
    "available": ("deposited", "archived"),
    "withdrawn": ("withdrawn", "erased"),
}


class PublishedQuery(BaseModel):
    """What the address of *Documents publiés* says. What it does not say is left out of further addresses."""

    model_config = ConfigDict(frozen=True)

    client: Annotated[str, Field(max_length=64)] = ""
    label: Annotated[str, Field(max_length=64)] = ""
    state: Literal["", "available", "withdrawn"] = ""
    q: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str, Field(max_length=2048)] = ""
    before: Annotated[str, Field(max_length=2048)] = ""

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.client or self.label or self.state or self.q)

    def address(self, **changes: str) -> str:
        """The address of this page with some of it changed. Another list starts at its beginning."""
        changed = {**self.model_dump(), "cursor": "", "before": "", **changes}
        said = {name: value for name, value in changed.items() if value}
        return f"/publies?{urlencode(said)}" if said else "/publies"


class PublishPages:
    """The page for a collaborator; nobody else has published anything."""

    def __init__(
        self, *, documents: Lists, marks: Marks, directory: Directory, rights: Rights, rendering: Rendering
    ) -> None:
        self._documents = documents
        self._marks = marks
        self._directory = directory
        self._rights = rights
        self._rendering = rendering

    async def show(self, who: Identity, query: PublishedQuery) -> Response:
        """The page. Raises Forbidden, NotFound for a client who isn't theirs, Invalid for its cursor, Unavailable."""
        self._rights.check_collaborator(who)
        me = me_of(who, directory=self._directory, rights=self._rights)
        owners = self._rights.owners(who, client=query.client or None)
        page = await self._documents.page(_listing(owners, query))
        used = await self._documents.labels(owners)
        return self._rendering.page(
            "published.html",
            title="Documents publiés",
            me=me,
            query=query,
            labels=labels_of([*used, query.label] if query.label else used),
            rows=await self._rows(page, me),
            previous=query.address(before=page.previous) if page.previous else "",
            following=query.address(cursor=page.next) if page.next else "",
        )

    async def _rows(self, page: Page, me: Me) -> list[PublishedRow]:
        opened = await self._marks.openings([document.id for document in page.documents])
        # An erased document has lost the name its client had; the directory has it.
        names = {client.id: client.name for client in me.clients}
        return [
            published_row(
                document,
                client=names.get(document.client.id, document.client.name),
                opened_at=opened.get(document.id),
            )
            for document in page.documents
        ]


def publish_pages(pages: PublishPages, *, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`/publies`."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/publies")
    async def published(
        who: Annotated[Identity, Depends(authenticate)], query: Annotated[PublishedQuery, Query()]
    ) -> Response:
        return await pages.show(who, query)

    return router


def _listing(owners: list[str], query: PublishedQuery) -> Listing:
    return Listing(
        owners=owners,
        sort=Sort("deposited_at", descending=True),
        limit=_PAGE,
        space="published",
        folder=query.label or None,
        states=_STATES[query.state],
        words=words(query.q),
        after=Cursor.decode(query.cursor) if query.cursor else None,
        before=Cursor.decode(query.before) if query.before else None,
    )
