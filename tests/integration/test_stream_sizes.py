"""What the metrics say of the streams, on a real nats-server."""

import uuid
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.metrics import DEAD_LETTERS, STREAM_BYTES
from chassis.streams import StreamSizes
from contracts.envelope import Envelope, decode
from contracts.events import Deposited
from contracts.streams import DEAD, DOCUMENTS
from joserfc.jwk import OKPKey
from upload.signing import ReceiptSigner

from tests.contract.examples import CONTRACTS
from tests.deploy.manifests import FULL, large_stream
from tests.suites.nats_server import NatsServer
from tests.suites.uploads import an_upload

# What becomes of a deposit of two, as `docs/scaling.md` counts it.
DEPOSIT_OF_TWO = ("deposited", "archived", "taken", "retained") * 2 + ("deposit_closed", "alerted")


def _letters() -> dict[str, float]:
    return {sample.labels["service"]: sample.value for family in DEAD_LETTERS.collect() for sample in family.samples}


def _signed(event: Envelope, *, by: ReceiptSigner) -> Envelope:
    """An example as intake tells it: its receipt's signature is a third of it."""
    if not isinstance(event.data, Deposited):
        return event
    receipt = by.receipt(an_upload(name=event.data.name, length=event.data.size, sha256=event.data.sha256))
    return event.model_copy(update={"data": event.data.model_copy(update={"receipt": receipt})})


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
    bus: JetStreamBus, tmp_path: Path
) -> None:
    key = tmp_path / "receipt.pem"
    key.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    for name in DEPOSIT_OF_TWO:
        event = _signed(decode((CONTRACTS / "examples" / f"{name}.json").read_bytes()), by=ReceiptSigner(key))
        await bus.publish(event.topic, event.encode(), message_id=str(uuid.uuid4()), headers=event.headers)
    await StreamSizes(bus, (DOCUMENTS.name,)).look()
    document = STREAM_BYTES.labels(DOCUMENTS.name)._value.get() / 2
    assert FULL * document == pytest.approx(large_stream() * 1024**3, rel=0.05)


async def test_while_the_broker_is_away_the_last_known_numbers_stand(server: NatsServer, bus: JetStreamBus) -> None:
    await bus.publish("connect.v1.dead.notify", b"letter")
    sizes = StreamSizes(bus, (DOCUMENTS.name,))
    await sizes.look()
    await server.kill()
    with pytest.raises(Unavailable):
        await sizes.look()
    assert _letters() == {"notify": 1}
