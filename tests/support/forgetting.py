"""What a database forgets by itself, without waiting a minute for each of its looks."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

from .running import RunningStack


async def forget_soon(servers: RunningStack) -> None:
    """Have the stack's MongoDB look every second at what is to go."""
    async with AsyncMongoClient[dict[str, Any]](servers.endpoints["mongo"]) as mongo:
        await mongo.admin.command("setParameter", 1, ttlMonitorSleepSecs=1)
