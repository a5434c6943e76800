"""A browser that signs in by hand, so that each leg can be looked at and bent."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx

from .catalog import CatalogProcess


class Visitor:
    """Leaves from the first replica and comes back to the second."""

    def __init__(self, replicas: list[CatalogProcess]) -> None:
        self.replicas = replicas
        self.http = httpx.AsyncClient(timeout=20)

    async def leave(self, wanted: str = "/documents") -> httpx.Response:
        """To the provider."""
        return await self.http.get(f"{self.replicas[0].url}/login", params={"next": wanted})

    async def choose(self, left: httpx.Response, **form: str) -> str:
        """Sign in there; returns the address one is sent back to, at another replica than the one that was left."""
        chosen = await self.http.post(left.headers["Location"], data=form)
        public = self.replicas[0].env["CATALOG_PUBLIC_URL"]
        back: str = chosen.headers["Location"]
        assert back.startswith(f"{public}/auth/callback")
        return back.replace(public, self.replicas[1].url)

    async def sign_in(self, sub: str, wanted: str = "/documents") -> httpx.Response:
        """All of it."""
        return await self.http.get(await self.choose(await self.leave(wanted), sub=sub))


def cookie(answer: httpx.Response, name: str = "connect_session") -> str:
    """A cookie's value, empty when it was not given."""
    for header in answer.headers.get_list("set-cookie"):
        jar = SimpleCookie(header)
        if name in jar:
            return jar[name].value
    return ""
