"""No service hands an event to another's handlers: asked of the real server, with each service's own credentials.

A schedule may name any target in its stream, and the server does not look whether its publisher may write there.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlparse

import nats
import pytest
from chassis.bus import Consumer, Outgoing
from chassis.jetstream import JetStreamBus
from chassis.origin import Origin
from chassis.wake import Alarm
from chassis.worker import Subscription, Worker
from contracts.streams import DOCUMENTS

from tests.suites.worker import running
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.streams import stored

VICTIM, DURABLE = "ged-mover", "ged-mover-erasures"
WITHDRAWN = Origin("connect.v1.documents.withdrawn.14", 1, datetime(2026, 3, 26, tzinfo=UTC), "an-id")
# What a publisher may write beside the schedule, to pass for the victim: each a list of lines, and the block's end.
DISGUISES: dict[str, tuple[list[str], str]] = {
    "none": ([], "\r\n"),
    "as the server writes it": (["Nats-Scheduler: {own}", "Nats-Schedule-Next: purge"], "\r\n"),
    "in another case": (["nats-scheduler: {own}"], "\r\n"),
    "with a space": (["Nats-Scheduler : {own}"], "\r\n"),
    "behind a line that does not end": (["Nats-Rollup: sub", "\tNats-Scheduler: {own}"], "XXX: 123"),
    "behind a line that does not end, and is no header": (["Nats-Rollup: sub", "\tNats-Scheduler: {own}"], "X Y: 123"),
    "behind an empty line": (["\r\nNats-Scheduler\t: {own}"], "\r\n"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_a_service_cannot_hand_an_event_to_another_s_handlers(servers: RunningStack, disguise: str) -> None:
    key = f"later.{DURABLE}.{uuid.uuid4().int % 10**9}"
    own, token = f"connect.v1.wake.schedule.{VICTIM}.{key}", uuid.uuid4().hex
    lines, end = DISGUISES[disguise]
    due = f"connect.v1.wake.due.{VICTIM}.{key}"
    copied = [f"{name}: {value}" for name, value in WITHDRAWN.headers().items()]
    schedule = [*copied, "Nats-Schedule: @at 2026-01-01T00:00:00Z", f"Nats-Schedule-Target: {due}"]
    block = "".join(f"{line}\r\n" for line in ("NATS/1.0", *schedule, *(each.format(own=own) for each in lines))) + end
    heard: list[str] = []
    async with _bus(servers, VICTIM) as bus, running(_worker(bus, heard)):
        answer = await _published_as_upload(servers, f"connect.v1.wake.schedule.upload.{token}", block, token)
        assert b'"stream":"CONNECT_WAKE"' in answer
        # What comes after it is heard: so it was looked at.
        await Alarm(bus, service=VICTIM).set(f"later.{DURABLE}.2", datetime.now(UTC), payload=b"own")
        await eventually(lambda: heard, within=30)
        await eventually(lambda: _buried(servers, token), within=30)
    assert heard == ["own"]


def _bus(servers: RunningStack, service: str) -> JetStreamBus:
    env, prefix = servers.env(service), service.replace("-", "_").upper()
    user, password = (env[f"{prefix}_NATS_{what}"] for what in ("USER", "PASSWORD"))
    return JetStreamBus(url=env[f"{prefix}_NATS_URL"], user=user, password=password, name="test")


def _worker(bus: JetStreamBus, heard: list[str]) -> Worker:
    async def note(payload: str) -> Sequence[Outgoing]:
        heard.append(payload)
        return ()

    # The durable is the service's own; of its stream's events it hears none here.
    consumer = Consumer(DOCUMENTS.name, DURABLE, ("connect.v1.documents.withdrawn.nowhere",))
    decode = lambda payload, _: payload.decode()  # noqa: E731 - one line
    return Worker(service=VICTIM, bus=bus, subscriptions=[Subscription(consumer, decode=decode, handle=note)])


async def _published_as_upload(servers: RunningStack, subject: str, headers: str, payload: str) -> bytes:
    """Publish with a block of headers that no client library would write; returns the stream's answer."""
    env = servers.env("upload")
    address = urlparse(env["UPLOAD_NATS_URL"])
    login = {"verbose": False, "headers": True, "user": env["UPLOAD_NATS_USER"], "pass": env["UPLOAD_NATS_PASSWORD"]}
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    sizes = f"{len(headers)} {len(headers) + len(payload)}"
    writer.write(f"CONNECT {json.dumps(login)}\r\nSUB _INBOX_upload.x 1\r\n".encode())
    writer.write(f"HPUB {subject} _INBOX_upload.x {sizes}\r\n{headers}{payload}\r\n".encode())
    try:
        await asyncio.wait_for(reader.readuntil(b"\r\nMSG "), 10)
        await reader.readline()
        return await reader.readline()
    finally:
        writer.close()


async def _buried(servers: RunningStack, payload: str) -> bool:
    where = servers.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        letters = await stored(client.jetstream(), f"connect.v1.dead.{VICTIM}", stream="CONNECT_DEAD")
    finally:
        await client.close()
    return [(each.headers or {})["Connect-Code"] for each in letters if each.data.decode() == payload] == [
        "wake_up_forged"
    ]
