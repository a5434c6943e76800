"""*Historique*: what was taken in charge of a collaborator's clients, by whom, when."""

from datetime import date, datetime, timedelta
from datetime import time as day_time
from typing import Annotated
from urllib.parse import urlencode

from chassis.auth import Authenticator, Identity
from chassis.french import PARIS
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from catalog.inbox_views import taken_row
from catalog.listing import Cursor, Listing, Sort
from catalog.me import me_of
from catalog.model import words
from catalog.page_route import page_route
from catalog.ports import Lists
from catalog.rendering import Rendering
from catalog.rights import Rights

_PAGE = 50
# A form sends a field that was left empty as an empty text.
_Day = Annotated[
    Annotated[date, Field(ge=date(1970, 1, 1), le=date(2999, 12, 31))] | None,
    BeforeValidator(lambda value: value or None),
]


class HistoryQuery(BaseModel):
    """What the address of *Historique* says: `du` and `au` are the first and the last day, in Paris."""

    model_config = ConfigDict(frozen=True)

    client: Annotated[str, Field(max_length=64)] = ""
    q: Annotated[str, Field(max_length=200)] = ""
    du: _Day = None
    au: _Day = None
    cursor: Annotated[str, Field(max_length=2048)] = ""
    before: Annotated[str, Field(max_length=2048)] = ""

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.client or self.q or self.du or self.au)

    def address(self, **changes: str) -> str:
        """The address of this page with some of it changed. Another list starts at its beginning."""
        changed = {**self.model_dump(), "cursor": "", "before": "", **changes}
        said = {name: value for name, value in changed.items() if value}
        return f"/historique?{urlencode(said)}" if said else "/historique"


class HistoryPages:
    """The page for a collaborator."""

    def __init__(self, *, documents: Lists, directory: Directory, rights: Rights, rendering: Rendering) -> None:
        self._documents = documents
        self._directory = directory
        self._rights = rights
        self._rendering = rendering

    async def show(self, who: Identity, query: HistoryQuery) -> Response:
        """The page. Raises Forbidden, NotFound for a client who isn't theirs, Invalid for its cursor, Unavailable."""
        self._rights.check_collaborator(who)
        owners = self._rights.owners(who, client=query.client or None)
        page = await self._documents.page(_listing(owners, query))
        return self._rendering.page(
            "history.html",
            title="Historique",
            me=me_of(who, directory=self._directory, rights=self._rights),
            query=query,
            rows=[taken_row(document) for document in page.documents],
            previous=query.address(before=page.previous) if page.previous else "",
            following=query.address(cursor=page.next) if page.next else "",
        )


def history_pages(pages: HistoryPages, *, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`/historique`."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/historique")
    async def history(
        who: Annotated[Identity, Depends(authenticate)], query: Annotated[HistoryQuery, Query()]
    ) -> Response:
        return await pages.show(who, query)

    return router


def _listing(owners: list[str], query: HistoryQuery) -> Listing:
    return Listing(
        owners=owners,
        sort=Sort("taken_at", descending=True),
        limit=_PAGE,
        states=("taken",),
        words=words(query.q),
        decided_from=_midnight(query.du) if query.du else None,
        decided_before=_midnight(query.au + timedelta(days=1)) if query.au else None,
        after=Cursor.decode(query.cursor) if query.cursor else None,
        before=Cursor.decode(query.before) if query.before else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, day_time(), tzinfo=PARIS)
