"""The audit trail's routes, a collaborator's alone: who did what with a document, and the proof of it."""

from chassis.auth import Authenticator
from chassis.openapi import Responses, problems
from fastapi import APIRouter, Request

from catalog import handlers, shapes
from catalog.auditing import Archive
from catalog.handlers import Desk
from catalog.http import api_route
from catalog.model import Document
from catalog.proof import Proofs
from catalog.views import Json, PersonOf, entry_json


class AuditRoutes:
    """The routes under `/api/documents/{document}` that read the journal."""

    def __init__(
        self, *, authenticate: Authenticator, desk: Desk, archive: Archive, proofs: Proofs, person_of: PersonOf
    ) -> None:
        self._authenticate = authenticate
        self._desk = desk
        self._archive = archive
        self._proofs = proofs
        self._person_of = person_of

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(
            prefix="/api/documents/{document}",
            route_class=api_route(self._authenticate),
            responses=problems(401, 403, 404, 429, 503),
        )
        audit: Responses = {200: {"model": shapes.AuditTrail}}
        proof: Responses = {200: {"model": shapes.Proof}, **problems(409, 410)}
        router.add_api_route("/audit", self.audit, response_model=None, responses=audit)
        router.add_api_route("/proof", self.proof, response_model=None, responses=proof)
        return router

    async def audit(self, request: Request, document: str) -> Json:
        """Who did what with a document."""
        found = await self._found(request, document)
        links = await self._archive.journal.of(found.id)
        return {"audit": [entry_json(link, person_of=self._person_of) for link in links]}

    async def proof(self, request: Request, document: str) -> Json:
        """What is needed to check, without this platform, what was received when, and what of it was archived."""
        found = await self._found(request, document)
        return dict(await self._proofs.of(found))

    async def _found(self, request: Request, document: str) -> Document:
        who = await self._authenticate(request)
        found = await handlers.find(document, who=who, desk=self._desk)
        self._desk.rights.check_collaborator(who)
        return found
