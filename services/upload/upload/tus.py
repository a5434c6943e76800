"""The protocol's headers, tus 1.0.0: read, checked and written. Source: tus.io/protocols/resumable-upload."""

import base64
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from email.utils import format_datetime
from typing import Any

from chassis.auth import unauthenticated
from chassis.errors import Unavailable
from chassis.problem import Problem
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from upload import errors as e
from upload.model import FINISHED, Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
ALGORITHMS = ("sha1", "sha256")
OFFSET_STREAM = "application/offset+octet-stream"
STATUS: dict[type[e.UploadError], int] = {
    e.Malformed: 400,
    e.NotAllowed: 403,
    e.NotFound: 404,
    e.Conflict: 409,
    e.Gone: 410,
    e.TooLarge: 413,
    e.Unprocessable: 422,
    e.Locked: 423,
    e.ChecksumMismatch: 460,
    e.Interrupted: 400,
}


class ProblemRoute(APIRoute):
    """Answers this service's errors."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, wrapped."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (e.UploadError, Unavailable) as error:
                raise as_problem(error) from error

        return answer


class TusRoute(APIRoute):
    """Speaks the protocol's version on every answer, also on errors, and answers this service's errors."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, wrapped."""
        handle = super().get_route_handler()

        async def speak(request: Request) -> Response:
            try:
                require_version(request)
                response = await handle(request)
            except (Problem, e.UploadError, Unavailable) as error:
                problem = as_problem(error)
                problem.headers.update(standing_headers(request))
                raise problem from error
            response.headers.update(standing_headers(request))
            return response

        return speak


def standing_headers(request: Request) -> dict[str, str]:
    """Headers of every answer."""
    no_store = {"Cache-Control": "no-store"} if request.method != "OPTIONS" else {}
    return {"Tus-Resumable": VERSION, **no_store}


def as_problem(error: Exception) -> Problem:
    """The answer for an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, e.SessionEnded):
        return unauthenticated()
    if isinstance(error, e.UploadError):
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        wait = error.delay if isinstance(error, e.Locked) else None
        headers = {"Retry-After": str(math.ceil(wait))} if wait else {}
        return Problem(status, error.code, str(error), headers=headers)
    code = error.code if isinstance(error, Unavailable) else "unavailable"
    return Problem(
        503,
        code,
        "Le service est momentanément indisponible. Le transfert reprendra où il en était.",
        headers={"Retry-After": "5"},
    )


def require_version(request: Request) -> None:
    """Raises Problem 412 for a client that speaks another version."""
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise Problem(
            412, "version_not_supported", "La version du protocole n’est pas prise en charge.",
            headers={"Tus-Version": VERSION},
        )  # fmt: skip


def length_of(request: Request) -> int:
    """`Upload-Length`. Raises Malformed; a length to be told later is not offered."""
    if "upload-defer-length" in request.headers:
        raise e.Malformed("length_required", "La taille du fichier doit être annoncée.")
    return _number(request, "Upload-Length")


def offset_of(request: Request) -> int:
    """`Upload-Offset`. Raises Malformed."""
    return _number(request, "Upload-Offset")


def _number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise e.Malformed("malformed_header", f"L’en-tête {header} manque ou n’est pas un nombre.")
    return int(value)


def carries_bytes(request: Request) -> bool:
    """Whether a creation brings its first bytes along."""
    return request.headers.get("content-type") == OFFSET_STREAM and (
        request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    )


def require_offset_stream(request: Request) -> None:
    """Raises Problem 415 for a body of any other type."""
    if request.headers.get("content-type") != OFFSET_STREAM:
        raise Problem(415, "offset_stream_required", f"Le contenu doit être de type {OFFSET_STREAM}.")


class RequestChecksum:
    """A running checksum of one request's bytes and the value it must come to."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = wanted

    def update(self, block: bytes) -> None:
        """The next bytes."""
        self._hash.update(block)

    def is_right(self) -> bool:
        """Whether all bytes so far come to the wanted value."""
        return self._hash.digest() == self._wanted


def checksum_of(request: Request) -> RequestChecksum | None:
    """`Upload-Checksum`, if sent. Raises Malformed."""
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    try:
        wanted = base64.b64decode(encoded, validate=True)
    except ValueError:
        wanted = b""
    if algorithm not in ALGORITHMS or len(wanted) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise e.Malformed("malformed_checksum", "L’en-tête Upload-Checksum n’est pas valable.")
    return RequestChecksum(algorithm, wanted)


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """The request's body as it comes. Raises Interrupted when the sender vanishes."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise e.Interrupted from None


def progress_headers(upload: Upload) -> dict[str, str]:
    """Where an upload stands, as HEAD, POST and PATCH tell it."""
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.state == "receiving" and upload.due is not None:
        headers["Upload-Expires"] = format_datetime(upload.due, usegmt=True)
    if upload.state in FINISHED and upload.receipt is not None:
        headers["Connect-Document"] = upload.id
        headers["Connect-Receipt"] = upload.receipt.signature
    return headers


def offer(max_size: int) -> dict[str, Any]:
    """What OPTIONS tells."""
    return {
        "Tus-Version": VERSION,
        "Tus-Max-Size": str(max_size),
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
