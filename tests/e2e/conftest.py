"""The whole platform, uploads on two replicas, once for the session."""

from collections.abc import AsyncIterator, Generator, Iterator

import httpx
import pytest
from playwright.async_api import Page

from tests.support import nodejs
from tests.support.browser import keep_evidence, opened, sign_in
from tests.support.catalog import Scene
from tests.support.mailbox import Mailbox
from tests.support.office import Colleague, Inbox
from tests.support.people import Person, signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.store import Store
from tests.support.told import admit, office_on

FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Real servers, gateway and services, as `make run UPLOAD_REPLICAS=2` starts them."""
    running = RunningStack(tmp_path_factory.mktemp("stack"), only=EVERYTHING, replicas={"upload": 2})
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def depositor(stack: RunningStack, http: httpx.AsyncClient) -> Person:
    """EARL du Chêne, whose accountant is JEANNY JEROME."""
    return await signed_in("earl-du-chene", stack=stack, http=http)


@pytest.fixture
def mailbox(stack: RunningStack, http: httpx.AsyncClient) -> Mailbox:
    return Mailbox(http, url=stack.endpoints["mail"])


@pytest.fixture
def store(stack: RunningStack) -> Iterator[Store]:
    opened = Store(stack.endpoints["s3"])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def js() -> None:
    """What `js/package-lock.json` names, installed."""
    nodejs.install()


@pytest.fixture
async def page(request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A fresh Chromium; a failed test leaves a screenshot in `test-results/`."""
    async with opened() as page:
        yield page
        if request.node.stash.get(FAILED, False):
            await keep_evidence(page, request.node.name)


@pytest.fixture
async def scene(stack: RunningStack) -> AsyncIterator[Scene]:
    """An office of the test's own on the whole platform."""
    async with office_on(stack) as made:
        yield made


@pytest.fixture
def portal(stack: RunningStack) -> str:
    """The portal's origin."""
    origin: str = stack.endpoints["portal"]
    return origin


@pytest.fixture
async def client(page: Page, scene: Scene, portal: str) -> Page:
    """A browser in which the client is signed in."""
    await admit(page.context, scene, "client", origin=portal)
    return page


@pytest.fixture
async def inbox(stack: RunningStack, page: Page) -> Inbox:
    """JEANNY JEROME at her inbox."""
    await sign_in(page, stack, "jeanny-jerome")
    return Inbox(page, stack)


@pytest.fixture
async def colleague(stack: RunningStack, http: httpx.AsyncClient) -> Colleague:
    """CAMILLE MARTIN, adviser of the same client."""
    return Colleague(http, base=stack.endpoints["portal"], token=await stack.token("conseil-14"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
