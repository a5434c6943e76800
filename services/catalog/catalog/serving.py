"""What `python -m catalog` runs for long: the service, and the rebuild of its document records."""

from contextlib import AsyncExitStack
from functools import partial

from chassis.logs import configure_logs
from chassis.service import run_service

from catalog.generations import Generations
from catalog.main import SERVICE, compose, connect
from catalog.rebuild import rebuild
from catalog.settings import CatalogSettings


async def rebuild_records(settings: CatalogSettings) -> None:
    """Build the next generation; replicas follow by themselves. Raises Unavailable; run again, it goes on."""
    configure_logs(service=SERVICE, level=settings.log_level)
    async with AsyncExitStack() as stack:
        clients = await connect(stack, settings)
        await rebuild(bus=clients.bus, database=clients.database, generations=Generations(clients.database))


def serve(settings: CatalogSettings) -> None:
    """Run the service until it is told to stop."""
    run_service(name=SERVICE, settings=settings, compose=partial(compose, settings=settings))
