"""What a bucket holds after the broker forgot its last writes, or the whole of it: docs/failures.md tells of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalog.directory_import import encoded
from catalog.directory_kv import DirectoryBucket
from catalog.directory_rules import key_of
from catalog.session import Sessions
from catalog.signing import SigningKeys
from chassis.auth import Authenticator
from chassis.errors import Unavailable
from chassis.issuers import portal_of
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket
from chassis.problem import Problem
from chassis.settings import AuthSettings
from contracts.directory import Directory, OfficePerson
from contracts.streams import DIRECTORY, REVOKED
from joserfc.jwk import OKPKey

from tests.suites.nats_server import NatsServer
from tests.support.buckets import watched
from tests.support.eventually import eventually
from tests.support.streams import forget, lose

PORTAL = AuthSettings(issuer="https://portal.example", audience="connect", jwks_url="https://portal.example/keys")
COLLEAGUE = OfficePerson(office="14", sub="jj", name="JEANNY JEROME", email="jj@cerfrance.example", role="collaborator")


@pytest.fixture
async def people(bus: JetStreamBus) -> AsyncIterator[WatchedBucket]:
    """The directory, with a colleague in it."""
    await DirectoryBucket(bus).write(key_of(COLLEAGUE), encoded(COLLEAGUE))
    async with watched(bus, DIRECTORY.name) as copy:
        await copy.first_read(10)
        yield copy


async def test_a_removal_that_was_cut_off_lets_whoever_was_removed_in_again(
    server: NatsServer, bus: JetStreamBus, people: WatchedBucket, tmp_path: Path
) -> None:
    directory = Directory(lambda: people.entries)
    await DirectoryBucket(bus).remove(key_of(COLLEAGUE))
    await eventually(lambda: directory.subject("jj") is None)
    await _forgotten(server, DIRECTORY.name, 1, within=tmp_path)
    await eventually(lambda: directory.subject("jj") is not None)


async def test_of_a_record_whose_last_write_was_cut_off_the_former_one_counts(
    server: NatsServer, bus: JetStreamBus, people: WatchedBucket, tmp_path: Path
) -> None:
    directory = Directory(lambda: people.entries)
    moved = COLLEAGUE.model_copy(update={"role": "admin"})
    await DirectoryBucket(bus).write(key_of(moved), encoded(moved))
    await eventually(lambda: directory.person("14", "jj") == moved)
    await _forgotten(server, DIRECTORY.name, 1, within=tmp_path)
    await eventually(lambda: directory.person("14", "jj") == COLLEAGUE)


async def test_a_session_whose_end_was_cut_off_counts_again_and_can_be_ended_again(
    server: NatsServer, bus: JetStreamBus, people: WatchedBucket, tmp_path: Path
) -> None:
    keys = SigningKeys(current=OKPKey.generate_key("Ed25519"), others=())
    sessions = Sessions(keys, bus, lambda: datetime.now(UTC), issuer=PORTAL.issuer, audience=PORTAL.audience)
    directory = Directory(lambda: people.entries)
    subject = directory.subject("jj")
    assert subject
    token = sessions.token(subject)
    async with watched(bus, REVOKED.name) as revoked:
        await revoked.first_read(10)
        authenticate = Authenticator(portal_of(PORTAL, keys), known=directory.subject, revoked=lambda: revoked.entries)

        async def counts() -> bool:
            try:
                return (await authenticate.identify(token)).sub == "jj"
            except Problem:
                return False

        async def is_ended() -> bool:
            return not await counts()

        await sessions.revoke("jj")
        await eventually(is_ended)
        await _forgotten(server, REVOKED.name, 1, within=tmp_path)
        await eventually(counts)
        await bus.ready(10)
        await sessions.revoke("jj")
        await eventually(is_ended)


async def test_where_the_whole_bucket_is_gone_those_who_have_a_copy_go_on_until_it_is_declared_anew(
    server: NatsServer, bus: JetStreamBus, people: WatchedBucket, tmp_path: Path
) -> None:
    await server.kill()
    lose(tmp_path / "data", f"KV_{DIRECTORY.name}")
    await server.start()
    await bus.ready(10)
    async with watched(bus, DIRECTORY.name) as started_since:
        with pytest.raises(Unavailable, match=DIRECTORY.name):
            await started_since.first_read(2)
        assert list(people.entries) == [key_of(COLLEAGUE)]
        with pytest.raises(Unavailable):
            await DirectoryBucket(bus).write(key_of(COLLEAGUE), encoded(COLLEAGUE))
        await (await bus.ready()).jetstream().create_key_value(bucket=DIRECTORY.name, direct=True)
        await eventually(lambda: people.entries == {})
        assert await started_since.first_read(10) == {}


async def _forgotten(server: NatsServer, bucket: str, count: int, *, within: Path) -> None:
    """The bucket's last writes are cut off while the server is stopped."""
    await server.kill()
    assert forget(within / "data", f"KV_{bucket}", count) == count
    await server.start()
