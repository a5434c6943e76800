"""Messages that are no events, for every consumer of every service: each is a dead letter with a code, and no more."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from unittest.mock import Mock

import catalog.main
import ged_mover.main
import nats
import notify.main
import pytest
import pytest_asyncio
import upload.main
from chassis.wake import due_subject
from contracts.registry import ALL_EVENTS, BY_NAME, EventType
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from tests.suites.bad_events import bad_events, good
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.service import ServiceProcess
from tests.support.world import World

# The processes start within it, which takes its time where there is much else to do.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
SUBSCRIPTIONS = (
    *upload.main.subscriptions(Mock()),
    *ged_mover.main.subscriptions(Mock(), mode="GOVERNANCE", moves_at_once=8),
    *notify.main.subscriptions(Mock(), Mock()),
    *catalog.main.subscriptions(Mock(), Mock(), generation=1),
)
_ABOUT = re.compile(rb'"(?:document|deposit)": "([0-9a-f-]{36})"')
SERVICES = ("catalog", "upload", "ged-mover", "notify")


def listeners(event: EventType) -> set[str]:
    """The durables that hear of an event."""
    return {each.name for each in SUBSCRIPTIONS if event.topic("*") in each.consumer.filters}


class Bus:
    """Says anything to anybody, and hears of every dead letter."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self.buried: dict[bytes, dict[str, Mapping[str, str]]] = {}

    async def hear(self, letter: Msg) -> None:
        """Note a dead letter by its payload and the durable it came from, whichever generation that is of."""
        headers = letter.headers or {}
        durable = re.sub(r"-g\d+$", "-g1", headers["Connect-Subscription"])
        self.buried.setdefault(letter.data, {})[durable] = headers

    async def say(self, subject: str, payload: bytes) -> None:
        """Publish, without an id: what is said twice comes twice."""
        await self._js.publish(subject, payload, timeout=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(servers: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    """One process of each."""
    keys = f"http://127.0.0.1:{servers.env('catalog')['CATALOG_PORT']}/.well-known/jwks.json"
    settings = {
        "UPLOAD_SCRATCH_DIR": str(tmp_path_factory.mktemp("scratch")),
        "UPLOAD_SCANNER": "none",
        "UPLOAD_AUTH__JWKS_URL": keys,
    }
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            package, env = service.replace("-", "_"), {**servers.env(service), **settings}
            port = int(env[f"{package.upper()}_PORT"])
            await stack.enter_async_context(ServiceProcess(package, env, port=port))
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def bus(servers: RunningStack) -> AsyncIterator[Bus]:
    where = servers.endpoints["nats"]
    operator = await nats.connect(where["url"], user=where["user"], password=where["password"])
    bus = Bus(operator.jetstream())
    await operator.subscribe("connect.v1.dead.>", cb=bus.hear)
    yield bus
    await operator.close()


async def test_whatever_is_no_event_is_a_dead_letter_of_each_who_heard_it_and_leaves_nothing(
    servers: RunningStack, services: None, bus: Bus
) -> None:
    office = f"bad{uuid.uuid4().hex[:8]}"
    said = {(event.key, bad.name): bad for event in ALL_EVENTS for bad in bad_events(event, office=office)}
    async with World(servers.endpoints, databases=("upload", "catalog", "notify", "ged_mover")) as world:
        for (event, _), bad in said.items():
            await bus.say(BY_NAME[event].topic(office), bad.payload)
        # The same nonsense is said on several subjects: whoever hears one of them buries it.
        heard: dict[bytes, set[str]] = {}
        for (event, _), bad in said.items():
            heard.setdefault(bad.payload, set()).update(listeners(BY_NAME[event]))

        async def all_buried() -> bool:
            return {payload: set(bus.buried.get(payload, ())) for payload in heard} == heard

        await eventually(all_buried, within=100)
        for (event, name), bad in said.items():
            for durable in listeners(BY_NAME[event]):
                letter = bus.buried[bad.payload][durable]
                assert (letter["Connect-Code"], event, name, durable) == (bad.code, event, name, durable)
                assert letter["Connect-Reason"]
        about = {match.group(1).decode() for bad in said.values() for match in _ABOUT.finditer(bad.payload)}
        assert about
        assert not await world.mentioning({office, *about})


@pytest.mark.parametrize("service", SERVICES)
async def test_a_wake_up_that_means_nothing_is_a_dead_letter(services: None, bus: Bus, service: str) -> None:
    durable = next(each.name for each in SUBSCRIPTIONS if each.name.startswith(service))
    event = good(BY_NAME["erased"], office="elsewhere")
    bad = {
        f"nonsense.{uuid.uuid4()}": (b"no kind", "unknown_wake_up"),
        "x": (b"one word", "unknown_wake_up"),
        "later.nobody.7": (b"for no consumer", "unknown_wake_up"),
        f"later.{durable}.7": (b"no event", "not_an_event"),
        # It does not say on which subject it came before it was put off.
        f"later.{durable}.8": (json.dumps(event).encode(), "wrong_subject"),
    }
    for key, (payload, _) in bad.items():
        await bus.say(due_subject(service, key), payload)

    async def all_buried() -> bool:
        letters = [letter for payload, _ in bad.values() for letter in bus.buried.get(payload, {}).values()]
        return sorted(each["Connect-Code"] for each in letters) == sorted(code for _, code in bad.values())

    await eventually(all_buried, within=30)
