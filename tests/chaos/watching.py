"""Looks over clients' shoulders while replicas are restarted: was anybody refused?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import httpx

# Seconds. A replica that is told to stop takes requests for longer than that, and waits for those it took.
_CUT_OFF_AFTER = 1.0


class Watching(httpx.AsyncBaseTransport):
    """Sends each request once, and notes what no client should meet: a broken line, or an error of ours.

    A transfer that lasts longer than its replica may wait is ended in the middle of its bytes, and counted apart: what
    came is kept, and its client goes on elsewhere. While it still sends, it may hear of that by its line alone. A line
    that breaks within a second, or once all was sent, is nobody's long transfer: that one was refused.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.refused: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.handed_on = 0
        self._inner = inner or httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100))
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        since = self._clock()
        assert isinstance(request.stream, httpx.AsyncByteStream)
        request.stream = sent = _Sent(request.stream)
        try:
            answer = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            long = self._clock() - since >= _CUT_OFF_AFTER
            self._note(request, repr(error), handed_on=long and not sent.whole)
            raise
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            body = await answer.aread()
            self._note(request, f"{answer.status_code} {body[-200:]!r}", handed_on=b'"draining"' in body)
        return answer

    def _note(self, request: httpx.Request, trouble: str, *, handed_on: bool) -> None:
        if request.method == "PATCH" and handed_on:
            self.handed_on += 1
        else:
            self.refused.append(f"{request.method} {request.url.path}: {trouble}")

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Sent(httpx.AsyncByteStream):
    """A request's body; `whole` once the last of it was taken to be sent."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self.whole = False
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece
        self.whole = True

    async def aclose(self) -> None:
        await self._body.aclose()
