"""A stage of its own for each test, whose processes are one replica each, so that its death is felt."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.mailbox import Mailbox
from tests.support.running import RunningStack
from tests.support.store import Store

from . import replicas
from .depositors import Depositor, depositors
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
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Several replicas of every service."""
    running = replicas.several(tmp_path_factory.mktemp("replicas"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    # Longer than a verdict is waited for; a line that hangs is given up after that, as a browser would.
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def clients(stage: Stage, http: httpx.AsyncClient) -> tuple[Depositor, ...]:
    return await depositors(stage.stack, http)


@pytest.fixture
def judge(stage: Stage, http: httpx.AsyncClient, clients: tuple[Depositor, ...]) -> Iterator[Judge]:
    store = Store(stage.stack.endpoints["s3"])
    yield Judge(stage.stack, clients, Mailbox(http, url=stage.stack.endpoints["mail"]), store)
    store.close()
