"""What runs in this stack, on which ports and in which folders: decided once, before anything starts."""

from __future__ import annotations

import hashlib
import random
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import StackError
from .scanner import clamd_path

SERVERS = ("mongod", "nats", "weed", "clamd", "maildump", "oidc", "caddy")
SERVICES = ("upload", "catalog", "notify", "ged-mover")

MAX_REPLICAS = 10
"""Replicas a service has ports for."""

BLOCK = 100
"""Ports a stack keeps for itself, from its base on."""

_RESERVATION = BLOCK - 1

_OFFSETS = {
    "portal": 0,
    "mail": 1,
    "smtp": 2,
    "oidc": 3,
    "nats": 4,
    "nats-monitor": 5,
    "mongo": 6,
    "s3": 7,
    "clamd": 8,
    "weed-master": 10,
    "weed-master-grpc": 11,
    "weed-volume": 12,
    "weed-volume-grpc": 13,
    "weed-filer": 14,
    "weed-filer-grpc": 15,
    "weed-s3-grpc": 16,
    "weed-admin": 17,
    "weed-admin-grpc": 18,
    "upload": 20,
    "catalog": 30,
    "notify": 40,
    "ged-mover": 50,
}

_PORTS_OF_SERVER = {
    "mongod": ("mongo",),
    "nats": ("nats", "nats-monitor"),
    "weed": ("s3", *(name for name in _OFFSETS if name.startswith("weed-"))),
    "clamd": ("clamd",),
    "maildump": ("mail", "smtp"),
    "oidc": ("oidc",),
    "caddy": ("portal",),
}

_SOCKET_PATH_LIMIT = 100
"""Linux allows 108 bytes for the path of a Unix socket; supervisord adds its own pid while it binds."""


@dataclass(frozen=True)
class Process:
    """One process of the stack: `name` is that of its pid file, its log and its supervisor entry."""

    name: str
    program: str
    port: int
    replica: int = 1


@dataclass(frozen=True)
class Plan:
    """A stack to run. `only` names the servers and services that take part.

    `detours` are ports that the services, and of a service's the gateway, are told of in place of an endpoint's own:
    something listens between them. A service has one replica then.
    `settings` go before what every service is told, by their names without its prefix.
    """

    run_dir: Path
    port_base: int
    replicas: Mapping[str, int] = field(default_factory=dict)
    only: frozenset[str] = frozenset((*SERVERS, *SERVICES))
    detours: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(self.only - {*SERVERS, *SERVICES})
        if unknown:
            raise StackError(f"No such part: {', '.join(unknown)}. There are: {', '.join((*SERVERS, *SERVICES))}.")
        for service, count in self.replicas.items():
            if not 1 <= count <= MAX_REPLICAS:
                raise StackError(f"{service} can run 1 to {MAX_REPLICAS} replicas, not {count}.")
        if not 1024 <= self.port_base <= 65535 - BLOCK:
            raise StackError(f"PORT_BASE must lie between 1024 and {65535 - BLOCK}, not at {self.port_base}.")

    def port(self, name: str, *, replica: int = 1) -> int:
        """The port of an endpoint (`portal`, `mongo`…) or of a service's replica, counted from 1."""
        return self.port_base + _OFFSETS[name] + replica - 1

    def told_port(self, name: str) -> int:
        """The port at which the services look for a server, or for another service."""
        return self.detours.get(name, self.port(name))

    def servers(self) -> Iterator[Process]:
        for server in SERVERS:
            if server in self.only and (server != "clamd" or self.has_clamd):
                yield Process(server, server, self.port(_PORTS_OF_SERVER[server][0]))

    def services(self, service: str | None = None) -> Iterator[Process]:
        """Every replica that runs here, of one service or of all."""
        for program in SERVICES:
            if program not in self.only or service not in (None, program):
                continue
            for replica in range(1, self.replicas.get(program, 1) + 1):
                port = self.port(program, replica=replica)
                yield Process(f"{program}-{replica}", program, port, replica)

    def all_ports(self) -> Iterator[tuple[int, str]]:
        """Every port this stack will listen on, and what for."""
        for process in self.servers():
            for name in _PORTS_OF_SERVER[process.program]:
                yield self.port(name), name
        for process in self.services():
            yield process.port, process.name

    @property
    def has_clamd(self) -> bool:
        """Whether files are scanned here: clamd takes part, and is installed."""
        return "clamd" in self.only and clamd_path() is not None

    @property
    def scanner(self) -> str:
        """The virus scanner, as intake is told."""
        return f"clamd://127.0.0.1:{self.told_port('clamd')}" if self.has_clamd else "none"

    @property
    def portal_url(self) -> str:
        return f"http://localhost:{self.port('portal')}"

    @property
    def oidc_issuer(self) -> str:
        return f"http://localhost:{self.port('oidc')}"

    @property
    def etc(self) -> Path:
        return self.run_dir / "etc"

    @property
    def secrets(self) -> Path:
        return self.run_dir / "secrets"

    @property
    def data(self) -> Path:
        return self.run_dir / "data"

    @property
    def logs(self) -> Path:
        return self.run_dir / "logs"

    @property
    def pids(self) -> Path:
        return self.run_dir / "pids"

    @property
    def supervisor_socket(self) -> Path:
        return self.socket("supervisor")

    def socket(self, name: str) -> Path:
        """Where a Unix socket lies: in the run folder, or under /tmp where that path is too long for the kernel."""
        inside = self.run_dir / f"{name}.sock"
        if len(str(inside)) <= _SOCKET_PATH_LIMIT - 10:
            return inside
        digest = hashlib.sha256(str(self.run_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"connect-{digest}-{name}.sock"


class PortReservation:
    """A block of free ports, kept from other stacks of this machine until it is released or the process ends."""

    def __init__(self) -> None:
        self._marker = socket.socket()
        self.port_base = self._take_block()

    def _take_block(self) -> int:
        candidates = list(range(20000, 32000, BLOCK))
        random.shuffle(candidates)
        for base in candidates:
            try:
                self._marker.bind(("127.0.0.1", base + _RESERVATION))
            except OSError:
                continue
            return base
        raise StackError("No block of 100 free ports between 20000 and 32000.")

    def release(self) -> None:
        self._marker.close()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
