"""`/livez`, `/servingz`, `/readyz` and `/metrics`.

`/livez` answers as long as the process does. `/servingz` is for gateways: 200 from the moment that the process is ready
for the first time until it drains, also where something is missing in between, since the service's own answer to that
is better than theirs. `/readyz` really asks each dependency, all at once, for at most two seconds, and is 503 when one
that the service cannot do without does not answer, or when the process is draining. `/metrics` asks them too, so that
`connect_dependency_up` is of now also where nobody probes for readiness.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.metrics import DEPENDENCY_UP

CHECK_TIMEOUT = 2.0
PROBES = frozenset(("/livez", "/servingz", "/readyz", "/metrics"))


@dataclass(frozen=True)
class Check:
    """One dependency. `ask` raises Unavailable when it is down; `required` says whether the service can do without."""

    ask: Callable[[], Awaitable[None]]
    required: bool = True


def health_routes(checks: Mapping[str, Check], leaving: asyncio.Event) -> APIRouter:
    """The four routes. `leaving` is set when the process is told to stop."""
    router = APIRouter(include_in_schema=False)
    begun = False

    async def look() -> tuple[dict[str, str], bool]:
        states = dict(zip(checks, await asyncio.gather(*map(_state, checks.values())), strict=True))
        for name, state in states.items():
            DEPENDENCY_UP.labels(name).set(state == "ok")
        return states, all(states[name] == "ok" for name, check in checks.items() if check.required)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/servingz")
    async def servingz() -> Response:
        nonlocal begun
        if not begun:
            _, begun = await look()
        status = "draining" if leaving.is_set() else "ok" if begun else "starting"
        return JSONResponse({"status": status}, 200 if status == "ok" else 503)

    @router.get("/readyz")
    async def readyz() -> Response:
        states, complete = await look()
        status = "draining" if leaving.is_set() else "ok" if complete else "unavailable"
        return JSONResponse({"status": status, "checks": states}, 200 if status == "ok" else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        await look()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check.ask()
    except Unavailable as down:
        return down.code
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 (whatever it is, the other dependencies and the metrics are still told)
        logger().error("check_failed", error=type(error).__name__)
        return "check_failed"
    return "ok"
