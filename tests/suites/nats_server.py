"""A nats-server of a test's own, to be killed and started again on the same data."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import nats
from connect_ops.accounts import exports_block
from contracts.streams import BUCKETS, STREAMS
from contracts.subscribers import PLATFORM_ACCOUNT
from nats.js import api

from tests.support.eventually import eventually
from tests.support.ports import free_port

_CONFIG = """
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}", sync_interval: always }}
accounts {{
  {platform} {{
    jetstream: enabled
    users: [
      {{ user: worker, password: secret }}
      {{ user: limited, password: secret, permissions: {{ publish: {limited}, subscribe: ["_INBOX_limited.>"] }} }}
    ]
    {exports}
  }}
{further}
}}
"""


class NatsServer:
    """Real, on a free port; users `worker` (everything) and `limited` (may publish on `limited`'s subjects alone), both
    with password `secret`; `further` are accounts as its configuration has them."""

    def __init__(
        self, folder: Path, *, limited: Sequence[str] = ("$JS.API.>", "$JS.ACK.>"), further: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._limited = json.dumps(list(limited))
        self._further = list(further)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        config = self._write_configuration()
        beside = Path(sys.executable).with_name("nats-server")
        program = str(beside) if beside.exists() else shutil.which("nats-server")
        assert program, "nats-server is not installed"
        with (self._folder / "nats.log").open("ab") as log:
            self._process = await asyncio.to_thread(
                subprocess.Popen, [program, "-c", str(config)], stdout=log, stderr=log
            )
        await eventually(self._answers)

    def admit(self, account: str) -> None:
        """Add an account to the configuration, for the next reload."""
        self._further.append(account)
        self._write_configuration()

    def reload(self) -> None:
        """Have the running server read its configuration again."""
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    async def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def provision(self) -> None:
        """Declare the streams and buckets of the contract."""
        client = await nats.connect(self.url, user="worker", password="secret")
        js = client.jetstream()
        for stream in STREAMS:
            await js.add_stream(
                name=stream.name,
                subjects=list(stream.subjects),
                retention=api.RetentionPolicy.WORK_QUEUE if stream.work_queue else api.RetentionPolicy.LIMITS,
                duplicate_window=stream.duplicate_window,
                allow_msg_schedules=stream.schedules or None,
            )
        for bucket in BUCKETS:
            await js.create_key_value(bucket=bucket.name, ttl=bucket.ttl, direct=True)
        await client.close()

    def _write_configuration(self) -> Path:
        config = self._folder / "nats.conf"
        config.write_text(
            _CONFIG.format(
                port=self.port,
                folder=self._folder / "data",
                platform=PLATFORM_ACCOUNT,
                limited=self._limited,
                exports=exports_block(),
                further="\n".join(self._further),
            )
        )
        return config

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False
