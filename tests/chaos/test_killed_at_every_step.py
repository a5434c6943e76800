"""Each service dies by `kill -9` before and after every call of the outside: nothing is lost, and nothing is stuck."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.plan import SERVICES
from tests.chaos.aftermath import Aftermath
from tests.chaos.mending import Operator
from tests.chaos.resting import at_rest
from tests.chaos.steps import unexpected
from tests.chaos.stories import Stories
from tests.support.mailbox import Mailbox
from tests.support.people import signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.store import Store

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1_000_000)))
WHOLE = bool(os.environ.get("CHAOS_WHOLE"))
# Of all points that are died at: each at its first time, in whatever is under way.
SHARE = 1.0 if WHOLE else 0.05
SETTLED_SECONDS = 150.0

Tell = Callable[[str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the services read that they are to die."""
    return tmp_path / "failpoints"


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[RunningStack]:
    settings = {
        "FAILPOINTS": str(folder),
        "REPUBLISH_AFTER": "10",
        "SEAL_EVERY": "15",
        # Who asks again and again, as these clients do of a service that dies, and whoever looks at what became of
        # their documents, is one person here.
        "LIMITS__PERSON__REQUESTS": "none",
        "REQUESTS__PERSON": "none",
    }
    running = RunningStack(tmp_path_factory.mktemp("steps"), only=EVERYTHING, settings=settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def store(stack: RunningStack) -> Iterator[Store]:
    opened = Store(stack.endpoints["s3"])
    yield opened
    opened.close()


@pytest.mark.timeout(3_600 if WHOLE else 600)
async def test_nothing_is_lost_or_stuck_wherever_a_service_dies(
    stack: RunningStack, http: httpx.AsyncClient, store: Store, folder: Path, tell: Tell
) -> None:
    tell(f"CHAOS_SEED={SEED} repeats this run")
    client = await signed_in("earl-du-chene", stack=stack, http=http)
    accountant = await signed_in("jeanny-jerome", stack=stack, http=http)
    (contact,) = (each["id"] for each in await client.portal.contacts() if each["role"] == "autre")
    operator = Operator(stack.endpoints["nats"], store)
    origin = stack.endpoints["portal"]
    stories = Stories(client, accountant, operator, http, origin=origin, contact=contact, seed=SEED)
    (folder / "share").write_text(f"{SHARE} {SEED}")

    started, deaths = time.monotonic(), -1
    # Those of the last round have all been lived through, then.
    while deaths < (now := _count(folder)):
        deaths = now
        await stories.round()
    tell(f"{_counts(folder)} deaths, {len(stories.outcomes)} documents, {time.monotonic() - started:.0f} s")

    aftermath = Aftermath(stack, client, Mailbox(http, url=stack.endpoints["mail"]), store)
    faults, rested = await at_rest(
        lambda: aftermath.faults(stories.outcomes, never=stories.never),
        is_clean=lambda seen: not seen,
        within=SETTLED_SECONDS,
    )
    assert not faults, "\n".join([*faults, "died at:", *_deaths(folder)])
    tell(f"clean at {rested}, {await aftermath.mails_sent_twice()} mails sent twice")
    assert not {service: left for service in SERVICES if (left := unexpected(service, _reached(folder, service)))}


def _reached(folder: Path, service: str) -> set[str]:
    """The steps a service came to, publications of every kind as one."""
    return {".".join(each.name.split(".")[:2]) for each in (folder / service / "steps").iterdir()}


def _deaths(folder: Path) -> list[str]:
    """The points that were died at, in that order."""
    deaths = sorted(folder.glob("*/deaths/*"), key=lambda each: each.stat().st_mtime)
    return [f"{each.parent.parent.name} {each.name}" for each in deaths]


def _count(folder: Path) -> int:
    return len(_deaths(folder))


def _counts(folder: Path) -> dict[str, int]:
    return {service: len(list((folder / service / "deaths").iterdir())) for service in SERVICES}
