"""How often one person, and one address, may ask the catalog for something, and how many live streams they may have."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from chassis.auth import Identity
from chassis.errors import Unavailable
from chassis.limits import Asking, Limit, Limiter
from chassis.logs import logger
from fastapi import Request

REASONS: Mapping[Limit, str] = {
    "requests": "Vous avez fait trop de demandes en peu de temps. Réessayez dans quelques instants.",
    "streams": "Trop de pages suivent vos documents en même temps. Fermez-en, ou réessayez dans quelques instants.",
}
SIGN_IN_REASONS: Mapping[Limit, str] = {
    "requests": "Trop de connexions ont été demandées en peu de temps depuis votre réseau. Réessayez dans quelques "
    "instants."
}
COUNTS_KEPT = timedelta(days=1)
# Seconds an answer waits for the counts at most, and for how long they are not asked after they were silent.
_PATIENCE, _UNASKED = 2.0, 5.0


class Admission:
    """Counts a request, and refuses one too many. Where nobody can count nobody is refused: what needs the database
    says so itself, and what does not, such as ending one's sessions, is not to wait for it."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._ask_from = 0.0

    async def __call__(self, request: Request, identity: Identity) -> None:
        """See `Authenticator`. Raises TooMany."""
        await self._asked(partial(self._limiter.count, Asking.by(request, identity)))

    @asynccontextmanager
    async def stream(self, request: Request, identity: Identity) -> AsyncIterator[None]:
        """A place among the streams that are open to them. Raises TooMany."""
        async with AsyncExitStack() as stack:
            place = self._limiter.transfer(Asking.by(request, identity))
            await self._asked(partial(stack.enter_async_context, place))
            yield

    async def of_nobody(self, request: Request) -> None:
        """Of a request by nobody that is known yet. Raises TooMany."""
        await self._asked(partial(self._limiter.count, Asking.nobody(request)))

    async def of_unproven(self, request: Request) -> None:
        """Of a request that needs a session and has none. Raises TooMany."""
        await self._asked(partial(self._limiter.count, Asking.unproven(request)))

    async def _asked(self, ask: Callable[[], Awaitable[object]]) -> None:
        if time.monotonic() < self._ask_from:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await ask()
        except (Unavailable, TimeoutError):
            self._ask_from = time.monotonic() + _UNASKED
            logger().warning("requests_not_counted")
