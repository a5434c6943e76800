"""`GET /api/dead-letters`: what could not be processed for an office, told to its admins."""

from typing import Annotated

from chassis.auth import Authenticator, Identity
from chassis.openapi import problems
from fastapi import APIRouter, Depends, Query

from catalog import shapes
from catalog.http import api_route
from catalog.ports import DeadLetters
from catalog.rights import Rights
from catalog.views import Json, time


def dead_letter_routes(letters: DeadLetters, authenticate: Authenticator) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/api", route_class=api_route(authenticate), responses=problems(401, 403, 422, 429, 503))

    @router.get("/dead-letters", response_model=None, responses={200: {"model": shapes.DeadLetters}})
    async def dead_letters(
        who: Annotated[Identity, Depends(authenticate)], after: Annotated[int, Query(ge=0, le=2**53)] = 0
    ) -> Json:
        """An office's dead letters, the oldest first, for its admins: nothing of their content."""
        Rights.check_admin(who)
        some = await letters.of(who.office, after=after)
        told = [
            {
                "number": each.number,
                "buried_at": time(each.buried_at),
                "service": each.service,
                "event": each.event,
                "document": each.document,
                "code": each.code,
            }
            for each in some.found
        ]
        return {"dead_letters": told, "next": some.next}

    return router
