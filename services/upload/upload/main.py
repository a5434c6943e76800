"""The composition root: settings → clients → use cases → subscriptions and routes."""

from contextlib import AsyncExitStack
from functools import partial

import httpx
from chassis.allowances import Allowances
from chassis.auth import Authenticator
from chassis.bus import Consumer
from chassis.failpoints import Failpoints
from chassis.health import Check
from chassis.issuers import IssuerKeys, further_of, portal_of
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket
from chassis.limits import Limiter
from chassis.mongo import MongoOwedStore, connected
from chassis.mongo_clock import MongoClock
from chassis.mongo_limits import MongoCounts
from chassis.owed import OwedPublisher
from chassis.s3 import S3
from chassis.service import Parts
from chassis.unfinished import OldestUnfinished
from chassis.worker import Subscription, Worker
from contracts.directory import Directory
from contracts.envelope import decode
from contracts.streams import DIRECTORY, DOCUMENTS, REVOKED
from contracts.subjects import every_office

from upload.background import Background
from upload.evidence import EvidenceMemory
from upload.finishing import Finisher
from upload.handlers import follow_document
from upload.http import UploadApi, upload_routes
from upload.inspector import Inspector
from upload.intake import Intake
from upload.limits import COUNTS_KEPT, REASONS
from upload.mongo import COLLECTION, MongoUploads
from upload.s3 import S3Staging
from upload.scanner import scanner_at
from upload.scratch import Scratch
from upload.settings import UploadSettings
from upload.signing import ReceiptSigner
from upload.sweeper import Sweeper


def subscriptions(uploads: MongoUploads) -> list[Subscription]:
    """What intake listens to: what became of the documents it announced."""
    return [
        Subscription(
            Consumer(
                DOCUMENTS.name,
                "upload-settlement",
                tuple(map(every_office, ("archived", "taken", "withdrawn", "erased", "returned", "transfer_failed"))),
            ),
            decode=decode,
            handle=partial(follow_document, uploads=uploads),
        )
    ]


async def compose(settings: UploadSettings, stack: AsyncExitStack) -> Parts:
    """Build the service's parts, entering resources into the stack."""
    points = Failpoints(settings.failpoints, service="upload")
    broker = await stack.enter_async_context(JetStreamBus.of(settings, name="upload"))
    bus = points.at("Bus", broker)
    database = await stack.enter_async_context(
        connected(settings.mongo_url.get_secret_value(), settings.mongo_database)
    )
    s3 = await stack.enter_async_context(S3(settings.staging, threads=32))
    web = await stack.enter_async_context(httpx.AsyncClient())
    issuer = IssuerKeys(settings.auth.jwks_url, web)

    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    scratch = Scratch(settings.scratch_dir, quota=settings.scratch_quota)
    records = MongoUploads(database)
    uploads = points.at("Uploads", records)
    owed_store = points.at("OwedStore", MongoOwedStore(database[COLLECTION]))
    await uploads.prepare()
    await owed_store.prepare()
    counts = points.at("Counts", MongoCounts(database, kept=COUNTS_KEPT, open_under=records.open_under))
    await counts.prepare()
    allowances = Allowances(counts)
    people, revoked = WatchedBucket(broker, DIRECTORY.name), WatchedBucket(broker, REVOKED.name)
    directory = Directory(lambda: people.entries, follow=people.follow, unreadable=people.note_unreadable)
    announcer = OwedPublisher(bus, owed_store, republish_after=settings.republish_after)
    staging = points.at("Staging", S3Staging(s3))
    # Closed after what may be under way in the background.
    inspector = points.at("Inspection", await stack.enter_async_context(Inspector()))
    looking = await stack.enter_async_context(scanner_at(settings.scanner, largest=settings.max_size))
    scanner = points.at("Scanner", looking)
    background = await stack.enter_async_context(Background())
    signer = points.at("Signer", ReceiptSigner(settings.receipt_key_file))
    limiter = Limiter(allowances, settings.limits.person, settings.limits.address, REASONS)
    finisher = Finisher(uploads, staging, inspector, scanner, signer, announcer, scratch, background)
    api = UploadApi(
        authenticate=Authenticator(
            portal_of(settings.auth, issuer),
            known=directory.subject,
            revoked=lambda: revoked.entries,
            further=further_of(settings.auth, web),
            deny=limiter.count_unproven,
        ),
        directory=directory,
        uploads=uploads,
        intake=Intake(uploads, staging, finisher, EvidenceMemory(), scratch, background),
        finisher=finisher,
        signer=signer,
        limiter=limiter,
        public_url=settings.public_url.rstrip("/"),
        max_size=settings.max_size,
    )
    return Parts(
        checks={
            "database": Check(MongoClock(database).ask),
            "store": Check(s3.ping),
            "directory": Check(people.filled),
            "revoked": Check(revoked.filled),
            "issuer": Check(issuer.held),
            # Without the broker files are taken all the same: what they owe is published later.
            "broker": Check(bus.ping, required=False),
            "scanner": Check(scanner.ask, required=False),
            **points.checks,
        },
        routers=upload_routes(api),
        tasks={
            "worker": Worker(service="upload", bus=bus, subscriptions=subscriptions(uploads)).run,
            "owed": announcer.run,
            "unfinished": OldestUnfinished(
                {"verdict": uploads.oldest_pending, "successor": owed_store.oldest_unfollowed}
            ).run,
            "sweeper": Sweeper(uploads, finisher, background).run,
            "directory": people.run,
            "revoked": revoked.run,
            "background": background.run,
            "allowances": allowances.run,
        },
    )
