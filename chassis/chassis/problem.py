"""Errors over HTTP: RFC 9457 problem details, with a stable `code` and a French `detail` for people."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from chassis.errors import Later, Rejected, Unavailable
from chassis.logs import logger

MEDIA_TYPE = "application/problem+json"
_UNAVAILABLE = "Le service est momentanément indisponible. Réessayez dans quelques instants."
_NOT_VALID = "La demande n’est pas valable."
_BUG = "Une erreur est survenue de notre côté. Elle a été signalée."
# A problem is for its reader alone: nothing to run, to embed or to keep, whatever else its route gives out.
_HARMLESS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Problem(Exception):
    """An answer that is no success: `status`, a stable `code`, a French `detail`, further headers."""

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem_response(problem: Problem) -> Response:
    """The problem as a response."""
    body = {
        "type": "about:blank",
        "title": _phrase(problem.status),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    return JSONResponse(body, problem.status, headers={**_HARMLESS, **problem.headers}, media_type=MEDIA_TYPE)


def bug_response() -> Response:
    """The answer to an error that nobody foresaw."""
    return problem_response(Problem(500, "bug", _BUG))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a protocol's own, such as tus' 460
        return "Error"


def install_problems(app: FastAPI) -> None:
    """Answer the app's errors as problem details; those that nobody foresaw are left to `service.RequestContext`."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_unavailable(_: Request, error: Exception) -> Response:
        assert isinstance(error, Unavailable | Later)
        logger().warning("request_unavailable", code=error.code)
        return problem_response(Problem(503, error.code, _UNAVAILABLE, headers={"Retry-After": "5"}))

    async def on_rejected(_: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        return problem_response(Problem(422, error.code, str(error)))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = ", ".join(sorted({str(item["loc"][-1]) for item in error.errors()}))
        return problem_response(Problem(422, "invalid_request", f"La demande n’est pas valable : {fields}."))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = {404: "Introuvable.", 405: "Méthode non prévue."}.get(error.status_code, _NOT_VALID)
        code = HTTPStatus(error.status_code).name.lower()
        return problem_response(Problem(error.status_code, code, detail, headers=dict(error.headers or {})))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Unavailable, on_unavailable)
    app.add_exception_handler(Later, on_unavailable)
    app.add_exception_handler(Rejected, on_rejected)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
