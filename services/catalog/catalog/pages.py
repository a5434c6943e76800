"""*Mes documents*. It works without scripts: everything in it is a link or a form."""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from chassis.auth import Authenticator, Identity
from chassis.errors import Unavailable
from contracts.directory import Directory
from contracts.values import Space
from fastapi import APIRouter, Cookie, Depends, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from catalog.dead_letters import Letters
from catalog.inbox_pages import InboxQuery
from catalog.listing import Cursor, Listing, Page, Sort, unknown_cursor
from catalog.me import Me, me_of
from catalog.model import words
from catalog.page_route import page_route
from catalog.page_views import Row, folder_name, folders_of, row_of
from catalog.ports import DeadLetters, Lists
from catalog.rendering import Rendering
from catalog.rights import Rights

# The account somebody with several of them looked at last.
ACCOUNT_COOKIE = "connect_client"
_ACCOUNT_KEPT = 365 * 24 * 3600
# What a search found is not counted further.
MOST_COUNTED = 1000
# Where a page of an admin's begins: the number of a dead letter.
_NUMBER = re.compile(r"[0-9]{1,15}")


class PageQuery(BaseModel):
    """What the address of *Mes documents* says; what is as usual is left out of it.

    `cursor` is where the page before ended, `before` where the page that follows begins, `show` how many documents a
    page has. `chosen` is "no" where nobody chose this `client`: it is the first of several.
    """

    model_config = ConfigDict(frozen=True)

    space: Space = "deposits"
    folder: Annotated[str, Field(max_length=64)] = ""
    client: Annotated[str, Field(max_length=64)] = ""
    chosen: Literal["yes", "no"] = "yes"
    q: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""
    sort: Annotated[str, Field(pattern="^-?(name|deposited_at|size)$")] = "-deposited_at"
    show: Literal["50", "200"] = "50"
    cursor: Annotated[str, Field(max_length=2048)] = ""
    before: Annotated[str, Field(max_length=2048)] = ""

    def said(self, **changes: str) -> dict[str, str]:
        """What an address with some of it changed has to say. Another list starts at its beginning."""
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        changed = {**self.model_dump(), "cursor": "", "before": "", **changes}
        return {name: value for name, value in changed.items() if value != usual[name]}

    def address(self, **changes: str) -> str:
        """The address of this page with some of it changed."""
        said = self.said(**changes)
        return f"/documents?{urlencode(said)}" if said else "/documents"

    @property
    def is_first(self) -> bool:
        """Whether nothing comes before this page."""
        return not (self.cursor or self.before)


@dataclass(frozen=True)
class Shown:
    """One page of a list. `previous` and `following` are addresses, empty at the ends; `total` is how many documents a
    search found, counted up to one more than `MOST_COUNTED`; `begun` has the label and year of all that comes
    before."""

    rows: list[Row]
    previous: str
    following: str
    total: int
    begun: Collection[tuple[str, int]]


class DocumentPages:
    """*Mes documents* for a client; a collaborator is sent on to *À traiter*; an admin sees dead letters."""

    def __init__(
        self, *, documents: Lists, letters: DeadLetters, directory: Directory, rights: Rights, rendering: Rendering
    ) -> None:
        self._documents = documents
        self._letters = letters
        self._directory = directory
        self._rights = rights
        self._rendering = rendering

    async def show(self, who: Identity, query: PageQuery, *, account: str) -> Response:
        """The page this person gets; `account` is the one looked at last. Raises NotFound for one that isn't theirs,
        Invalid, Unavailable."""
        me = me_of(who, directory=self._directory, rights=self._rights)
        if who.role == "client":
            return await self._mine(me, query, account=account)
        if who.role == "collaborator":
            return RedirectResponse(InboxQuery(client=query.client, folder=query.folder).address(), status_code=303)
        return await self._administration(me, query)

    async def _administration(self, me: Me, query: PageQuery) -> Response:
        if query.cursor and not _NUMBER.fullmatch(query.cursor):
            raise unknown_cursor()
        letters: Letters | None = None
        with suppress(Unavailable):  # the page says so
            letters = await self._letters.of(me.who.office, after=int(query.cursor or 0))
        following = query.address(cursor=str(letters.next)) if letters and letters.next else ""
        return self._rendering.page(
            "admin.html", title="Administration", me=me, query=query, letters=letters, following=following
        )

    async def _mine(self, me: Me, query: PageQuery, *, account: str) -> Response:
        accounts = [client.id for client in me.clients]
        first = next(iter(accounts), "")
        if len(accounts) > 1 and not query.client:
            # Every address says whose documents it shows: what another window looks at changes nothing in this one.
            looked_at = {"client": account} if account in accounts else {"client": first, "chosen": "no"}
            return RedirectResponse(query.address(**looked_at), status_code=303)
        current = query.client or first
        # Of several accounts the first is shown until one is chosen; for a deposit that is no choice.
        chosen = "" if len(accounts) > 1 and query.chosen == "no" else current
        owners = self._rights.owners(me.who, client=current) if current else []
        counts = [one for one in await self._documents.counts(owners) if one.space == query.space]
        page = self._rendering.page(
            "documents.html",
            title="Mes documents",
            me=me,
            query=query,
            current=current,
            chosen=chosen,
            folders=folders_of(counts, space=query.space),
            shown=await self._shown(owners, query),
            most_counted=MOST_COUNTED,
        )
        if len(accounts) > 1 and chosen:
            page.set_cookie(
                ACCOUNT_COOKIE,
                chosen,
                max_age=_ACCOUNT_KEPT,
                path="/documents",
                secure=True,
                httponly=True,
                samesite="lax",
            )
        return page

    async def _shown(self, owners: list[str], query: PageQuery) -> Shown:
        listing = Listing(
            owners=owners,
            sort=Sort.parse(query.sort),
            limit=int(query.show),
            space=query.space,
            folder=query.folder or None,
            words=words(query.q),
            after=Cursor.decode(query.cursor) if query.cursor else None,
            before=Cursor.decode(query.before) if query.before else None,
        )
        page = await self._documents.page(listing)
        return Shown(
            [row_of(document) for document in page.documents],
            previous=query.address(before=page.previous) if page.previous else "",
            following=query.address(cursor=page.next) if page.next else "",
            total=await self._total(listing, page) if query.q else 0,
            begun=await self._begun(listing, page) if query.space == "published" else (),
        )

    async def _begun(self, listing: Listing, page: Page) -> Collection[tuple[str, int]]:
        if not page.previous:
            return ()
        before = await self._documents.groups(replace(listing, after=None, before=Cursor.decode(page.previous)))
        return {(folder_name(label), year) for label, year in before}

    async def _total(self, listing: Listing, page: Page) -> int:
        if not (page.previous or page.next):
            return len(page.documents)
        return await self._documents.count(replace(listing, after=None, before=None), most=MOST_COUNTED + 1)


def document_pages(pages: DocumentPages, *, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`/` and `/documents`."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/")
    async def home() -> Response:
        return RedirectResponse("/documents", status_code=303)

    @router.get("/documents")
    async def documents(
        who: Annotated[Identity, Depends(authenticate)],
        query: Annotated[PageQuery, Query()],
        account: Annotated[str, Cookie(alias=ACCOUNT_COOKIE)] = "",
    ) -> Response:
        return await pages.show(who, query, account=account)

    return router
