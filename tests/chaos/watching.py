"""Looks over clients' shoulders while replicas are restarted: was anybody refused?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import httpx

# Seconds. A replica that is told to stop takes requests for longer than that, and waits for those it took.
_CUT_OFF_AFTER = 1.0


class Watching(httpx.AsyncBaseTransport):
    """Sends each request once, and notes what no client should meet: a broken line, or an error of ours.

    A transfer that lasts longer than its replica may wait is ended in the middle of its bytes, and counted apart: what
    came is kept, and its client goes on elsewhere. While it still sends, it may hear of that by its line alone. Whether
    that was in the middle, the next HEAD tells: what the client has sent may lie in buffers on the way. A line that
    breaks within a second, or where all had come, is nobody's long transfer: that one was refused.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.statuses: Counter[int] = Counter()
        self.handed_on = 0
        self._refused: list[str] = []
        self._broken: dict[str, str] = {}
        """What was met by transfers of which no HEAD has told yet, by path."""
        self._inner = inner or httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100))
        self._clock = clock

    @property
    def refused(self) -> list[str]:
        """What those met who were."""
        return [*self._refused, *self._broken.values()]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        since, path = self._clock(), request.url.path
        try:
            answer = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            trouble = f"{request.method} {path}: {error!r}"
            if request.method == "PATCH" and self._clock() - since >= _CUT_OFF_AFTER:
                self._broken[path] = trouble
            else:
                self._refused.append(trouble)
            raise
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            body = await answer.aread()
            if request.method == "PATCH" and b'"draining"' in body:
                self.handed_on += 1
            else:
                self._refused.append(f"{request.method} {path}: {answer.status_code} {body[-200:]!r}")
        elif request.method == "HEAD" and answer.status_code == 200:
            self._tell(path, answer.headers)
        return answer

    def _tell(self, path: str, headers: httpx.Headers) -> None:
        trouble = self._broken.pop(path, None)
        if trouble is None:
            return
        if int(headers["Upload-Offset"]) < int(headers["Upload-Length"]):
            self.handed_on += 1
        else:
            self._refused.append(trouble)

    async def aclose(self) -> None:
        await self._inner.aclose()
