"""The mover as a process: its own NATS user, its own database user, its own keys, and servers that go away."""

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import nats
import pytest
from chassis.s3 import S3
from chassis.wake import due_subject
from contracts.envelope import Envelope, decode
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from upload.settings import UploadSettings

from tests.suites.ged_events import Story
from tests.support.eventually import eventually
from tests.support.mover import Mover
from tests.support.running import RunningStack
from tests.support.store import Store


class Bench:
    """What surrounds the mover: who announces, who decides, and what is in the stream and the stores."""

    def __init__(self, js: JetStreamContext, catalog: JetStreamContext, staging: S3, store: Store) -> None:
        self._js = js
        self._catalog = catalog
        self._staging = staging
        self.store = store
        self._overheard: list[Msg] = []

    async def stage(self, story: Story) -> None:
        await self._staging.call("put_object", Key=story.document, Body=story.content)

    async def publish(self, envelope: Envelope) -> None:
        """Publishes without a message id, so that it is a delivery of its own each time."""
        await self._js.publish(envelope.topic, envelope.encode())

    async def wake(self, story: Story) -> None:
        """Wakes the move as the catalog does, with the catalog's own rights."""
        await self._catalog.publish(due_subject("ged-mover", f"move.{story.document}"), b"")

    async def overhear(self, message: Msg) -> None:
        """Takes note of everything that is said, repeated events too, which the stream drops."""
        self._overheard.append(message)

    def heard(self, event: str, story: Story) -> list[Envelope]:
        """Such events of the document, in the order they were published."""
        subject = f"connect.v1.documents.{event}.14"
        events = [decode(message.data) for message in self._overheard if message.subject == subject]
        return [each for each in events if each.subject == story.document]

    def buried(self, story: Story) -> list[str]:
        """The codes of the mover's dead letters about the document."""
        letters = [message for message in self._overheard if message.subject == "connect.v1.dead.ged-mover"]
        return [
            (message.headers or {})["Connect-Code"] for message in letters if story.document.encode() in message.data
        ]


