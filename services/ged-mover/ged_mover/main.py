"""The composition root: settings → clients → handlers → subscriptions."""

from contextlib import AsyncExitStack
from functools import partial

from chassis.bus import Consumer
from chassis.failpoints import Failpoints
from chassis.health import Check
from chassis.jetstream import JetStreamBus
from chassis.mongo import MongoOwedStore, connected
from chassis.mongo_clock import MongoClock
from chassis.owed import OwedPublisher
from chassis.s3 import S3
from chassis.service import Parts
from chassis.unfinished import OldestUnfinished
from chassis.worker import Subscription, Worker
from contracts.envelope import decode
from contracts.streams import DOCUMENTS
from contracts.subjects import every_office

from ged_mover.handlers import Places, clear_staging, erase_document, move_document, retain_document, retry_move
from ged_mover.model import Mode
from ged_mover.mongo import COLLECTION, MongoRecords
from ged_mover.overdue import OverdueMoves
from ged_mover.s3 import S3Ged, S3Staging
from ged_mover.settings import GedMoverSettings

# Seconds. A move takes well under one for a common document, and a longer one is marked as in progress.
_ACK_WAIT = 10


def subscriptions(places: Places, *, mode: Mode, moves_at_once: int) -> list[Subscription]:
    """What the mover listens to, apart from its wake-ups."""
    return [
        Subscription(
            _consumer("ged-mover-moves", "deposited", "published"),
            decode=decode,
            handle=partial(move_document, places=places),
            concurrency=moves_at_once,
        ),
        # Staging is cleared by the stored event itself, so never before `archived` is where everybody can read it.
        Subscription(
            _consumer("ged-mover-cleanup", "archived"), decode=decode, handle=partial(clear_staging, places=places)
        ),
        Subscription(
            _consumer("ged-mover-erasures", "withdrawn"), decode=decode, handle=partial(erase_document, places=places)
        ),
        Subscription(
            _consumer("ged-mover-retention", "taken"),
            decode=decode,
            handle=partial(retain_document, places=places, mode=mode),
        ),
    ]


def _consumer(durable: str, *events: str) -> Consumer:
    return Consumer(DOCUMENTS.name, durable, tuple(map(every_office, events)), ack_wait=_ACK_WAIT)


async def compose(settings: GedMoverSettings, stack: AsyncExitStack) -> Parts:
    """Build the service's parts, entering resources into the stack."""
    points = Failpoints(settings.failpoints, service="ged-mover")
    bus = points.at("Bus", await stack.enter_async_context(JetStreamBus.of(settings, name="ged-mover")))
    database = await stack.enter_async_context(
        connected(settings.mongo_url.get_secret_value(), settings.mongo_database)
    )
    staging = await stack.enter_async_context(S3(settings.staging))
    ged = await stack.enter_async_context(S3(settings.ged))

    records = points.at("Records", MongoRecords(database))
    owed_store = points.at("OwedStore", MongoOwedStore(database[COLLECTION]))
    await records.prepare()
    await owed_store.prepare()
    places = Places(
        records,
        points.at("Staging", S3Staging(staging, scratch=settings.scratch_dir)),
        points.at("Ged", S3Ged(ged)),
    )
    worker = Worker(
        service="ged-mover",
        bus=bus,
        subscriptions=subscriptions(places, mode=settings.retention_mode, moves_at_once=settings.moves_at_once),
        wakes={"move": partial(retry_move, places=places)},
    )
    return Parts(
        checks={
            "broker": Check(bus.ping),
            "database": Check(MongoClock(database).ask),
            "staging": Check(staging.ping),
            "ged": Check(ged.ping),
            **points.checks,
        },
        tasks={
            "worker": worker.run,
            "owed": OwedPublisher(bus, owed_store, republish_after=settings.republish_after).run,
            "overdue": OverdueMoves(records).run,
            "unfinished": OldestUnfinished({"archive": records.oldest_open}).run,
        },
    )
