"""Answers that come before all of their requests did."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A sender on a fast line has seen the answer by then.
LINGER_SECONDS = 1.0


class EarlyAnswers:
    """ASGI middleware: sees to it that a sender hears of the answer while it still sends.

    Uvicorn closes a connection with the answer once it is told to stop. One that is closed with bytes on their way is
    reset, and a gateway that meets this while it sends tells of a broken line (502) and not of the answer. So what
    comes is read for a second more, and thrown away, after the answer has left.
    """

    def __init__(self, app: ASGIApp, *, is_stopping: Callable[[], bool]) -> None:
        self._app = app
        self._is_stopping = is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more_comes = True

        async def coming() -> Message:
            nonlocal more_comes
            message = await receive()
            more_comes = message.get("more_body", False)
            return message

        async def answering(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not (is_last and more_comes and self._is_stopping()):
                await send(message)
                return
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while more_comes:
                        await coming()
            await send({"type": "http.response.body"})

        await self._app(scope, coming, answering)
