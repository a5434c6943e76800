"""The real servers an adapter talks to, started once for the session (and once a worker under xdist)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from chassis.jetstream import JetStreamBus
from pymongo import AsyncMongoClient

from tests.suites.nats_server import NatsServer
from tests.support.catalog import CatalogProcess, Scene
from tests.support.intake import Intake
from tests.support.leftovers import Leftovers
from tests.support.running import RunningStack
from tests.support.store import Store
from tests.support.tus import TusClient
from tests.support.upload_replicas import Issuer, UploadReplica, fill_directory


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A nats-server of its own for each test, which may kill it."""
    async with NatsServer(tmp_path) as server:
        await server.start()
        await server.provision()
        yield server


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[JetStreamBus]:
    """A client of that server."""
    async with JetStreamBus(url=server.url, user="worker", password="secret", name="test") as bus:
        yield bus


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """mongod, nats, weed, maildump and the sign-in provider; `servers.env("upload")` is what that service gets."""
    running = RunningStack(tmp_path_factory.mktemp("servers"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def catalog(servers: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatalogProcess]:
    """The service, on ports of its own."""
    with CatalogProcess(servers.env("catalog"), log=tmp_path_factory.mktemp("catalog") / "log") as process:
        yield process


@pytest.fixture
async def scene(servers: RunningStack, catalog: CatalogProcess) -> AsyncIterator[Scene]:
    """An office of the test's own, whose events the service projects."""
    await catalog.ready()
    async with Scene(servers.endpoints, catalog) as made:
        yield made


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    """What a suite wants otherwise in the environment of its replicas of intake."""
    return {}


@pytest.fixture(scope="module")
def intake(
    servers: RunningStack, intake_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Intake]:
    """Two replicas of the intake service, for the suites that meet it over HTTP."""
    folder = tmp_path_factory.mktemp("upload")
    env = {**servers.env("upload"), "UPLOAD_SCRATCH_DIR": str(folder / "scratch"), **intake_settings}
    asyncio.run(fill_directory(servers.endpoints["nats"]))
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer())
        first, second = (
            stack.enter_context(UploadReplica(env, issuer=issuer, log=folder / f"{number}.log")) for number in (1, 2)
        )
        yield Intake(first, second, issuer, env)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client, closed at the end."""
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


@pytest.fixture
def client(intake: Intake, http: httpx.AsyncClient) -> TusClient:
    """EARL du Chêne at the first replica."""
    return TusClient(http, base=intake.first.base, token=intake.issuer.token("earl-du-chene"))


@pytest.fixture
async def intake_database(intake: Intake) -> AsyncIterator[Any]:
    """Intake's database."""
    mongo: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(intake.env["UPLOAD_MONGO_URL"], tz_aware=True) as mongo:
        yield mongo[intake.env["UPLOAD_MONGO_DATABASE"]]


@pytest.fixture
def records(intake_database: Any) -> Any:
    """Intake's collection."""
    return intake_database["uploads"]


@pytest.fixture(scope="module")
def store(servers: RunningStack) -> Iterator[Store]:
    """The object store, with the operator's keys."""
    opened = Store(servers.endpoints["s3"])
    yield opened
    opened.close()


@pytest.fixture
def leftovers(store: Store, intake: Intake, intake_database: Any) -> Leftovers:
    """What a request can leave behind."""
    return Leftovers(intake, store=store, database=intake_database)
