"""The composition root: settings → clients → handlers → subscriptions and routes, read from the top."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import httpx
from chassis.allowances import Allowances
from chassis.auth import Authenticator
from chassis.bus import Consumer
from chassis.failpoints import Failpoints
from chassis.health import Check
from chassis.issuers import further_of, portal_of
from chassis.jetstream import JetStreamBus
from chassis.kv import WatchedBucket
from chassis.limits import FewLimits, Limiter
from chassis.mongo_clock import MongoClock
from chassis.mongo_limits import MongoCounts
from chassis.owed import OwedPublisher, OwedStores
from chassis.s3 import S3
from chassis.service import Parts
from chassis.streams import StreamSizes
from chassis.unfinished import OldestUnfinished
from chassis.worker import Subscription, Worker
from contracts.directory import Directory
from contracts.envelope import decode
from contracts.registry import JOURNALED
from contracts.streams import AUDIT, DOCUMENTS
from contracts.subjects import every_office
from fastapi import APIRouter

from catalog.auditing import Archive, Scribe
from catalog.content import Stores
from catalog.feed import Feed
from catalog.generations import Generations
from catalog.handlers import Desk, record_event, settle_decision
from catalog.http import DocumentRoutes
from catalog.http_audit import AuditRoutes
from catalog.http_content import ContentRoutes
from catalog.limits import COUNTS_KEPT, REASONS, SIGN_IN_REASONS, Admission
from catalog.live import LiveHub
from catalog.mongo import MongoDocuments, MongoProjection, collection_of, prepare
from catalog.mongo_accesses import MongoAccesses
from catalog.mongo_claims import MongoClaims
from catalog.mongo_decisions import MongoDecisions, MongoMarks
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.names import name_of, person_of
from catalog.nats import NatsHints, NatsWaker
from catalog.nats_letters import NatsDeadLetters
from catalog.nats_trail import NatsTrail
from catalog.portal import portal_routers
from catalog.proof import Proofs
from catalog.rebuild import consumer_of, drop_retired
from catalog.rights import Rights
from catalog.seal_keys import SealKeys
from catalog.sealer import Sealer
from catalog.sealing import Sealing
from catalog.settings import CatalogSettings
from catalog.signing import SigningKeys
from catalog.tsa import TimeStampAuthority
from chassis import mongo

SERVICE = "catalog"
# What tells that a decision has had its effect, or is to have none any more.
SETTLING = ("retained", "erased", "alerted", "alert_failed", "returned")


@dataclass(frozen=True)
class Clients:
    """What talks to the outside."""

    points: Failpoints
    bus: JetStreamBus
    http: httpx.AsyncClient
    database: mongo.Database
    clock: MongoClock
    staging: S3
    ged: S3
    directory_bucket: WatchedBucket
    revoked_bucket: WatchedBucket


class Kept:
    """What is never made anew from events of the documents."""

    def __init__(self, clients: Clients, settings: CatalogSettings) -> None:
        database, points = clients.database, clients.points
        archive = mongo.sibling(database, settings.audit_database)
        self.decisions = points.at("Decisions", MongoDecisions(database))
        self.marks = points.at("Marks", MongoMarks(database))
        self.accesses = points.at("Accesses", MongoAccesses(database))
        self.journal = points.at("Journal", MongoJournal(archive))
        self.seals = points.at("Seals", MongoSeals(archive, database))
        self.claims = points.at("Claims", MongoClaims(database))
        self.trail = points.at("Trail", NatsTrail(clients.bus))
        self.counts = MongoCounts(database, kept=COUNTS_KEPT)
        self.owed = points.at("OwedStore", OwedStores(self.decisions.owed, self.accesses.owed, self.seals.owed))

    async def prepare(self) -> None:
        """Create the indexes. Raises Unavailable."""
        await self.counts.prepare()
        await self.decisions.prepare()
        await self.marks.prepare()
        await self.accesses.prepare()
        await self.journal.prepare()
        await self.seals.owed.prepare()


async def compose(stack: AsyncExitStack, *, settings: CatalogSettings) -> Parts:
    """Put the catalog together; its resources are closed with `stack`."""
    clients = await connect(stack, settings)
    bus, database = clients.bus, clients.database
    people, revoked = clients.directory_bucket, clients.revoked_bucket
    kept = Kept(clients, settings)
    allowances, asked, streams = Allowances(kept.counts), settings.requests, settings.streams
    person, address = FewLimits(asked.person, streams.person), FewLimits(asked.address, streams.address)
    admission = Admission(Limiter(allowances, person, address, REASONS, places="streams"))
    arrivals = Limiter(allowances, FewLimits(None), FewLimits(asked.sign_in), SIGN_IN_REASONS)
    directory = Directory(lambda: people.entries, follow=people.follow, unreadable=people.note_unreadable)
    keys = SigningKeys.load(settings.session_keys_dir)
    authenticate = Authenticator(
        portal_of(settings.auth, keys),
        known=directory.subject,
        revoked=lambda: revoked.entries,
        further=further_of(settings.auth, clients.http),
        admit=admission,
        deny=admission.of_unproven,
    )

    generations = Generations(database)
    points = clients.points
    archive = Archive(kept.journal, kept.seals, SealKeys.load(settings.audit_keys_dir))
    owed = OwedPublisher(points.at("Bus", bus), kept.owed, republish_after=settings.republish_after)
    rights = Rights(directory)
    documents = points.at("Documents", MongoDocuments(database, generations.serving))
    desk = Desk(
        rights=rights,
        documents=documents,
        decisions=kept.decisions,
        projection=points.at("Projection", MongoProjection(database, generations.serving)),
        marks=kept.marks,
        accesses=kept.accesses,
        waker=points.at("Waker", NatsWaker(bus)),
        hints=points.at("Hints", NatsHints(bus)),
        announce=owed.publish_now,
        clock=clients.clock,
    )
    hub = LiveHub(bus, rights, current=authenticate.current)
    stores = Stores(staging=clients.staging, ged=clients.ged)
    feed = Feed(
        generations,
        prepare=partial(make_ready, clients, kept),
        worker_of=partial(worker_of, clients, kept),
    )

    portal = portal_routers(
        settings,
        http=clients.http,
        bus=bus,
        keys=keys,
        seal_keys=archive.keys,
        authenticate=authenticate,
        admit=Admission(arrivals).of_nobody,
        directory=directory,
        desk=desk,
        documents=documents,
        journal=kept.journal,
        letters=NatsDeadLetters(bus),
        stores=stores,
    )
    routers: list[APIRouter] = [
        *portal,
        ContentRoutes(authenticate=authenticate, desk=desk, stores=stores).router(),
        AuditRoutes(
            authenticate=authenticate,
            desk=desk,
            archive=archive,
            proofs=Proofs(archive.journal, archive.seals),
            person_of=partial(person_of, directory),
        ).router(),
        DocumentRoutes(
            authenticate=authenticate,
            desk=desk,
            lists=documents,
            name_of=partial(name_of, directory),
            hub=hub,
            place=admission.stream,
        ).router(),
    ]
    return Parts(
        checks={**checks(clients), **points.checks, "records": Check(generations.known)},
        routers=routers,
        tasks={
            "directory": clients.directory_bucket.run,
            "revoked": clients.revoked_bucket.run,
            "feed": feed.run,
            "retired": partial(drop_retired, bus=bus, database=database, generations=generations),
            "owed": owed.run,
            "unfinished": OldestUnfinished(
                {"archive": documents.oldest_unarchived, "successor": kept.owed.oldest_unfollowed}
            ).run,
            "streams": StreamSizes(bus, (DOCUMENTS.name, AUDIT.name)).run,
            "sealer": Sealer(
                Sealing(
                    archive,
                    kept.trail,
                    kept.claims,
                    offices=lambda: (office.id for office in directory.offices()),
                    announce=owed.publish_now,
                ),
                every=timedelta(seconds=settings.seal_every),
                check_every=timedelta(seconds=settings.audit_check_every),
                stamper=TimeStampAuthority(settings.audit_tsa, clients.http) if settings.audit_tsa else None,
            ).run,
            "live": hub.run,
            "allowances": allowances.run,
        },
    )


async def connect(stack: AsyncExitStack, settings: CatalogSettings) -> Clients:
    """The clients, each closed with `stack`."""
    bus = JetStreamBus.of(settings, name=SERVICE)
    await stack.enter_async_context(bus)
    database = await stack.enter_async_context(
        mongo.connected(settings.mongo_url.get_secret_value(), settings.mongo_database)
    )
    return Clients(
        points=Failpoints(settings.failpoints, service=SERVICE),
        bus=bus,
        http=await stack.enter_async_context(httpx.AsyncClient()),
        database=database,
        clock=MongoClock(database),
        staging=await stack.enter_async_context(S3(settings.staging)),
        ged=await stack.enter_async_context(S3(settings.ged)),
        directory_bucket=WatchedBucket(bus, "DIRECTORY"),
        revoked_bucket=WatchedBucket(bus, "REVOKED"),
    )


def subscriptions(clients: Clients, kept: Kept, *, generation: int) -> Sequence[Subscription]:
    """What the catalog listens to."""
    points = clients.points
    projection = points.at("Projection", MongoProjection(clients.database, lambda: generation))
    return [
        Subscription(
            consumer_of(generation),
            decode=decode,
            numbered=True,
            handle=partial(
                record_event,
                projection=projection,
                decisions=kept.decisions,
                hints=points.at("Hints", NatsHints(clients.bus)),
            ),
        ),
        Subscription(
            Consumer(DOCUMENTS.name, "catalog-settlement", tuple(map(every_office, SETTLING))),
            decode=decode,
            handle=partial(settle_decision, decisions=kept.decisions),
        ),
        # One at a time, whichever replica gets it: so the journal has the order of the stream.
        Subscription(
            Consumer(AUDIT.name, "catalog-audit", tuple(event.topic("*") for event in JOURNALED), max_ack_pending=1),
            decode=decode,
            handle=Scribe(kept.journal, kept.trail).write_entry,
            concurrency=1,
            numbered=True,
        ),
    ]


def worker_of(clients: Clients, kept: Kept, generation: int) -> Worker:
    """The worker while a generation serves."""
    listened = subscriptions(clients, kept, generation=generation)
    return Worker(service=SERVICE, bus=clients.points.at("Bus", clients.bus), subscriptions=listened)


async def make_ready(clients: Clients, kept: Kept, generation: int) -> None:
    """The indexes of a generation and of what is kept beside. Raises Unavailable."""
    await prepare(collection_of(clients.database, generation))
    await kept.prepare()


def checks(clients: Clients) -> dict[str, Check]:
    """What `/readyz` asks. Without the broker or the stores, lists are still served."""
    return {
        "mongo": Check(clients.clock.ask),
        "nats": Check(clients.bus.ping, required=False),
        "directory": Check(clients.directory_bucket.filled),
        "revoked": Check(clients.revoked_bucket.filled),
        "staging": Check(clients.staging.ping, required=False),
        "ged": Check(clients.ged.ping, required=False),
    }
