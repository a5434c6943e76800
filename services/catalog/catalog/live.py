"""Live updates: hints over core NATS from whoever wrote to whoever watches, as server-sent events.

Each is only a hint to fetch. Every replica hears every hint and passes it to those of its watchers who may see the
document; after a reconnect a page fetches what changed since.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from chassis.auth import Identity
from chassis.jetstream import JetStreamBus
from chassis.listen import listen
from contracts.subjects import LIVE_ROOT
from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from catalog.rights import Rights

# A place among the streams that are open to somebody, for as long as theirs is. Raises TooMany where there is none.
Place = Callable[[Request, Identity], AbstractAsyncContextManager[None]]
ALL = f"{LIVE_ROOT}.*.*"
# A watcher that falls further behind is told to fetch all there is.
_BACKLOG = 200
_RESYNC = ServerSentEvent(event="resync", data="{}")
_END = ServerSentEvent(event="end", data="{}")


@dataclass(eq=False)
class _Watcher:
    who: Identity
    queue: asyncio.Queue[ServerSentEvent] = field(default_factory=lambda: asyncio.Queue(_BACKLOG))


class LiveHub:
    """This replica's watchers. `run` feeds them until the service drains, and then lets them go.

    `current` says what is left of somebody's session since their stream began, None for nothing.
    """

    def __init__(self, bus: JetStreamBus, rights: Rights, *, current: Callable[[Identity], Identity | None]) -> None:
        self._bus = bus
        self._rights = rights
        self._current = current
        self._watchers: set[_Watcher] = set()
        self._ended = False

    async def run(self, stop: asyncio.Event) -> None:
        """Hear hints until `stop` is set; then every stream ends, so that none holds up the shutdown."""
        await listen(self._bus, ALL, self.hear, stop=stop)
        self._ended = True
        for watcher in self._watchers:
            _put(watcher, _END)

    async def hear(self, topic: str, payload: bytes) -> None:
        """Pass a hint on to those who may see the document now; whose session ended meanwhile hears no more."""
        office, client = topic.split(".")[-2:]
        event = ServerSentEvent(event="document", data=json.dumps({**json.loads(payload), "client": client}))
        for watcher in self._watchers:
            if not self._rights.sees(watcher.who, office=office, client=client):
                continue
            who = self._current(watcher.who)
            if who is None:
                _put(watcher, _END)
            elif self._rights.sees(who, office=office, client=client):
                _put(watcher, event)

    async def watch(self, who: Identity) -> AsyncIterator[ServerSentEvent]:
        """One person's stream: it starts with `ready`, and ends with their session, or with this replica."""
        watcher = _Watcher(who)
        if self._ended:  # nothing would ever come, and nobody end it
            _put(watcher, _END)
        self._watchers.add(watcher)
        try:
            yield ServerSentEvent(event="ready", data="{}", retry=_pause())
            async with asyncio.timeout(max(0.0, who.expires_at - time.time())):
                while (event := await watcher.queue.get()) is not _END:
                    yield event
        except TimeoutError:
            return  # the session's end
        finally:
            self._watchers.discard(watcher)


class LiveResponse(EventSourceResponse):
    """A stream that begins once it has its `place`, and gives it back as it ends."""

    def __init__(
        self, events: AsyncIterator[ServerSentEvent], *, place: AbstractAsyncContextManager[None], **more: Any
    ) -> None:
        super().__init__(events, **more)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem, before anything was sent."""
        async with self._place:
            await super().__call__(scope, receive, send)


def _pause() -> int:
    """Milliseconds until a browser whose stream ended connects again: not all of them at once after a restart."""
    return random.randint(1_000, 4_000)  # noqa: S311 (no secret)


def _put(watcher: _Watcher, event: ServerSentEvent) -> None:
    if event is not _END and not watcher.queue.full():
        watcher.queue.put_nowait(event)
        return
    while not watcher.queue.empty():
        watcher.queue.get_nowait()
    watcher.queue.put_nowait(_END if event is _END else _RESYNC)
