"""Where anything can be: the services' databases, the streams, the buckets."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from chassis.mongo import Database, connected, sibling

from connect_ops import broker, store
from connect_ops.broker import Broker
from connect_ops.settings import OpsSettings
from connect_ops.store import Buckets


@dataclass(frozen=True)
class Places:
    """All of them, with an operator's rights."""

    upload: Database
    catalog: Database
    catalog_audit: Database
    notify: Database
    ged_mover: Database
    broker: Broker
    buckets: Buckets


async def opened(settings: OpsSettings, stack: AsyncExitStack) -> Places:
    """The places, for a command; closed with `stack`. Raises Unavailable."""
    names = settings.databases
    database = await stack.enter_async_context(connected(settings.mongo_url.get_secret_value(), names.upload))
    return Places(
        **{service: sibling(database, name) for service, name in names.model_dump().items()},
        broker=await stack.enter_async_context(broker.opened(settings)),
        buckets=await stack.enter_async_context(store.opened(settings)),
    )
