"""The official tus server for Node, on a bucket of the stack's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.nodejs import install, node
from tests.support.ports import free_port

_FOLDER = Path(__file__).parent / "peer"


@asynccontextmanager
async def node_peer(s3: dict[str, Any]) -> AsyncIterator[str]:
    """One process of it, until the context is left; yields its address. Raises CalledProcessError where npm fails."""
    await asyncio.to_thread(install, _FOLDER)
    port = free_port()
    told = {f"S3_{name.upper()}": s3[name] for name in ("endpoint", "region", "access_key", "secret_key")}
    env = {**os.environ, **told, "S3_BUCKET": s3["buckets"]["staging"], "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(node(), str(_FOLDER / "server.mjs"), env=env)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await eventually(lambda: _answers(http), within=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.options("/uploads")).is_success
    except httpx.TransportError:
        return False
