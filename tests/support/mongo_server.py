"""A mongod of a test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.commands import mongod_path
from deploy.local.plan import Plan


@contextmanager
def mongod(plan: Plan, *options: str) -> Iterator[None]:
    """A server on the plan's port, with the plan's data and further options."""
    port, data = str(plan.port("mongo")), plan.data / "mongo"
    data.mkdir(parents=True, exist_ok=True)
    argv = [
        *(str(mongod_path()), "--port", port, "--dbpath", str(data), "--bind_ip", "127.0.0.1", "--nounixsocket"),
        *options,
    ]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()
