"""Other systems' NATS accounts on this stack, kept under `secrets/subscribers/`: admitted while it runs, there at
the next start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import nats
from connect_ops.accounts import account_block
from connect_ops.subscriber import credentials_of
from contracts.subscribers import subscriber_user
from nats.aio.client import Client
from nats.errors import NoRespondersError

from .credentials import write_private
from .endpoints import NatsEndpoint, ServiceEndpoint, read_endpoints
from .errors import StackError

END_OF_ACCOUNTS = "# Here ends who may sign in."
# Seconds.
_PATIENCE = 60.0


def subscriber_blocks(run_dir: Path) -> list[str]:
    """The accounts as nats-server's configuration has them."""
    return [_block(json.loads(path.read_bytes())) for path in sorted(_folder(run_dir).glob("*.json"))]


async def admit_subscriber(name: str, office: str, *, run_dir: Path) -> dict[str, str]:
    """Its credentials; nats-server knows it from now on. Who is admitted already keeps the password.

    Raises ValueError where the name or the office will not do, StackError where the operator's command fails.
    """
    path = _folder(run_dir) / f"{subscriber_user(name, office)}.json"
    endpoints = read_endpoints(run_dir)
    if not path.exists():
        write_private(path, await asyncio.to_thread(_add, name, office, endpoints.ops))
    added = json.loads(path.read_bytes())
    configuration = run_dir / "etc" / "nats.conf"
    text = configuration.read_text(encoding="utf-8")
    if (block := _block(added)) not in text:
        write_private(configuration, text.replace(END_OF_ACCOUNTS, f"\n{block}\n{END_OF_ACCOUNTS}"))
    try:
        await asyncio.wait_for(_admit(added, run_dir, endpoints.nats), _PATIENCE)
    except (TimeoutError, httpx.HTTPError) as late:
        raise StackError(f"nats-server does not admit {added['user']}: see {run_dir / 'logs'}.") from late
    return {**credentials_of(added), "NATS_URL": endpoints.nats.url}


async def _admit(added: dict[str, Any], run_dir: Path, server: NatsEndpoint) -> None:
    """Have the server read its configuration until the subscriber reaches its consumer: after the first reload
    nats-server 2.15 knows the user of a new account, and not yet what the account imports."""
    await _reload(run_dir, server)
    client = await nats.connect(
        server.url,
        user=added["user"],
        password=added["password"],
        inbox_prefix=added["inbox_prefix"].encode(),
        error_cb=_ignore,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
    )
    try:
        while not await _reaches(client, added["publish"][0]):
            await _reload(run_dir, server)
    finally:
        await client.close()


async def _reload(run_dir: Path, server: NatsEndpoint) -> None:
    """Have the server read its configuration, and wait until it has: meanwhile it leaves requests of anybody's
    unanswered."""
    async with httpx.AsyncClient(base_url=server.monitor) as http:

        async def loaded_at() -> str:
            return str((await http.get("/varz")).raise_for_status().json()["config_load_time"])

        before = await loaded_at()
        os.kill(int((run_dir / "pids" / "nats.pid").read_text()), signal.SIGHUP)
        loaded = before
        while loaded == before:
            await asyncio.sleep(0.05)
            loaded = await loaded_at()


async def _reaches(client: Client, subject: str) -> bool:
    try:
        await client.request(subject, timeout=2)
    except (NoRespondersError, TimeoutError):
        return False
    return True


async def _ignore(_: Exception) -> None:
    pass


def _add(name: str, office: str, operator: ServiceEndpoint) -> str:
    command = [sys.executable, "-m", "connect_ops", "subscriber", "add", name, "--office", office, "--json"]
    done = subprocess.run(command, env={**os.environ, **operator.env}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(done.stderr.strip())
    return done.stdout


def _block(added: dict[str, Any]) -> str:
    return account_block(added["user"], added["password"])


def _folder(run_dir: Path) -> Path:
    return run_dir / "secrets" / "subscribers"
