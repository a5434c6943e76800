"""The composition root: settings → clients → what sending needs → subscription, wake-up, sweepers."""

from contextlib import AsyncExitStack
from functools import partial

from chassis.bus import Consumer
from chassis.failpoints import Failpoints
from chassis.health import Check
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket
from chassis.mongo import MongoOwedStore, connected
from chassis.mongo_clock import MongoClock
from chassis.owed import OwedPublisher
from chassis.service import Parts
from chassis.unfinished import OldestUnfinished
from chassis.wake import Alarm
from chassis.worker import Subscription, Worker
from contracts.directory import Directory
from contracts.envelope import decode
from contracts.registry import SEALED
from contracts.streams import AUDIT, DIRECTORY, DOCUMENTS
from contracts.subjects import every_office

from notify.handlers import note_event
from notify.letter import Letters
from notify.mongo import COLLECTION, MongoDigests
from notify.mongo_seals import MongoSealMarks
from notify.seals import SealSending, send_seal
from notify.sending import Sending, send_digest
from notify.settings import NotifySettings
from notify.smtp import SmtpRelay
from notify.sweeper import run_sweeper

_HEARD = (
    *("deposited", "published", "returned", "deposit_closed", "rejected", "abandoned"),
    *("taken", "withdrawn", "erased"),
)


def subscriptions(sending: Sending, seals: SealSending) -> list[Subscription]:
    """What this service listens to."""
    return [
        Subscription(
            Consumer(DOCUMENTS.name, "notify-digests", tuple(map(every_office, _HEARD))),
            decode=decode,
            handle=partial(note_event, digests=sending.digests, alarm=sending.alarm, clock=sending.clock),
        ),
        Subscription(
            Consumer(AUDIT.name, "notify-seals", (SEALED.topic("*"),)),
            decode=decode,
            handle=partial(send_seal, sending=seals),
        ),
    ]


async def compose(settings: NotifySettings, stack: AsyncExitStack) -> Parts:
    """Build the service's parts, entering resources into the stack."""
    points = Failpoints(settings.failpoints, service="notify")
    broker = await stack.enter_async_context(JetStreamBus.of(settings, name="notify"))
    bus = points.at("Bus", broker)
    database = await stack.enter_async_context(
        connected(settings.mongo_url.get_secret_value(), settings.mongo_database)
    )
    clock = MongoClock(database)
    relay = points.at("Relay", await stack.enter_async_context(SmtpRelay(settings.smtp, sender=settings.sender)))
    digests = points.at("Digests", MongoDigests(database, clock))
    owed_store = points.at("OwedStore", MongoOwedStore(database[COLLECTION]))
    marks = points.at("SealMarks", MongoSealMarks(database))
    await clock.ask()
    await digests.prepare()
    await owed_store.prepare()
    await marks.prepare()
    bucket, announcer, alarm = (
        WatchedBucket(broker, DIRECTORY.name),
        OwedPublisher(bus, owed_store, republish_after=settings.republish_after),
        points.at("Alarm", Alarm(bus, service="notify")),
    )
    sending = Sending(
        digests=digests,
        directory=Directory(lambda: bucket.entries, unreadable=bucket.note_unreadable),
        letters=Letters(sender=settings.sender, portal_url=settings.portal_url),
        relay=relay,
        announcer=announcer,
        alarm=alarm,
        clock=clock,
    )
    worker = Worker(
        service="notify",
        bus=bus,
        subscriptions=subscriptions(sending, SealSending(marks, sending.directory, sending.letters, relay, clock)),
        wakes={"digest": partial(send_digest, sending=sending)},
    )
    return Parts(
        checks={
            "broker": Check(bus.ping),
            "database": Check(clock.ask),
            "directory": Check(bucket.filled),
            # Without the relay deposits are noted all the same, and told of later.
            "relay": Check(relay.ready, required=False),
            **points.checks,
        },
        tasks={
            "worker": worker.run,
            "leaving": sending.watch,
            "owed": announcer.run,
            "unfinished": OldestUnfinished({"mail": digests.oldest_due, "deferred": digests.oldest_deferred}).run,
            "sweeper": partial(run_sweeper, digests=digests, alarm=alarm, clock=clock),
            "directory": bucket.run,
        },
    )
