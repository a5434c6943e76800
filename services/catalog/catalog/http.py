"""The JSON API: lists, one document, decisions, contacts, history, live updates.

Parse, call a handler, show the result. Whose document it is, is asked of `rights` in every route.
"""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from chassis.auth import Authenticator, Identity
from chassis.openapi import problems
from chassis.problem import Problem
from contracts.values import Sha256, Space, UtcDatetime
from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sse_starlette import EventSourceResponse, ServerSentEvent

from catalog import handlers, shapes
from catalog.errors import Refusal, TooSoon
from catalog.handlers import Desk
from catalog.listing import Cursor, Listing, Sort
from catalog.live import LiveHub, LiveResponse, Place
from catalog.model import DecisionKind, Document, State, words
from catalog.ports import Lists
from catalog.views import Json, NameOf, document_json, time, timeline_json

PING_SECONDS = 15
"""Between two signs of life to a page that is open: whatever is in between may cut off a silence that is longer."""
# Lines of text that show something: no other control character.
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
# Far more than a stream needs to end by itself.
_LAST_SECONDS = 5
# A page that fetches what changed since the last answer asks again for this long before it: a write takes its time
# between being stamped and being seen, and the next primary's clock is another.
_OVERLAP = timedelta(seconds=10)


def api_route(authenticate: Authenticator) -> type[APIRoute]:
    """The class for an `APIRouter(route_class=…)` that answers the catalog's refusals as problem details."""

    class RefusalRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def translated(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError:
                    # Who isn't signed in hears that, and nothing of what a request should look like.
                    await authenticate(request)
                    raise
                except Refusal as refusal:
                    headers = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, TooSoon) else {}
                    raise Problem(refusal.status, refusal.code, str(refusal), headers=headers) from None

            return translated

    return RefusalRoute


class ListQuery(BaseModel):
    """The parameters of `GET /api/documents`."""

    model_config = ConfigDict(extra="forbid")

    space: Space | None = None
    folder: Annotated[str | None, Field(max_length=64)] = None
    client: Annotated[str | None, Field(max_length=64)] = None
    state: list[State] = []
    sha256: Sha256 | None = None
    q: Annotated[str, Field(max_length=200)] = ""
    sort: Annotated[str, Field(max_length=32)] = "-deposited_at"
    changed_since: UtcDatetime | None = None
    inbox: bool = False
    cursor: Annotated[str | None, Field(max_length=2048)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class PageQuery(BaseModel):
    """The parameters of a plain list."""

    model_config = ConfigDict(extra="forbid")

    client: Annotated[str | None, Field(max_length=64)] = None
    cursor: Annotated[str | None, Field(max_length=2048)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Reason(BaseModel):
    """Why a document is sent back or withdrawn."""

    reason: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=_TEXT)] | None
    ) = None


