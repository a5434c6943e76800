"""HTML answers: the templates, what they may print, and the headers that keep a page to itself.

Scripts and styles are bundled from `services/catalog/portal` into `static/`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.french import day, megabytes, moment, whole
from chassis.problem import Problem
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from catalog.published_views import by_label_and_year

_HERE = Path(__file__).parent
_MEDIA_TYPES = {
    ".bcmap": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".pfb": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
}
_FOREVER = "public, max-age=31536000, immutable"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it, browsers send `Origin: null` with this site's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "private, no-store",
}


@dataclass(frozen=True)
class _Asset:
    content: bytes
    media_type: str


class Rendering:
    """Renders templates. `static_url(name)` in them names a file by its content, so it can be kept for good.

    `sign_in` is the origin of the provider at which people sign in.
    """

    def __init__(self, *, sign_in: str) -> None:
        # Empty where the portal was not bundled: then the first page asked for says which file is missing.
        self._assets = {
            path.name: _Asset(path.read_bytes(), _MEDIA_TYPES[path.suffix])
            for path in sorted((_HERE / "static").glob("*.*"))
        }
        everything = hashlib.sha256(b"".join(asset.content for asset in self._assets.values()))
        self._version = everything.hexdigest()[:12]
        self._headers = {**_HEADERS, "Content-Security-Policy": _policy(sign_in)}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["static_url"] = self.static_url
        self._templates.filters.update(
            day=day, moment=moment, megabytes=megabytes, whole=whole, by_label_and_year=by_label_and_year
        )

    def static_url(self, name: str) -> str:
        """Where a static file is served. Raises KeyError when there is none of this name."""
        _ = self._assets[name]
        return f"/static/{self._version}/{name}"

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A whole page."""
        return HTMLResponse(self._templates.get_template(template).render(context), status, headers=self._headers)

    def message(self, title: str, text: str, *, status: int, action: tuple[str, str] | None = None) -> Response:
        """A page that says one thing. `action` is a link: its address and its words."""
        return self.page("message.html", status=status, title=title, text=text, action=action, me=None)

    def static_routes(self) -> APIRouter:
        """Serves the static files. An address of another version gets today's file, but not for good."""
        router = APIRouter(include_in_schema=False)

        @router.get("/static/{version}/{name}")
        async def static(version: str, name: str) -> Response:
            asset = self._assets.get(name)
            if asset is None:
                raise Problem(404, "not_found", "Introuvable.")
            caching = _FOREVER if version == self._version else "no-cache"
            headers: Mapping[str, str] = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
            return Response(asset.content, media_type=asset.media_type, headers=dict(headers))

        return router


def _policy(sign_in: str) -> str:
    # A form of somebody whose session has ended is sent on to sign in, and browsers hold the policy against that too.
    # `blob:`: a picture that a script has fetched, since it can wait where it is told to and an `img` can't.
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
        f"connect-src 'self'; worker-src 'self'; form-action 'self' {sign_in}; base-uri 'none'; frame-ancestors 'none'"
    )


def local_path(request: Request) -> str:
    """The path and query of a request, to come back to."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"
