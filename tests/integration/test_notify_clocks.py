"""Replicas of notify whose hosts' clocks differ send each mail once, and none late: they go by the database's."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from chassis.mongo import Database, connected
from chassis.mongo_clock import MongoClock
from notify.handlers import note_event
from notify.letter import Letters
from notify.mongo import MongoDigests
from notify.sending import Sending, send_digest

from tests.suites.fake_notify import FakeAlarm, FakeAnnouncer, FakeRelay
from tests.suites.notify_events import CLIENT, Deposit, directory, new_id
from tests.support.running import RunningStack

_ACCOUNTANT = CLIENT.contacts[0].email


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("notify")
    async with connected(env["NOTIFY_MONGO_URL"], env["NOTIFY_MONGO_DATABASE"]) as database:
        await MongoDigests(database).prepare()
        yield database


class Replicas:
    """Replicas over one database and one relay, which is slow until `released`; and one deposit to be told of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = CLIENT.model_copy(update={"id": f"client-{new_id()[:8]}"})
        self.released = asyncio.Event()
        self.relay, self._alarm = FakeRelay(hold=self.released), FakeAlarm()

    async def one(self, *, ahead: float) -> Sending:
        """A replica whose host's clock is so many seconds ahead."""
        clock = MongoClock(self._database, own=lambda: time.time() + ahead)
        await clock.ask()
        return Sending(
            digests=MongoDigests(self._database, clock),
            directory=directory(client=self._client),
            letters=Letters(sender="CERFRANCE CONNECT <noreply@x.example>", portal_url="https://portal.example/"),
            relay=self.relay,
            announcer=FakeAnnouncer(),
            alarm=self._alarm,
            clock=clock,
        )

    async def in_the_middle_of_sending(self, replica: Sending) -> tuple[str, asyncio.Task[object]]:
        """It has heard the deposit, and its mail is on the way to the relay; the digest, and what is under way."""
        event = Deposit(size=1, client=self._client.id).deposited()
        await note_event(event, digests=replica.digests, alarm=self._alarm, clock=replica.clock)
        [key] = self._alarm.times
        digest = key.removeprefix("digest.")
        sending = asyncio.create_task(send_digest(digest, sending=replica))
        await asyncio.wait_for(self.relay.asked.wait(), 10)
        return digest, sending


@pytest.mark.parametrize(("ahead", "other"), [(0, 30), (30, 0), (0, -30), (-30, 0)])
async def test_a_mail_on_its_way_to_a_slow_relay_is_not_sent_by_another_replica(
    database: Database, ahead: float, other: float
) -> None:
    replicas = Replicas(database)
    digest, sending = await replicas.in_the_middle_of_sending(await replicas.one(ahead=ahead))
    woken = asyncio.create_task(send_digest(digest, sending=await replicas.one(ahead=other)))
    await asyncio.wait({woken}, timeout=3)
    replicas.released.set()
    await asyncio.gather(sending, woken)
    assert replicas.relay.tried == [_ACCOUNTANT]


@pytest.mark.parametrize(("ahead", "other"), [(30, 0), (0, -30)])
async def test_the_mail_of_a_replica_that_died_is_sent_by_another_within_seconds(
    database: Database, ahead: float, other: float
) -> None:
    replicas = Replicas(database)
    digest, sending = await replicas.in_the_middle_of_sending(await replicas.one(ahead=ahead))
    sending.cancel()
    await asyncio.wait({sending})
    replicas.released.set()
    survivor = await replicas.one(ahead=other)
    async with asyncio.timeout(10):
        while not replicas.relay.sent:
            await send_digest(digest, sending=survivor)
            await asyncio.sleep(0.2)
