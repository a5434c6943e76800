"""Routes that look at nothing of a request before they know who is asking."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from chassis.auth import Authenticator


def guarded(authenticate: Authenticator, base: type[APIRoute] = APIRoute) -> type[APIRoute]:
    """The class for an `APIRouter(route_class=…)`: without a session its routes are a 401, whatever else is wrong.

    FastAPI reads and checks a body before it calls a handler or a dependency.
    """

    class GuardedRoute(base):  # type: ignore[valid-type,misc]  # a class that is a value
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guard(request: Request) -> Response:
                await authenticate(request)
                response: Response = await handle(request)
                return response

            return guard

    return GuardedRoute
