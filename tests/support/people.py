"""People of the demo directory, signed in through the real sign-in."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from .portal import Portal
from .running import RunningStack
from .tus import TusClient


@dataclass(frozen=True)
class Person:
    """Somebody with a session: what they can do by HTTP."""

    token: str
    tus: TusClient
    portal: Portal


async def signed_in(sub: str, *, stack: RunningStack, http: httpx.AsyncClient) -> Person:
    """Sign in as a person of the demo directory, as a browser would."""
    origin = stack.endpoints["portal"]
    token = await stack.token(sub)
    return Person(
        token=token,
        tus=TusClient(http, base=origin, token=token),
        portal=Portal(http, base=origin, token=token),
    )
