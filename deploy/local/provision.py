"""What each server needs before the services can use it, by whom and in which order it is set up."""

from __future__ import annotations

import asyncio

import nats.errors
import nats.js.errors
from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import PyMongoError

from .credentials import Credentials
from .environment import s3_endpoint
from .errors import StackError
from .plan import Plan
from .provision_mongo import provision_mongo
from .provision_nats import provision_nats
from .provision_s3 import provision_s3

REFUSALS = (PyMongoError, nats.errors.Error, nats.js.errors.Error, BotoCoreError, ClientError)


async def provision(program: str, *, plan: Plan, credentials: Credentials) -> None:
    """Idempotent; nothing for a server that needs nothing. Raises StackError when the server won't have it."""
    try:
        match program:
            case "mongod":
                await provision_mongo(f"127.0.0.1:{plan.port('mongo')}", credentials)
            case "nats":
                await provision_nats(f"127.0.0.1:{plan.port('nats')}", credentials)
            case "weed":
                await asyncio.to_thread(provision_s3, s3_endpoint(plan), credentials)
    except REFUSALS as error:
        raise StackError(f"{program} could not be set up ({error}): see {plan.logs / f'{program}.log'}") from error
