"""A stage of its own for each test, whose processes are one replica each, so that its death is felt."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.mailbox import Mailbox
from tests.support.people import Person, signed_in
from tests.support.store import Store

from .stage import Stage
from .verdict import Judge


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if os.geteuid() != 0:
        reason = "small disks are mounted, which only root may do"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with Stage(tmp_path_factory.mktemp("chaos")) as opened:
        yield opened


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    # Longer than a verdict is waited for; a line that hangs is given up after that, as a browser would.
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def depositor(stage: Stage, http: httpx.AsyncClient) -> Person:
    """EARL du Chêne."""
    return await signed_in("earl-du-chene", stack=stage.stack, http=http)


@pytest.fixture
async def contact(depositor: Person) -> str:
    """The id of somebody else who can be alerted."""
    (found,) = (each["id"] for each in await depositor.portal.contacts() if each["role"] == "autre")
    return str(found)


@pytest.fixture
def judge(stage: Stage, http: httpx.AsyncClient, depositor: Person) -> Iterator[Judge]:
    store = Store(stage.stack.endpoints["s3"])
    yield Judge(stage.stack, depositor, Mailbox(http, url=stage.stack.endpoints["mail"]), store)
    store.close()
