"""The routes that hand out bytes: a document's content, its receipt, and a zip of several."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from chassis.auth import Authenticator, Identity
from chassis.french import PARIS
from chassis.openapi import Responses, bytes_of, problems
from contracts.values import DocumentId, Receipt
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from catalog import handlers
from catalog.archive import zip_of
from catalog.content import Disposition, Stores, attachment_header, content_response
from catalog.errors import Gone
from catalog.handlers import Desk
from catalog.http import api_route
from catalog.journal import Action
from catalog.model import Document, receipt_of
from catalog.receipt import receipt_pdf

_PRIVATE = {
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


_SHOWN = ("application/octet-stream", "application/pdf", "image/jpeg", "image/png", "text/plain")
_ZIP: Responses = {**bytes_of("application/zip"), **problems(400)}
_CONTENT: Responses = {
    **bytes_of(*_SHOWN),
    **bytes_of(*_SHOWN, status=206),
    304: {"description": "Not Modified"},
    **problems(416),
}
_RECEIPT: Responses = {200: {"model": Receipt, **bytes_of("application/pdf")[200]}}


class Selection(BaseModel):
    """The documents chosen for a zip."""

    ids: Annotated[list[DocumentId], Field(min_length=1, max_length=1000)]


class ContentRoutes:
    """The routes under `/api/documents` that answer with bytes."""

    def __init__(self, *, authenticate: Authenticator, desk: Desk, stores: Stores) -> None:
        self._authenticate = authenticate
        self._desk = desk
        self._stores = stores

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(
            prefix="/api/documents",
            route_class=api_route(self._authenticate),
            responses=problems(401, 404, 410, 422, 429, 503),
        )
        add = partial(router.add_api_route, response_model=None)
        add("/archive", self.archive, methods=["POST"], response_class=StreamingResponse, responses=_ZIP)
        add("/{document}/content", self.content, response_class=StreamingResponse, responses=_CONTENT)
        add("/{document}/receipt", self.receipt, responses=_RECEIPT)
        return router

    async def content(self, request: Request, document: str, disposition: Disposition = "attachment") -> Response:
        """The document's bytes, or the range asked for."""
        who = await self._authenticate(request)
        found = await handlers.find(document, who=who, desk=self._desk)
        return await content_response(
            found,
            stores=self._stores,
            disposition=disposition,
            headers=request.headers,
            opening=partial(self._open, found, disposition, who),
        )

    async def _open(self, document: Document, disposition: Disposition, who: Identity, continues: bool) -> None:
        action: Action = "viewed" if disposition == "inline" else "downloaded"
        await handlers.note_access(document, action, what="content", who=who, desk=self._desk, continues=continues)
        await handlers.note_opened(document, who=who, desk=self._desk)

    async def receipt(
        self, request: Request, document: str, kind: Annotated[Literal["json", "pdf"], Query(alias="format")] = "json"
    ) -> Response:
        """The depositor's receipt."""
        who = await self._authenticate(request)
        found = await handlers.find(document, who=who, desk=self._desk)
        receipt = receipt_of(found)
        action: Action = "viewed" if kind == "json" else "downloaded"
        await handlers.note_access(found, action, what="receipt", who=who, desk=self._desk)
        if kind == "json":
            return JSONResponse(receipt, headers=_PRIVATE)
        headers = {**_PRIVATE, "Content-Disposition": attachment_header(f"Accusé de dépôt {found.name}.pdf")}
        page = await asyncio.to_thread(receipt_pdf, receipt)
        return Response(page, media_type="application/pdf", headers=headers)

    async def archive(self, request: Request, selection: Selection) -> Response:
        """A zip of the chosen documents. Those that were withdrawn are left out; one that isn't theirs is a 404."""
        who = await self._authenticate(request)
        return await zip_response(selection.ids, who=who, desk=self._desk, stores=self._stores)


async def zip_response(ids: Sequence[str], *, who: Identity, desk: Desk, stores: Stores) -> Response:
    """A zip of these documents, as far as they were not withdrawn. Raises NotFound, Gone when all were."""
    theirs = await handlers.find_all(ids, who=who, desk=desk)
    kept = [each for each in theirs if each.state not in ("withdrawn", "erased")]
    if not kept:
        raise Gone("withdrawn", "Ces documents ne sont plus disponibles.")
    headers = {**_PRIVATE, "Content-Disposition": attachment_header(zip_name(desk.clock()))}
    kept.sort(key=lambda each: (each.name.casefold(), each.id))
    archive = zip_of(
        kept,
        stores=stores,
        giving=partial(handlers.note_access, action="downloaded", what="archive", who=who, desk=desk),
        given=partial(handlers.note_opened, who=who, desk=desk),
    )
    return StreamingResponse(archive, media_type="application/zip", headers=headers)


def zip_name(now: datetime) -> str:
    """The zip's name: of the day that it is in Paris."""
    return f"documents {now.astimezone(PARIS):%Y-%m-%d}.zip"
