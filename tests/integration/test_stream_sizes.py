"""What the metrics say of the streams, on a real nats-server."""

import uuid

import pytest
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.metrics import DEAD_LETTERS, STREAM_BYTES
from chassis.streams import StreamSizes
from contracts.envelope import decode
from contracts.streams import DEAD, DOCUMENTS

from tests.contract.examples import CONTRACTS
from tests.deploy.manifests import large_stream
from tests.suites.nats_server import NatsServer

# What becomes of a deposit of two, as `docs/scaling.md` counts it; that file says, too, how many fill an installation.
DEPOSIT_OF_TWO = ("deposited", "archived", "taken", "retained") * 2 + ("deposit_closed", "alerted")
FULL = 10_000_000


def _letters() -> dict[str, float]:
    return {sample.labels["service"]: sample.value for family in DEAD_LETTERS.collect() for sample in family.samples}


async def test_dead_letters_are_counted_by_who_buried_them_until_somebody_deals_with_them(bus: JetStreamBus) -> None:
    sizes = StreamSizes(bus, ())
    await sizes.look()
    assert _letters() == {}
    for service in ("notify", "notify", "upload"):
        await bus.publish(f"connect.v1.dead.{service}", b"letter")
    await sizes.look()
    assert _letters() == {"notify": 2, "upload": 1}
    await (await bus.ready()).jetstream().purge_stream(DEAD.name, subject="connect.v1.dead.upload")
    await sizes.look()
    assert _letters() == {"notify": 2}


async def test_a_stream_is_measured_in_bytes(bus: JetStreamBus) -> None:
    await bus.publish("connect.v1.documents.deposited.14", b"x" * 10_000)
    await StreamSizes(bus, (DOCUMENTS.name,)).look()
    assert 10_000 < STREAM_BYTES.labels(DOCUMENTS.name)._value.get() < 11_000


async def test_a_stream_is_called_large_when_it_tells_of_as_many_documents_as_an_installation_should_hold(
    bus: JetStreamBus,
) -> None:
    for name in DEPOSIT_OF_TWO:
        event = decode((CONTRACTS / "examples" / f"{name}.json").read_bytes())
        await bus.publish(event.topic, event.encode(), message_id=str(uuid.uuid4()), headers=event.headers)
    await StreamSizes(bus, (DOCUMENTS.name,)).look()
    document = STREAM_BYTES.labels(DOCUMENTS.name)._value.get() / 2
    assert FULL * document == pytest.approx(large_stream() * 1024**3, rel=0.02)


async def test_while_the_broker_is_away_the_last_known_numbers_stand(server: NatsServer, bus: JetStreamBus) -> None:
    await bus.publish("connect.v1.dead.notify", b"letter")
    sizes = StreamSizes(bus, (DOCUMENTS.name,))
    await sizes.look()
    await server.kill()
    with pytest.raises(Unavailable):
        await sizes.look()
    assert _letters() == {"notify": 1}
