"""Answers that come before all of their requests did."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What is sent in small pieces over a fast line has come by then.
LINGER_SECONDS = 1.0


class EarlyAnswers:
    """ASGI middleware: sees to it that a sender hears of the answer while it still sends.

    A gateway that is given an answer before all of the request has come ends the line of whoever still sends, and they
    meet that and not the answer. So what comes is read for a second, and thrown away, before the answer leaves.

    Uvicorn closes a connection with the answer once it is told to stop. One that is closed with bytes on their way is
    reset, and a gateway that meets this while it sends tells of a broken line (502). So when stopping the same is done
    once more after the answer.
    """

    def __init__(self, app: ASGIApp, *, is_stopping: Callable[[], bool]) -> None:
        self._app = app
        self._is_stopping = is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        more_comes = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        # Whoever asks first sends nothing before they are told to, which the first read does.
        is_asked_for = "expect" not in headers

        async def coming() -> Message:
            nonlocal more_comes, is_asked_for
            is_asked_for = True
            message = await receive()
            more_comes = message.get("more_body", False)
            return message

        async def hear_out() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while more_comes and is_asked_for:
                        await coming()

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                await hear_out()
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not (is_last and more_comes and self._is_stopping()):
                await send(message)
                return
            await send({**message, "more_body": True})
            await hear_out()
            await send({"type": "http.response.body"})

        await self._app(scope, coming, answering)
