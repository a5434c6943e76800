"""The catalog's JSON API, as one person sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx


class Portal:
    """Reads as one person, who waits where told so (429). `base` is the portal's origin."""

    def __init__(self, http: httpx.AsyncClient, *, base: str, token: str) -> None:
        self._http = http
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}

    async def _ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        while True:
            answer = await self._http.request(method, f"{self._base}/api{path}", headers=self._headers, **asked)
            if answer.status_code != 429:
                return answer
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def document(self, document: str) -> dict[str, Any] | None:
        """A document, or None where this person has none of that id."""
        answer = await self._ask("GET", f"/documents/{document}")
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def archived(self, document: str) -> dict[str, Any] | None:
        """A document once it lies in the GED, None before."""
        found = await self.document(document)
        return found if found and found["state"] == "archived" else None

    async def content(self, document: str) -> bytes:
        """A document's bytes."""
        answer = await self._ask("GET", f"/documents/{document}/content")
        return answer.raise_for_status().content

    async def with_content(self, sha256: str) -> list[dict[str, Any]]:
        """The documents this person has with this content."""
        answer = await self._ask("GET", "/documents", params={"sha256": sha256})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["documents"]
        return found

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        """Every document this person sees, page by page."""
        cursor: dict[str, str] = {}
        while True:
            answer = await self._ask("GET", "/documents", params=cursor)
            page = answer.raise_for_status().json()
            for each in page["documents"]:
                yield each
            if not page["next"]:
                return
            cursor = {"cursor": page["next"]}

    async def decide(self, verb: str, document: str, *, reason: str | None = None) -> int:
        """`take`, `return` or `withdraw` a document; returns the status of the answer."""
        method, path = ("DELETE", "") if verb == "withdraw" else ("POST", f"/{verb}")
        answer = await self._ask(method, f"/documents/{document}{path}", json={"reason": reason} if reason else None)
        return answer.status_code

    async def audit(self, document: str) -> list[dict[str, Any]]:
        """Who did what with a document, as far as the journal has it."""
        answer = await self._ask("GET", f"/documents/{document}/audit")
        found: list[dict[str, Any]] = answer.raise_for_status().json()["audit"]
        return found

    async def contacts(self) -> list[dict[str, Any]]:
        """Whom this person can alert."""
        answer = await self._ask("GET", "/contacts")
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found
