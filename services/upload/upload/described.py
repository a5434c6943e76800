"""What the tus routes take and answer, for their description: the protocol lives in headers, which no model shows."""

from typing import Any

from chassis.openapi import PUBLIC, Described, Responses, problems
from contracts.values import Receipt
from fastapi import Response

from upload.metadata import DEPOSIT_LIMIT
from upload.tus import ALGORITHMS, OFFSET_STREAM, VERSION

_OFFSET = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
_TEXT = {"type": "string"}


def _header(name: str, schema: dict[str, Any], *, required: bool = True, about: str = "") -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": about}


def _told(**headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): {"schema": schema} for name, schema in headers.items()}


_VERSION = _header("Tus-Resumable", {"type": "string", "enum": [VERSION]})
_CHECKSUM = _header(
    "Upload-Checksum",
    {"type": "string", "pattern": f"^({'|'.join(ALGORITHMS)}) [A-Za-z0-9+/]+={{0,2}}$"},
    required=False,
    about="Of the bytes of this request alone, in base64.",
)
_STREAM = {"content": {OFFSET_STREAM: {"schema": {"type": "string", "format": "binary"}}}}
_PROGRESS = _told(Tus_Resumable=_TEXT, Upload_Offset=_OFFSET, Upload_Expires=_TEXT, Connect_Document=_TEXT)
_BAD_BYTES = (413, 422, 423, 429, 460)
_REFUSED = (400, 401, 404, 412, 503)


def _route(
    status: int, told: dict[str, Any], *refusals: int, takes: list[dict[str, Any]], body: dict[str, Any] | None = None
) -> Described:
    answer: Responses = {status: {"description": "As asked", "headers": told}}
    extra = {"parameters": [_VERSION, *takes], **({"requestBody": body} if body else {})}
    return {
        "status_code": status,
        "response_class": Response,
        "responses": answer | problems(*sorted({*_REFUSED, *refusals})),
        "openapi_extra": extra,
    }


OPTIONS: Described = {
    "status_code": 204,
    "response_class": Response,
    "responses": {204: {"description": "What this server offers", "headers": _told(Tus_Version=_TEXT)}},
    **PUBLIC,
}
CREATE = _route(
    201,
    _told(Tus_Resumable=_TEXT, Location={"type": "string", "format": "uri"}, Upload_Offset=_OFFSET),
    403,
    410,
    *_BAD_BYTES,
    takes=[
        _header("Upload-Length", _OFFSET, about="Bytes of the whole file."),
        _header(
            "Upload-Metadata",
            _TEXT,
            about="Pairs of a key and a base64 value: `filename`, `folder`; also `filetype`, `client`, `deposit`,"
            " `deposit_size`, `alert`, `sha256`, `file`, `replaces`, `space`. `replaces` is a returned document"
            " of the same client, in whichever folder: what was returned for its folder goes into another."
            f" A `deposit` takes {DEPOSIT_LIMIT:,} files.",
        ),
        _CHECKSUM,
    ],
    body={"required": False, **_STREAM},
)
HEAD = _route(200, _PROGRESS | _told(Upload_Length=_OFFSET, Upload_Metadata=_TEXT), 410, 423, takes=[])
APPEND = _route(
    204, _PROGRESS, 409, 410, 415, *_BAD_BYTES, takes=[_header("Upload-Offset", _OFFSET), _CHECKSUM], body=_STREAM
)
CANCEL = _route(204, {}, 409, 410, 423, 429, takes=[])
OVERRIDDEN: Described = {"include_in_schema": False}
"""A way round for old clients of what is described already."""
RECEIPT: Described = {
    "response_model": None,
    "responses": {200: {"model": Receipt}, **problems(401, 404, 409, 429, 503)},
}
CLOSE: Described = {
    "status_code": 204,
    "response_class": Response,
    "responses": {204: {"description": "Noted"}, **problems(400, 401, 404, 422, 429, 503)},
}
KEYS: Described = PUBLIC
