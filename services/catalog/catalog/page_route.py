"""Routes for people: what goes wrong is a page too, and who isn't signed in is sent to sign in."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from chassis.auth import Identity
from chassis.errors import Unavailable
from chassis.limits import TooMany
from chassis.logs import logger
from chassis.problem import Problem
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from catalog.errors import Invalid, Refusal
from catalog.rendering import Rendering, local_path

SIGN_IN = ("/login", "Se connecter")
# Where each role starts.
_BACK = {
    "client": ("/documents", "Retour à Mes documents"),
    "collaborator": ("/a-traiter", "Retour aux documents à traiter"),
    "admin": ("/documents", "Retour à l’administration"),
}
# Leads everybody to where they start, by way of the sign-in whoever isn't signed in.
_HOME = ("/", "Retour à l’accueil")
_NOWHERE = "Cette page n’existe pas, ou elle n’est pas dans votre espace."
_TITLES = {403: "Accès refusé", 404: "Introuvable"}
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def page_route(rendering: Rendering) -> type[APIRoute]:
    """The class for an `APIRouter(route_class=…)` whose routes are pages."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> _Handler:
            handler = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    return await handler(request)
                except Problem as problem:
                    return _told(rendering, problem, request)
                except Refusal as refusal:
                    nowhere = isinstance(refusal, Invalid) and request.method == "GET"
                    return _refused(rendering, 404 if nowhere else refusal.status, str(refusal), request)
                except RequestValidationError:
                    return _refused(rendering, 404, "Cette page n’existe pas.", request)
                except Unavailable as down:
                    logger().warning("page_unavailable", code=down.code)
                    return _unavailable(rendering, request)

            return answered

    return PageRoute


def to_sign_in(back: str) -> Response:
    """Send the browser to sign in, and afterwards to `back`."""
    headers = {"Cache-Control": "no-store"}
    return RedirectResponse(f"/login?next={quote(back, safe='/')}", status_code=303, headers=headers)


def _told(rendering: Rendering, problem: Problem, request: Request) -> Response:
    if problem.status == 401:
        return to_sign_in(local_path(request)) if request.method == "GET" else _ended(rendering)
    if isinstance(problem, TooMany):
        return _too_many(rendering, problem, request)
    return _refused(rendering, problem.status, problem.detail, request)


def _ended(rendering: Rendering) -> Response:
    # A form's fields don't survive the way to the provider and back: it would be forgotten without a word.
    text = "Votre demande n’a pas été exécutée. Connectez-vous de nouveau, puis recommencez."
    return rendering.message("Votre session a expiré", text, status=401, action=SIGN_IN)


def _refused(rendering: Rendering, status: int, detail: str, request: Request) -> Response:
    title = _TITLES.get(status, "Demande impossible")
    # The API's one word for what isn't there is the title already.
    text = _NOWHERE if detail == f"{title}." else detail
    return rendering.message(title, text, status=status, action=_back(request))


def _too_many(rendering: Rendering, problem: TooMany, request: Request) -> Response:
    answer = rendering.message("Trop de demandes", problem.detail, status=429, action=_again(request))
    answer.headers.update(problem.headers)
    return answer


def _unavailable(rendering: Rendering, request: Request) -> Response:
    text = "Le service est momentanément indisponible. Réessayez dans quelques instants."
    answer = rendering.message("Service indisponible", text, status=503, action=_again(request))
    answer.headers["Retry-After"] = "5"
    return answer


def _again(request: Request) -> tuple[str, str]:
    # A form's address is no page.
    return (local_path(request), "Réessayer") if request.method == "GET" else _back(request)


def _back(request: Request) -> tuple[str, str]:
    who: Identity | None = getattr(request.state, "identity", None)
    return _BACK[who.role] if who else _HOME
