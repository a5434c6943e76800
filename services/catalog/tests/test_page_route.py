"""What a page's route answers when it can't show its page: everybody finds a way on that is their own. No sockets."""

import re
import time
from dataclasses import replace

import httpx
import pytest
from catalog.errors import Forbidden, Invalid, NotFound
from catalog.page_route import page_route
from catalog.rendering import Rendering
from chassis.auth import Identity, Role, unauthenticated
from chassis.errors import Unavailable
from chassis.limits import TooMany
from fastapi import APIRouter, FastAPI, Request

NOW = int(time.time())
CLIENT = Identity("x", "X", "", "client", "14", ("ferme",), NOW, NOW + 600)
BACK: dict[Role | None, tuple[str, str]] = {
    "client": ("/documents", "Retour à Mes documents"),
    "collaborator": ("/a-traiter", "Retour aux documents à traiter"),
    "admin": ("/documents", "Retour à l’administration"),
    None: ("/", "Retour à l’accueil"),
}
SIGN_IN = ("/login", "Se connecter")
AGAIN = ("/page", "Réessayer")


async def way_on(error: Exception, *, by: Role | None, method: str = "GET") -> tuple[str, str]:
    """The address and the words of the one link on the page that somebody gets for an error; `by` is their role, None
    where nobody was recognised."""
    router = APIRouter(route_class=page_route(Rendering(sign_in="https://connexion.example")))

    @router.api_route("/page", methods=["GET", "POST"])
    async def page(request: Request) -> None:
        if by:
            request.state.identity = replace(CLIENT, role=by)
        raise error

    app = FastAPI()
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://catalog.example") as client:
        answer = await client.request(method, "/page")
    assert answer.status_code >= 400
    ((address, said),) = re.findall(r'<a class="button" href="([^"]+)">([^<]+)</a>', answer.text)
    return address, said


@pytest.mark.parametrize("by", BACK)
@pytest.mark.parametrize("error", [Forbidden("forbidden", "Non."), NotFound(), Invalid("unknown_cursor", "Non.")])
async def test_what_is_refused_leads_back_to_where_its_person_starts(error: Exception, by: Role | None) -> None:
    assert await way_on(error, by=by) == BACK[by]


@pytest.mark.parametrize("by", BACK)
@pytest.mark.parametrize("error", [TooMany(code="limited", detail="Trop.", delay=5), Unavailable("away")])
async def test_a_page_that_can_be_had_later_is_tried_again_and_a_form_is_not(error: Exception, by: Role | None) -> None:
    """A form's address is no page: following a link to it would lead nowhere."""
    assert await way_on(error, by=by) == AGAIN
    assert await way_on(error, by=by, method="POST") == BACK[by]


async def test_a_form_of_an_ended_session_leads_to_the_sign_in() -> None:
    assert await way_on(unauthenticated(), by=None, method="POST") == SIGN_IN
