"""A document's own page, `/documents/{id}`: what the panel over a list shows, and what a mail can link to."""

from datetime import datetime
from functools import partial
from math import ceil
from typing import Annotated

from chassis.auth import Authenticator, Identity
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Response

from catalog import handlers
from catalog.document_views import Surroundings, view_of
from catalog.handlers import Desk
from catalog.journal_views import JournalView, journal_of
from catalog.me import me_of
from catalog.model import Document
from catalog.names import name_of, person_of
from catalog.page_route import page_route
from catalog.ports import Journal
from catalog.rendering import Rendering


class DocumentPage:
    """The page for everybody who sees the document."""

    def __init__(self, *, desk: Desk, journal: Journal, directory: Directory, rendering: Rendering) -> None:
        self._desk = desk
        self._journal = journal
        self._directory = directory
        self._rendering = rendering

    async def show(self, who: Identity, document: str) -> Response:
        """The page. Raises NotFound, Unavailable."""
        found = await handlers.find(document, who=who, desk=self._desk)
        view = view_of(found, await self._around(found, who=who))
        me = me_of(who, directory=self._directory, rights=self._desk.rights)
        return self._rendering.page("document.html", title=view.name, me=me, view=view)

    async def _around(self, document: Document, *, who: Identity) -> Surroundings:
        others = await self._others(document, who=who)
        return Surroundings(
            recipient=partial(name_of, self._directory, document.office, document.client.id),
            by_client=who.role == "client",
            predecessor=others.get(document.replaces or ""),
            successor=others.get(document.replaced_by or ""),
            opened_at=await self._opened_at(document, who=who),
            journal=await self._journaled(document, who=who),
            retry_in=ceil(await handlers.retry_wait(document.id, desk=self._desk)) if document.trouble else 0,
        )

    async def _others(self, document: Document, *, who: Identity) -> dict[str, Document]:
        ids = [each for each in (document.replaces, document.replaced_by) if each]
        found = await self._desk.documents.several(ids) if ids else ()
        rights = self._desk.rights
        seen = [each for each in found if rights.sees(who, office=each.office, client=each.client.id)]
        return {each.id: rights.shown(who, each) for each in seen}

    async def _opened_at(self, document: Document, *, who: Identity) -> datetime | None:
        if not self._desk.rights.knows_opening(who, document):
            return None
        return await self._desk.marks.opened_at(document.id)

    async def _journaled(self, document: Document, *, who: Identity) -> JournalView | None:
        if who.role != "collaborator":
            return None
        return journal_of(await self._journal.of(document.id), person_of=partial(person_of, self._directory))


def document_page(page: DocumentPage, *, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`/documents/{id}`."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/documents/{document}")
    async def document(who: Annotated[Identity, Depends(authenticate)], document: str) -> Response:
        return await page.show(who, document)

    return router
