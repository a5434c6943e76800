"""The servers' configuration files, from the templates beside this module into the run folder's `etc/`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from connect_ops.accounts import exports_block
from contracts.subscribers import PLATFORM_ACCOUNT

from .commands import command_of
from .credentials import Credentials, write_private
from .plan import SERVICES, Plan
from .scanner import make_database
from .subscribers import END_OF_ACCOUNTS, subscriber_blocks
from .templating import templates_of, topics_of

_ALERTS = Path(__file__).parents[1] / "observability" / "alerts.yml"
_DOCS = Path(__file__).parents[2] / "docs"


def render_all(plan: Plan, credentials: Credentials) -> None:
    """Writes every configuration file. They hold passwords, so only their owner can read them."""
    templates = templates_of()
    context = _context(plan, credentials)
    for name in ("nats.conf", "s3.json", "clamd.conf", "Caddyfile", "prometheus.yml", "supervisord.conf"):
        write_private(plan.etc / name, templates.get_template(f"{name}.j2").render(context))


def _context(plan: Plan, credentials: Credentials) -> dict[str, Any]:
    servers = {process.name: command_of(process, plan=plan, credentials=credentials) for process in plan.servers()}
    gateway = servers.pop("caddy", None)
    return {
        "port": plan.port,
        "run_dir": plan.run_dir,
        "data": plan.data,
        "logs": plan.logs,
        "pids": plan.pids,
        "alerts": _ALERTS,
        "docs": _DOCS.as_uri(),
        "signatures": make_database(plan.etc / "signatures"),
        "supervisor_socket": plan.supervisor_socket,
        "bind": "127.0.0.1",
        "gateway_binds": _loopbacks(),
        "nats": credentials.nats,
        "subscribers": subscriber_blocks(plan.run_dir),
        "end_of_accounts": END_OF_ACCOUNTS,
        "platform_account": PLATFORM_ACCOUNT,
        "exports": exports_block(),
        "s3": credentials.s3,
        "topics": {service: topics_of(service) for service in SERVICES},
        "addresses": {
            name: [f"127.0.0.1:{plan.detours.get(name, each.port)}" for each in plan.services(name)]
            for name in SERVICES
        },
        "server_commands": list(servers.values()),
        "service_commands": [command_of(p, plan=plan, credentials=credentials) for p in plan.services()],
        "gateway_commands": [gateway] if gateway else [],
    }


def _loopbacks() -> list[str]:
    """The addresses that `localhost` can mean on this machine: a browser tries IPv6 first where there is one."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]
