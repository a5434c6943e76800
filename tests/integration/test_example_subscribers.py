"""The two example subscribers against a running stack's own NATS, admitted as anybody would be, killed and resumed."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from contracts.envelope import Envelope, envelop
from contracts.events import Archived, Erased
from nats.aio.client import Client

from deploy.local.subscribers import admit_subscriber
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.streams import stored
from tests.support.subscribing import Subscriber, node_command, python_command

NOW = datetime(2026, 3, 26, 14, 5, 9, tzinfo=UTC)
MANY = 120


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("stack"), only=frozenset({"nats"}))
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _archived(office: str = "14") -> Archived:
    return Archived(
        document=str(uuid.uuid4()),
        office=office,
        client="earl-du-chene",
        space="deposits",
        bucket="ged",
        key="14/earl-du-chene/x",
        version_id="1",
        sha256="0" * 64,
        archived_at=NOW,
    )


async def _publish(client: Client, envelope: Envelope) -> str:
    payload = envelope.model_dump_json(exclude_none=True).encode()
    await client.jetstream().publish(envelope.topic, payload, headers={"Nats-Msg-Id": envelope.id}, timeout=10)
    return envelope.id


@pytest.mark.parametrize(("name", "command"), [("python", python_command), ("node", node_command)])
async def test_killed_and_resumed_it_misses_nothing_and_takes_nothing_twice(
    stack: RunningStack, tmp_path: Path, name: str, command: Callable[[], Sequence[str]]
) -> None:
    program = await asyncio.to_thread(command)
    # Admitted twice: the second time it keeps its password.
    first = await admit_subscriber(name, "14", run_dir=stack.plan.run_dir)
    assert await admit_subscriber(name, "14", run_dir=stack.plan.run_dir) == first
    subscriber = Subscriber(program, tmp_path, first)
    operator = stack.endpoints["nats"]
    client = await nats.connect(operator["url"], user=operator["user"], password=operator["password"])
    try:
        before = set(await _ours(client))
        facts = [_archived() for _ in range(MANY)]
        ids = {await _publish(client, envelop(fact)) for fact in facts[: MANY // 2]}
        elsewhere = {await _publish(client, envelop(_archived("53"))) for _ in range(5)}
        for life in range(3):
            subscriber.start()
            # Killed in the middle of what there is, twice; more comes meanwhile.
            await _has_kept(subscriber, 10 * (life + 1))
            await asyncio.to_thread(subscriber.kill)
            ids |= {await _publish(client, envelop(fact)) for fact in facts[MANY // 2 + 20 * life :][:20]}
        erased = Erased(document=facts[0].document, office="14", client="earl-du-chene", erased_at=NOW)
        ids.add(await _publish(client, envelop(erased)))
        subscriber.start()
        await eventually(lambda: subscriber.kept().keys() >= ids, within=60)
        await eventually(lambda: _has_acknowledged_all(client, f"{name}-14"), within=60)
        await asyncio.to_thread(subscriber.kill)
    finally:
        await asyncio.to_thread(subscriber.kill)
        await client.close()
    kept = subscriber.kept()
    assert kept.keys() == ids | before
    assert not kept.keys() & elsewhere
    assert len(subscriber.said()) == len(set(subscriber.said()))
    assert kept[envelop(facts[0]).id] is None
    assert kept[envelop(facts[1]).id] is not None


async def _has_kept(subscriber: Subscriber, more_than: int) -> None:
    await eventually(lambda: len(subscriber.kept()) > more_than)


async def _ours(client: Client) -> list[str]:
    """The ids that stand in the stream for the office already, from the other example's run."""
    messages = await stored(client.jetstream(), "connect.v1.documents.*.14", stream="CONNECT_DOCUMENTS")
    return [(each.headers or {})["Nats-Msg-Id"] for each in messages]


async def _has_acknowledged_all(client: Client, durable: str) -> bool:
    info = await client.jetstream().consumer_info("CONNECT_DOCUMENTS", durable)
    return not info.num_pending and not info.num_ack_pending
