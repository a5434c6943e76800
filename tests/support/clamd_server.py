"""A real clamd of a test's own, with the test signatures and the configuration that the test asks for."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.scanner import SIGNATURES, clamd_path

from .ports import free_port

READY_SECONDS = 60.0
_USUAL = {"StreamMaxLength": "200M", "MaxFileSize": "200M", "MaxScanSize": "600M", "AlertExceedsMax": "yes"}


class ClamdServer:
    """`options` are lines of clamd.conf besides what it needs. A context manager: started and answering, then gone."""

    def __init__(
        self, folder: Path, *, socket_path: Path | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.address = f"unix://{socket_path}" if socket_path else f"clamd://127.0.0.1:{self.port}"
        self._folder = folder
        listen = {"LocalSocket": str(socket_path)} if socket_path else {"TCPSocket": str(self.port)}
        self.options = {"Foreground": "yes", "TCPAddr": "127.0.0.1", **_USUAL, **listen, **(options or {})}
        self._socket_path = socket_path

    def __enter__(self) -> ClamdServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers. It starts anew after `kill`, too."""
        signatures = self._folder / "signatures"
        signatures.mkdir(parents=True, exist_ok=True)
        shutil.copy(SIGNATURES, signatures)
        lines = {**self.options, "DatabaseDirectory": str(signatures), "TemporaryDirectory": str(self._folder)}
        config = self._folder / "clamd.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        program = clamd_path()
        assert program is not None
        with (self._folder / "clamd.log").open("ab") as log:
            self.process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self._pongs():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError((self._folder / "clamd.log").read_text()[-2000:])
            time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9`; it stays away."""
        self.process.kill()
        self.process.wait()

    def suspend(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def _pongs(self) -> bool:
        with socket.socket(socket.AF_UNIX if self._socket_path else socket.AF_INET) as line:
            line.settimeout(2)
            try:
                line.connect(str(self._socket_path) if self._socket_path else ("127.0.0.1", self.port))
                line.sendall(b"zPING\0")
                return line.recv(16) == b"PONG\0"
            except OSError:
                return False
