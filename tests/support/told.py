"""An office made for one test on the whole stack, and what its people decide on documents that were told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.envelope import Envelope, envelop
from playwright.async_api import BrowserContext

from contracts import events as e
from tests.suites.catalog_events import ACCOUNTANT, at

from .catalog import Scene
from .running import RunningStack


@dataclass(frozen=True)
class Served:
    """The running stack's catalog, behind the gateway."""

    url: str
    env: Mapping[str, str]


def office_on(stack: RunningStack) -> Scene:
    """An office of its own on the running stack."""
    return Scene(stack.endpoints, Served(stack.endpoints["portal"], stack.env("catalog")))


async def admit(context: BrowserContext, scene: Scene, who: str, *, origin: str) -> None:
    """Give a browser somebody's session, as their sign-in would have."""
    await context.add_cookies([{"name": "connect_session", "value": scene.token(who), "url": origin}])


def taken(deposit: Envelope, *, revision: int = 1) -> Envelope:
    """The accountant takes it in charge."""
    return envelop(e.Taken.model_validate(_decision(deposit, revision)))


def returned(deposit: Envelope, reason: str) -> Envelope:
    """The accountant sends it back."""
    data = deposit.data
    told = {"folder": data.folder, "name": data.name, "depositor": data.depositor, "reason": reason}
    return envelop(e.Returned.model_validate({**_decision(deposit, 1), **told}))


def _decision(deposit: Envelope, revision: int) -> dict[str, Any]:
    data = deposit.data
    of = {"document": data.document, "office": data.office, "client": data.client.id, "space": data.space}
    return {**of, "revision": revision, "by": ACCOUNTANT, "at": at(100 + revision)}
