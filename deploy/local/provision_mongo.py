"""MongoDB: a replica set of one, an ops user, and one user a service that sees its own database only.

The catalog sees one more, where the audit trail's journal and seals stand, and may only find and insert there.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from .credentials import OPS, Credentials
from .environment import database_of
from .plan import SERVICES

_NOT_YET_INITIATED = 94
_ALREADY_INITIATED = 23
_AUTHENTICATION_FAILED = 18
AUDIT_DATABASE = "catalog_audit"
_ADDS_ONLY = "adds_only"

Client = AsyncMongoClient[dict[str, Any]]


async def provision_mongo(address: str, credentials: Credentials) -> None:
    """Idempotent; also follows a server that was moved to another `address` (host:port)."""
    async with _connect(address, password=credentials.mongo[OPS]) as ops:
        match await _lacks(ops):
            case "user":
                # The server lets the first connection from its own machine in without a password, until a user exists.
                async with _connect(address, password=None) as anonymous:
                    await _initiate(anonymous, address)
                    await anonymous.admin.command("createUser", OPS, pwd=credentials.mongo[OPS], roles=["root"])
            case "set":
                await _initiate(ops, address)
        await _move_to(address, ops=ops)
        for service in SERVICES:
            await _ensure_user(ops, service, password=credentials.mongo[service])
        await _ensure_archive(ops)


def _connect(address: str, *, password: str | None) -> Client:
    login: dict[str, Any] = {"username": OPS, "password": password, "authSource": "admin"} if password else {}
    return AsyncMongoClient(address, directConnection=True, **login)


async def _lacks(ops: Client) -> Literal["user", "set"] | None:
    """What a new server has not yet; the official image makes the user before the set."""
    try:
        await ops.admin.command("replSetGetConfig")
    except OperationFailure as error:
        if error.code == _AUTHENTICATION_FAILED:
            return "user"
        if error.code == _NOT_YET_INITIATED:
            return "set"
        raise
    return None


async def _initiate(client: Client, address: str) -> None:
    try:
        await client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": address}]})
    except OperationFailure as error:
        # A first start that was cut off between this step and the next.
        if error.code != _ALREADY_INITIATED:
            raise
    await _wait_for_primary(client)


async def _wait_for_primary(client: Client) -> None:
    while not (await client.admin.command("hello"))["isWritablePrimary"]:  # noqa: ASYNC110 (the server tells it only when asked)
        await asyncio.sleep(0.02)


async def _move_to(host: str, *, ops: Client) -> None:
    config = (await ops.admin.command("replSetGetConfig"))["config"]
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        await ops.admin.command("replSetReconfig", config, force=True)
    await _wait_for_primary(ops)


async def _ensure_user(ops: Client, service: str, *, password: str) -> None:
    database = ops[database_of(service)]
    known = await database.command("usersInfo", service)
    if not known["users"]:
        role = {"role": "readWrite", "db": database_of(service)}
        await database.command("createUser", service, pwd=password, roles=[role])


async def _ensure_archive(ops: Client) -> None:
    archive = ops[AUDIT_DATABASE]
    # The service makes its indexes: nothing in an entry is a date, so none of them can have entries expire.
    actions = ["find", "insert", "createCollection", "createIndex"]
    resources = [{"db": AUDIT_DATABASE, "collection": each} for each in ("audit", "audit_seals", "audit_stamps")]
    privileges = [{"resource": resource, "actions": actions} for resource in resources]
    known = await archive.command("rolesInfo", _ADDS_ONLY)
    command = "updateRole" if known["roles"] else "createRole"
    await archive.command(command, _ADDS_ONLY, privileges=privileges, roles=[])
    role = {"role": _ADDS_ONLY, "db": AUDIT_DATABASE}
    await ops[database_of("catalog")].command("grantRolesToUser", "catalog", roles=[role])
