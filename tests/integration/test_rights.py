"""NATS lets each service do what is its own, and nothing else: asked of the server itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest
from contracts.registry import ALL_EVENTS
from nats.aio.client import Client
from nats.js.errors import APIError

from tests.support.running import RunningStack

SERVICES = ("upload", "catalog", "notify", "ged-mover")

# An outside subscriber's, whose name nobody knows beforehand.
SUBSCRIBERS = ("crm-14", "catalog-projection-of-14", "catalog-projection-g100", "catalog-settlement-53")
DURABLES = {
    "a subscriber": SUBSCRIBERS,
    "upload": ("upload-settlement",),
    "catalog": ("catalog-projection-g1", "catalog-projection-g99", "catalog-settlement"),
    "notify": ("notify-digests",),
    "ged-mover": ("ged-mover-moves", "ged-mover-cleanup", "ged-mover-erasures", "ged-mover-retention"),
}


class Refusals(list[str]):
    """What the server refused on one connection, in its own words."""

    async def note(self, error: Exception) -> None:
        self.append(str(error).lower())


@asynccontextmanager
async def _connected(servers: RunningStack, service: str) -> AsyncIterator[tuple[Client, Refusals]]:
    env, prefix = servers.env(service), service.replace("-", "_").upper()
    refusals = Refusals()
    client = await nats.connect(
        env[f"{prefix}_NATS_URL"],
        user=env[f"{prefix}_NATS_USER"],
        password=env[f"{prefix}_NATS_PASSWORD"],
        inbox_prefix=f"_INBOX_{service}".encode(),
        error_cb=refusals.note,
        allow_reconnect=False,
    )
    try:
        yield client, refusals
    finally:
        await client.close()


async def _looked_at(client: Client) -> None:
    """Returns when the server has looked at everything sent so far. A flush may overtake what waits to be sent."""
    await client.request("$JS.API.INFO")


async def _refused(servers: RunningStack, service: str, subjects: list[str]) -> set[str]:
    """The subjects among these that the service may not publish to. Whatever is let through says nothing to anybody."""
    async with _connected(servers, service) as (client, refusals):
        for subject in subjects:
            await client.publish(subject, b"", headers={"Nats-Expected-Last-Sequence": "999999999"})
        await _looked_at(client)
    return {subject for subject in subjects if any(f'"{subject.lower()}"' in refusal for refusal in refusals)}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_publish_exactly_its_own_events(servers: RunningStack, service: str) -> None:
    own = {event.topic("14") for event in ALL_EVENTS if event.source == f"/connect/{service}"}
    every = {event.topic("14") for event in ALL_EVENTS}
    assert await _refused(servers, service, sorted(every)) == every - own


@pytest.mark.parametrize("service", SERVICES)
async def test_an_event_of_its_own_reaches_the_stream(servers: RunningStack, service: str) -> None:
    topics = [event.topic("14") for event in ALL_EVENTS if event.source == f"/connect/{service}"]
    async with _connected(servers, service) as (client, _):
        # The stream itself answers, and stores nothing: its last sequence is another one.
        for topic in (topics[0], topics[-1]):
            with pytest.raises(APIError, match="wrong last sequence"):
                await client.jetstream().publish(topic, b"", headers={"Nats-Expected-Last-Sequence": "999999999"})


async def test_the_journal_is_written_by_the_catalog_alone_and_seals_are_heard_by_notify_alone(
    servers: RunningStack,
) -> None:
    for owner, durable in (("catalog", "catalog-audit"), ("notify", "notify-seals")):
        what = "sealed" if owner == "notify" else "archived"
        asked = [f"$JS.API.CONSUMER.{verb}.CONNECT_AUDIT.{durable}" for verb in ("INFO", "MSG.NEXT")] + [
            f"$JS.API.CONSUMER.CREATE.CONNECT_AUDIT.{durable}.connect.v1.audit.{what}.*",
            f"$JS.ACK.CONNECT_AUDIT.{durable}.1.1.1.1.0",
        ]
        for service in SERVICES:
            assert await _refused(servers, service, asked) == (set() if service == owner else set(asked))


async def test_notify_hears_nothing_of_the_journal_but_its_seals(servers: RunningStack) -> None:
    durable = "$JS.API.CONSUMER.CREATE.CONNECT_AUDIT.notify-seals"
    asked = [durable, f"{durable}.>", f"{durable}.connect.v1.audit.viewed.*", f"{durable}.connect.v1.audit.>"]
    assert await _refused(servers, "notify", asked) == set(asked)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_use_no_durable_of_another(servers: RunningStack, service: str) -> None:
    others = [name for owner, names in DURABLES.items() if owner != service for name in names]
    asked = [
        subject
        for name in others
        for subject in (
            f"$JS.API.CONSUMER.CREATE.CONNECT_DOCUMENTS.{name}",
            f"$JS.API.CONSUMER.CREATE.CONNECT_DOCUMENTS.{name}.connect.v1.documents.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.CONNECT_DOCUMENTS.{name}",
            f"$JS.API.CONSUMER.DELETE.CONNECT_DOCUMENTS.{name}",
            f"$JS.API.CONSUMER.MSG.NEXT.CONNECT_DOCUMENTS.{name}",
            f"$JS.ACK.CONNECT_DOCUMENTS.{name}.1.1.1.1.0",
            f"$JS.ACK.domain.account.CONNECT_DOCUMENTS.{name}.1.1.1.1.0.token",
        )
    ]
    assert await _refused(servers, service, asked) == set(asked)


async def test_the_catalog_makes_reads_and_removes_the_durables_of_its_generations(servers: RunningStack) -> None:
    own = [
        f"$JS.API.CONSUMER.{verb}.CONNECT_DOCUMENTS.catalog-projection-g{generation}"
        for verb in ("CREATE", "INFO", "MSG.NEXT", "DELETE")
        for generation in (42, 99)
    ]
    assert await _refused(servers, "catalog", own) == set()


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_removes_a_durable_that_is_not_a_generation_s(servers: RunningStack, service: str) -> None:
    own = [name for name in DURABLES[service] if "projection" not in name]
    asked = [f"$JS.API.CONSUMER.DELETE.CONNECT_DOCUMENTS.{name}" for name in own]
    asked.append(f"$JS.API.CONSUMER.DELETE.CONNECT_WAKE.{service}-wake")
    assert await _refused(servers, service, asked) == set(asked)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_put_off_only_its_own_work_and_bury_only_its_own_dead(
    servers: RunningStack, service: str
) -> None:
    others = [other for other in SERVICES if other != service]
    nudge = "connect.v1.wake.due.ged-mover.move.some-document"
    asked = [
        *(f"connect.v1.wake.schedule.{other}.move.x" for other in others),
        *(f"connect.v1.wake.due.{other}.move.x" for other in SERVICES if f"{service}>{other}" != "catalog>ged-mover"),
        *(f"connect.v1.wake.due.{other}.later.x.1" for other in SERVICES),
        *(f"connect.v1.dead.{other}" for other in others),
        *(f"$JS.API.CONSUMER.{verb}.CONNECT_WAKE.{other}-wake" for other in others for verb in ("CREATE", "MSG.NEXT")),
        *(f"$JS.ACK.CONNECT_WAKE.{other}-wake.1.1.1.1.0" for other in others),
        *(f"$JS.API.CONSUMER.{verb}.CONNECT_DEAD.x" for verb in ("CREATE", "MSG.NEXT", "DELETE")),
        *(f"$JS.API.STREAM.{verb}.CONNECT_DEAD" for verb in ("MSG.DELETE", "PURGE")),
    ]
    assert await _refused(servers, service, asked) == set(asked)
    assert await _refused(servers, service, [nudge]) == (set() if service == "catalog" else {nudge})


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_only_the_buckets_it_needs(servers: RunningStack, service: str) -> None:
    needed = {"upload": {"DIRECTORY", "REVOKED"}, "catalog": {"DIRECTORY", "REVOKED"}, "notify": {"DIRECTORY"}}
    ways = {
        f"$JS.API.{way}.KV_{bucket}{rest}": bucket
        for bucket in ("DIRECTORY", "REVOKED")
        for way, rest in (("DIRECT.GET", f".$KV.{bucket}.x"), ("CONSUMER.CREATE", ".x"), ("STREAM.INFO", ""))
    }
    refused = await _refused(servers, service, list(ways))
    assert {ways[subject] for subject in set(ways) - refused} == needed.get(service, set())
    assert all(bucket not in needed.get(service, set()) for bucket in (ways[subject] for subject in refused))


async def test_only_the_catalog_hears_and_says_live_hints(servers: RunningStack) -> None:
    for service in SERVICES:
        async with _connected(servers, service) as (client, refusals):
            await client.subscribe("connect.v1.live.14.earl-du-chene")
            await _looked_at(client)
        assert bool(refusals) == (service != "catalog")
        hint = ["connect.v1.live.14.earl-du-chene"]
        assert await _refused(servers, service, hint) == (set() if service == "catalog" else set(hint))


async def test_only_the_catalog_writes_the_directory_and_revocations(servers: RunningStack) -> None:
    written = ["$KV.DIRECTORY.offices.14", "$KV.REVOKED.somebody"]
    for service in ("upload", "notify", "ged-mover"):
        assert await _refused(servers, service, written) == set(written)
    assert await _refused(servers, "catalog", written) == set()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_hears_neither_the_streams_subjects_nor_anothers_inbox(
    servers: RunningStack, service: str
) -> None:
    other = "notify" if service != "notify" else "upload"
    async with _connected(servers, service) as (client, refusals):
        for subject in ("connect.v1.documents.>", "_INBOX.>", f"_INBOX_{other}.>", ">"):
            await client.subscribe(subject)
        await _looked_at(client)
    assert len(refusals) == 4


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_neither_change_nor_empty_a_stream(servers: RunningStack, service: str) -> None:
    asked = [
        f"$JS.API.STREAM.{verb}.{stream}"
        for verb in ("CREATE", "DELETE", "PURGE", "UPDATE", "MSG.DELETE", "MSG.GET")
        for stream in (
            "CONNECT_DOCUMENTS",
            "CONNECT_AUDIT",
            "CONNECT_WAKE",
            "CONNECT_DEAD",
            "KV_DIRECTORY",
            "KV_REVOKED",
            "ANOTHER",
        )
    ]
    # What a restored journal lacks is read there by the catalog, which hears all of that stream anyway; and which dead
    # letters concern an office.
    read = {f"$JS.API.STREAM.MSG.GET.{stream}" for stream in ("CONNECT_AUDIT", "CONNECT_DEAD")}
    granted = read if service == "catalog" else set()
    assert await _refused(servers, service, asked) == set(asked) - granted
