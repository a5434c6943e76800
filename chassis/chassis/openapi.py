"""The OpenAPI document of a service's routes: what other systems make their clients from.

It is made from the routes and committed, not served: what a service can be asked is no secret, and nobody needs a
running one to read it. Routes say for themselves with what they answer, refusals included.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from chassis.auth import COOKIE
from chassis.problem import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]
Described = Mapping[str, Any]

PUBLIC: Described = {"openapi_extra": {"security": []}}
"""For `add_api_route`: open to everybody."""
_REASONS = {460: "The bytes are not what their checksum says"}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


class ProblemDetails(BaseModel):
    """Why a request was refused (RFC 9457). `code` is stable, `detail` is French and for people."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    code: str = Field(pattern="^[a-z0-9_.-]+$")
    detail: str = Field(min_length=1)


def problems(*statuses: int) -> Responses:
    """That a route answers with a problem under these statuses."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": _reason(status), "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }


def bytes_of(*media_types: str, status: int = 200) -> Responses:
    """That a route answers with bytes of these types."""
    schema = {"type": "string", "format": "binary"}
    return {status: {"description": _reason(status), "content": {each: {"schema": schema} for each in media_types}}}


def document_of(routers: Sequence[APIRouter], *, title: str, about: str) -> dict[str, Any]:
    """The document of all that the routers include in it."""
    app = FastAPI(generate_unique_id_function=lambda route: route.name)
    for router in routers:
        app.include_router(router)
    document = get_openapi(title=title, version="1", description=about, routes=app.routes)
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    shapes = components.setdefault("schemas", {})
    _forget_frameworks_refusals(document["paths"], shapes)
    shapes["ProblemDetails"] = ProblemDetails.model_json_schema()
    components["schemas"] = dict(sorted(shapes.items()))
    document["security"] = [{name: []} for name in _SECURITY]
    return document


def _forget_frameworks_refusals(paths: Mapping[str, Any], shapes: dict[str, Any]) -> None:
    """FastAPI says by itself that a route with any parameter answers 422, in a shape that nothing here has."""
    for operation in (each for methods in paths.values() for each in methods.values()):
        if "application/json" in operation["responses"].get("422", {}).get("content", {}):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        shapes.pop(name, None)


def _reason(status: int) -> str:
    return _REASONS.get(status) or HTTPStatus(status).phrase