class DocumentRoutes:
    """The routes under `/api` but for content."""

    def __init__(
        self, *, authenticate: Authenticator, desk: Desk, lists: Lists, name_of: NameOf, hub: LiveHub, place: Place
    ) -> None:
        self._authenticate = authenticate
        self._desk = desk
        self._lists = lists
        self._name_of = name_of
        self._hub = hub
        self._place = place

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(
            prefix="/api", route_class=api_route(self._authenticate), responses=problems(401, 422, 429, 503)
        )
        page = _answers(shapes.DocumentPage)
        router.add_api_route("/documents", self.list_documents, **page)
        router.add_api_route("/documents/counts", self.counts, **_answers(shapes.Counts))
        router.add_api_route("/documents/{document}", self.one, **_answers(shapes.DocumentDetail))
        decided = _answers(shapes.DocumentSummary, 400, 403, 404, 409)
        router.add_api_route("/documents/{document}", self.withdraw, methods=["DELETE"], **decided)
        router.add_api_route("/documents/{document}/take", self.take, methods=["POST"], **decided)
        router.add_api_route("/documents/{document}/return", self.send_back, methods=["POST"], **decided)
        woken = _answers(shapes.DocumentSummary, 403, 404, 409, 429, status=202)
        router.add_api_route("/documents/{document}/retry", self.retry, methods=["POST"], **woken)
        router.add_api_route("/contacts", self.contacts, **_answers(list[shapes.ContactInfo]))
        router.add_api_route("/history", self.history, **page)
        router.add_api_route(
            "/live",
            self.live,
            response_model=None,
            response_class=EventSourceResponse,
            responses=problems(401, 429, 503),
        )
        return router

    async def list_documents(self, request: Request, query: Annotated[ListQuery, Query()]) -> Json:
        """One page of the documents this person sees. `as_of` is what to send as `changed_since` next time."""
        who = await self._authenticate(request)
        as_of = self._desk.clock() - _OVERLAP
        if query.inbox:
            self._desk.rights.check_collaborator(who)
        listing = Listing(
            owners=self._desk.rights.owners(who, client=query.client),
            sort=Sort.parse(query.sort),
            limit=query.limit,
            space=query.space,
            folder=query.folder,
            states=query.state,
            sha256=query.sha256,
            words=words(query.q),
            changed_since=query.changed_since,
            inbox=query.inbox,
            discreet=not self._desk.rights.finds_withdrawn(who),
            after=Cursor.decode(query.cursor) if query.cursor else None,
        )
        return await self._page(listing, who=who, as_of=as_of)

    async def counts(self, request: Request) -> Json:
        """How many documents each folder shows."""
        who = await self._authenticate(request)
        counted = await self._lists.counts(self._desk.rights.owners(who))
        rows = [
            {"client": one.owner.split("/")[1], "space": one.space, "folder": one.folder, "documents": one.documents}
            for one in counted
        ]
        return {"counts": rows}

    async def one(self, request: Request, document: str) -> Json:
        """One document with its timeline; for the office, also when what it published was opened."""
        who = await self._authenticate(request)
        found = await handlers.find(document, who=who, desk=self._desk)
        shown = {**self._json(found), "timeline": timeline_json(found)}
        if self._desk.rights.knows_opening(who, found):
            opened_at = await self._desk.marks.opened_at(document)
            shown["opened_at"] = time(opened_at) if opened_at else None
        return shown

    async def withdraw(self, request: Request, document: str, why: Reason | None = None) -> Json:
        """Withdraw a document: every copy will be erased."""
        return await self._decide(request, document, "withdrawn", why)

    async def take(self, request: Request, document: str) -> Json:
        """Take a document in charge."""
        return await self._decide(request, document, "taken", None)

    async def send_back(self, request: Request, document: str, why: Reason) -> Json:
        """Send a document back with a reason."""
        return await self._decide(request, document, "returned", why)

    async def retry(self, request: Request, document: str) -> Json:
        """Wake a move in trouble, once a minute."""
        who = await self._authenticate(request)
        return self._json(await handlers.retry_move(document, who=who, desk=self._desk))

    async def contacts(self, request: Request, client: str | None = None) -> list[Json]:
        """Whom one can alert, an account. Addresses stay inside."""
        who = await self._authenticate(request)
        asked = self._desk.rights.owners(who, client=client)
        return [
            {"id": contact.id, "name": contact.name, "role": contact.role, "client": account.id}
            for account in self._desk.rights.clients(who)
            if f"{account.office}/{account.id}" in asked
            for contact in account.contacts
        ]

    async def history(self, request: Request, query: Annotated[PageQuery, Query()]) -> Json:
        """What was taken in charge, by whom, the latest first."""
        who = await self._authenticate(request)
        listing = Listing(
            owners=self._desk.rights.owners(who, client=query.client),
            sort=Sort("taken_at", descending=True),
            limit=query.limit,
            states=("taken",),
            after=Cursor.decode(query.cursor) if query.cursor else None,
        )
        return await self._page(listing, who=who, as_of=self._desk.clock() - _OVERLAP)

    async def live(self, request: Request) -> Response:
        """Server-sent events; each names a document to fetch again."""
        who: Identity = await self._authenticate(request)
        # A proxy that gathers before it passes on would hold every hint back.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        # A comment would do for proxies, but a page has to hear it, to tell a quiet line from a dead one.
        return LiveResponse(
            self._hub.watch(who),
            place=self._place(request, who),
            ping=PING_SECONDS,
            ping_message_factory=_ping,
            headers=headers,
            # The hub ends its streams itself as the service stops: the library would cut them off in between.
            shutdown_grace_period=_LAST_SECONDS,
        )

    async def _decide(self, request: Request, document: str, kind: DecisionKind, why: Reason | None) -> Json:
        who = await self._authenticate(request)
        reason = why.reason if why else None
        return self._json(await handlers.decide(document, kind, who=who, desk=self._desk, reason=reason))

    async def _page(self, listing: Listing, *, who: Identity, as_of: datetime) -> Json:
        page = await self._lists.page(listing)
        shown = [self._json(self._desk.rights.shown(who, each)) for each in page.documents]
        return {"documents": shown, "next": page.next, "as_of": time(as_of)}

    def _json(self, document: Document) -> Json:
        return document_json(document, name_of=self._name_of)


def _answers(shape: Any, *refusals: int, status: int = 200) -> Mapping[str, Any]:
    """For `add_api_route`: what it answers. Its handler has made that already, so it is not looked through again."""
    responses = {status: {"model": shape}, **problems(*(refusals or (403, 404)))}
    return {"status_code": status, "response_model": None, "responses": responses}


def _ping() -> ServerSentEvent:
    return ServerSentEvent(event="ping", data="{}")
