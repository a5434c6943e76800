"""What is done with the documents ticked in a list, by a form: so it works without scripts, and the browser takes a
zip of any size as it comes."""

from typing import Annotated
from urllib.parse import parse_qs

from chassis.auth import Authenticator, Identity
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from catalog.content import Stores
from catalog.errors import Invalid
from catalog.handlers import Desk
from catalog.http_content import Selection, zip_response
from catalog.page_route import page_route
from catalog.rendering import Rendering


def selection_pages(desk: Desk, *, stores: Stores, authenticate: Authenticator, rendering: Rendering) -> APIRouter:
    """`POST /documents/archive` with a field `ids` a document."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.post("/documents/archive")
    async def archive(who: Annotated[Identity, Depends(authenticate)], request: Request) -> Response:
        chosen = selection_of(await request.body())
        return await zip_response(chosen.ids, who=who, desk=desk, stores=stores)

    return router


def selection_of(form: bytes) -> Selection:
    """The documents a posted form names. Raises Invalid."""
    try:
        return Selection(ids=parse_qs(form.decode()).get("ids", []))
    except (ValidationError, ValueError):
        raise Invalid("nothing_chosen", "Cochez d’abord les documents à télécharger, mille au plus.") from None
