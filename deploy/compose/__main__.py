"""`python -m deploy.compose prepare|provision`: makes secrets and configuration of this stack; sets up its servers."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.local.credentials import Credentials, load_or_make
from deploy.local.provision import REFUSALS
from deploy.local.provision_mongo import provision_mongo
from deploy.local.provision_nats import provision_nats
from deploy.local.provision_s3 import provision_s3

from .preparing import plan_at, prepare

# Seconds that the servers have to start.
_PATIENCE = 180
_PAUSE = 1.0


async def provision(credentials: Credentials) -> None:
    """Users, streams, buckets; idempotent. Waits for the servers. Raises what the last attempt raised."""
    await _patiently(lambda: provision_mongo("mongo:27017", credentials))
    await _patiently(lambda: provision_nats("nats:4222", credentials))
    await _patiently(lambda: asyncio.to_thread(provision_s3, "http://seaweedfs:8333", credentials))


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await step()
        except (*REFUSALS, OSError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE)


def main() -> None:
    """Do the one that the command line names."""
    plan = plan_at(Path(os.environ.get("CONFIG_DIR", "/config")))
    match sys.argv[1:]:
        case ["prepare"]:
            print(f"Everybody of the demo directory signs in with the password {prepare(plan)}")
        case ["provision"]:
            asyncio.run(provision(load_or_make(plan)))
        case _:
            raise SystemExit(2)


if __name__ == "__main__":
    main()
