"""An operator at the running stack: `connect-ops` as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What one call of the command did: its exit status, and what it said."""

    status: int
    out: str
    errors: str

    @property
    def report(self) -> Any:
        """What `--json` printed."""
        assert self.out, self.errors
        return json.loads(self.out)


async def connect_ops(endpoints: Mapping[str, Any], *arguments: object, **env: str) -> Ran:
    """Run the command with the operator's credentials, and changes to its environment."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connect_ops", *map(str, arguments)),
        env={**os.environ, **endpoints["ops"]["env"], **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), errors.decode())


def broker_alone(url: str, *, user: str, password: str) -> Mapping[str, Any]:
    """Endpoints of an operator who reaches one broker, and nothing else."""
    nowhere = {"ENDPOINT": "http://127.0.0.1:9", "BUCKET": "x", "ACCESS_KEY": "x", "SECRET_KEY": "x"}
    stores = {f"{store}__{name}": value for store in ("STAGING", "GED") for name, value in nowhere.items()}
    env = {"NATS_URL": url, "NATS_USER": user, "NATS_PASSWORD": password, "MONGO_URL": "mongodb://x", **stores}
    return {"ops": {"env": {f"CONNECT_OPS_{name}": value for name, value in env.items()}}}
