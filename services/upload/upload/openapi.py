"""The description of the intake's routes, for other systems: `docs/openapi/upload.json`."""

from typing import Any

from chassis.auth import Authenticator
from chassis.openapi import document_of

from upload.http import UploadApi, upload_routes

_ABOUT = "Intake of documents by tus 1.0.0 (https://tus.io/protocols/resumable-upload), and what goes beside it."


def openapi() -> dict[str, Any]:
    """The document."""
    none: Any = None  # nobody asks these routes anything
    authenticate = Authenticator(none, known=none, revoked=none)
    api = UploadApi(authenticate, none, none, none, none, none, none, public_url="", max_size=0)
    return document_of(upload_routes(api), title="Connect Documents: upload", about=_ABOUT)
