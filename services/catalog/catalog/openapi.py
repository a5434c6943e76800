"""The description of the JSON API, for other systems: `docs/openapi/catalog.json`. The portal's pages are left out."""

from typing import Any

from chassis.auth import Authenticator
from chassis.openapi import document_of

from catalog.dead_letters_api import dead_letter_routes
from catalog.directory_api import directory_routes
from catalog.http import DocumentRoutes
from catalog.http_audit import AuditRoutes
from catalog.http_content import ContentRoutes
from catalog.me import me_routes

_ABOUT = "What is where and in which state: lists, contents, decisions, the directory, dead letters."


def openapi() -> dict[str, Any]:
    """The document."""
    none: Any = None  # nobody asks these routes anything
    authenticate = Authenticator(none, known=none, revoked=none)
    routers = [
        me_routes(authenticate, directory=none, rights=none),
        DocumentRoutes(authenticate=authenticate, desk=none, lists=none, name_of=none, hub=none, place=none).router(),
        ContentRoutes(authenticate=authenticate, desk=none, stores=none).router(),
        AuditRoutes(authenticate=authenticate, desk=none, archive=none, proofs=none, person_of=none).router(),
        dead_letter_routes(none, authenticate),
        directory_routes(none, authenticate),
    ]
    return document_of(routers, title="Connect Documents: catalog", about=_ABOUT)