@pytest.fixture
async def bench(servers: RunningStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    for name, value in servers.env("upload").items():
        monkeypatch.setenv(name, value)
    endpoint, env, store = servers.endpoints["nats"], servers.env("catalog"), Store(servers.endpoints["s3"])
    operator = await nats.connect(endpoint["url"], user=endpoint["user"], password=endpoint["password"])
    catalog = await nats.connect(
        endpoint["url"], user="catalog", password=env["CATALOG_NATS_PASSWORD"], inbox_prefix=b"_INBOX_catalog"
    )
    async with S3(UploadSettings().staging) as staging:
        bench = Bench(operator.jetstream(), catalog.jetstream(), staging, store)
        await operator.subscribe("connect.v1.>", cb=bench.overhear)
        yield bench
    await catalog.close()
    await operator.close()
    store.close()


@pytest.fixture(scope="module")
def process(servers: RunningStack) -> Iterator[Mover]:
    with Mover(servers.env("ged-mover")) as running:
        yield running


@pytest.fixture
async def mover(process: Mover) -> Mover:
    """The one process of this module, ready."""
    await eventually(process.ready, within=45)
    return process


async def hear(bench: Bench, event: str, story: Story, *, within: float = 30) -> Envelope:
    return (await eventually(lambda: bench.heard(event, story), within=within))[-1]


async def archived(bench: Bench, story: Story) -> Envelope:
    await bench.stage(story)
    await bench.publish(story.deposited)
    return await hear(bench, "archived", story)


@pytest.mark.usefixtures("mover")
async def test_a_deposit_ends_encrypted_in_the_ged_and_leaves_staging(bench: Bench) -> None:
    story = Story(content=os.urandom(20_000_000))
    event = await archived(bench, story)
    assert (event.data.bucket, event.data.key, event.data.sha256) == ("ged", story.key, story.sha256)
    stored = await bench.store.archived(story.key)
    assert (stored.sha256, stored.size, stored.encryption) == (story.sha256, 20_000_000, "AES256")
    assert stored.version == event.data.version_id
    assert stored.metadata["sha256"] == story.sha256

    async def cleared() -> bool:
        return story.document not in await bench.store.staged()

    await eventually(cleared)


@pytest.mark.usefixtures("mover")
async def test_a_repeated_deposit_leaves_one_version(bench: Bench) -> None:
    story = Story()
    first = await archived(bench, story)
    await bench.publish(story.deposited)
    await eventually(lambda: len(bench.heard("archived", story)) == 2)
    assert {(each.id, each.data) for each in bench.heard("archived", story)} == {(first.id, first.data)}
    assert await bench.store.versions(story.key) == {story.key: 1}


@pytest.mark.usefixtures("mover")
async def test_a_withdrawal_that_comes_first_wins(bench: Bench) -> None:
    story = Story()
    await bench.stage(story)
    await bench.publish(story.withdrawn)
    await hear(bench, "erased", story)
    await bench.stage(story)
    await bench.publish(story.deposited)

    async def nowhere() -> bool:
        return story.document not in await bench.store.staged() and not await bench.store.versions(story.key)

    await eventually(lambda: len(bench.heard("erased", story)) == 2)
    await eventually(nowhere)
    assert not bench.heard("archived", story)


@pytest.mark.usefixtures("mover")
async def test_a_withdrawal_erases_every_version(bench: Bench) -> None:
    story = Story()
    await archived(bench, story)
    await bench.publish(story.withdrawn)
    await hear(bench, "erased", story)
    assert not await bench.store.versions(story.key)


@pytest.mark.usefixtures("mover")
async def test_a_taking_that_overtakes_the_archiving_locks_it_afterwards(bench: Bench) -> None:
    story = Story()
    await bench.publish(story.taken())
    await archived(bench, story)
    retained = await hear(bench, "retained", story, within=30)
    assert retained.data.until.isoformat() == "2037-12-31T23:59:59+00:00"
    assert retained.data.mode == "GOVERNANCE"


@pytest.mark.usefixtures("mover")
async def test_a_given_up_move_is_told_buried_and_taken_up_again_when_woken(bench: Bench) -> None:
    story = Story()
    await bench.publish(story.deposited)
    failed = await hear(bench, "transfer_failed", story, within=15)
    assert (failed.data.code, failed.data.retrying) == ("staging_missing", False)
    await eventually(lambda: bench.buried(story) == ["staging_missing"])
    await bench.stage(story)
    await bench.wake(story)
    await hear(bench, "archived", story, within=15)


async def test_a_move_killed_in_the_middle_is_done_by_the_next_process(bench: Bench, mover: Mover) -> None:
    stories = [Story(content=os.urandom(300_000)) for _ in range(30)]
    for story in stories:
        await bench.stage(story)
    for story in stories:
        await bench.publish(story.deposited)

    async def some() -> bool:
        return any([await bench.store.versions(story.key) for story in stories])

    await eventually(some, within=20)
    mover.kill()
    mover.start()
    for story in stories:
        await hear(bench, "archived", story, within=60)
        assert await bench.store.versions(story.key) == {story.key: 1}
        assert (await bench.store.archived(story.key)).sha256 == story.sha256


async def test_a_store_that_goes_away_is_waited_for(servers: RunningStack, bench: Bench, mover: Mover) -> None:
    story = Story()
    await bench.stage(story)
    await servers.down("weed")
    try:
        await bench.publish(story.deposited)
        await eventually(lambda: _not_ready(mover))
    finally:
        await servers.up("weed")
    await hear(bench, "archived", story, within=30)
    await eventually(mover.ready)


async def test_readiness_asks_the_broker_the_database_and_both_buckets(mover: Mover) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{mover.url}/readyz")
        metrics = (await http.get(f"{mover.url}/metrics")).text
    assert answer.json()["checks"] == {"broker": "ok", "database": "ok", "staging": "ok", "ged": "ok"}
    assert "connect_ged_moved_bytes_total" in metrics


async def _not_ready(mover: Mover) -> bool:
    return not await mover.ready()
