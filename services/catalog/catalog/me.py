"""`GET /api/me`: who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from chassis.auth import Authenticator, Identity
from chassis.openapi import problems
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from catalog import shapes
from catalog.rights import Rights
from catalog.views import time


@dataclass(frozen=True)
class Named:
    """An office or account, for display."""

    id: str
    name: str


@dataclass(frozen=True)
class Me:
    """Who is signed in, with the names of their office and accounts as the directory has them now."""

    who: Identity
    office: Named
    clients: tuple[Named, ...]

    def shown(self) -> Mapping[str, Any]:
        """As the API shows it."""
        return {
            "sub": self.who.sub,
            "name": self.who.name,
            "role": self.who.role,
            "office": {"id": self.office.id, "name": self.office.name},
            "clients": [{"id": client.id, "name": client.name} for client in self.clients],
            "expires_at": time(datetime.fromtimestamp(self.who.expires_at, UTC)),
        }


def me_of(who: Identity, *, directory: Directory, rights: Rights) -> Me:
    """Raises Unavailable before the directory was read."""
    office = directory.office(who.office)
    clients = tuple(Named(client.id, client.name) for client in rights.clients(who))
    return Me(who, Named(who.office, office.name if office else who.office), clients)


def me_routes(authenticate: Authenticator, *, directory: Directory, rights: Rights) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/api", responses=problems(401, 429, 503))

    @router.get("/me", responses={200: {"model": shapes.MeInfo}})
    async def me(who: Annotated[Identity, Depends(authenticate)]) -> Response:
        shown = me_of(who, directory=directory, rights=rights).shown()
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    return router
