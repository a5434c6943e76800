"""`python -m deploy.local`: start, stop and look at the local stack; deposit a demo; get a token; run the operator's
commands."""

from __future__ import annotations

import argparse
import asyncio
import code
import io
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from .dev import follow
from .endpoints import Endpoints, ServiceEndpoint, read_endpoints
from .errors import StackError
from .plan import SERVERS, SERVICES, Plan, PortReservation
from .progress import Progress
from .running import run_until_stopped, show_status, stop_running
from .signin import token_of
from .subscribers import admit_subscriber

DEFAULT_PORT_BASE = "8080"


def main() -> int:
    # Whoever reads the steps through a pipe sees them as they happen, too.
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    arguments = _parser().parse_args()
    try:
        result: int = arguments.command(arguments)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="The whole platform on this machine.")
    parser.add_argument(
        "--run-dir", type=Path, default=Path(os.environ.get("RUN_DIR", ".run")), help="pids, logs, data (RUN_DIR, .run)"
    )
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start everything and stay until Ctrl-C")
    up.set_defaults(command=_up)
    up.add_argument(
        "--port-base",
        default=os.environ.get("PORT_BASE", DEFAULT_PORT_BASE),
        help="the portal's port, which moves all others with it; `auto` finds a free block (PORT_BASE, 8080)",
    )
    up.add_argument("--servers-only", action="store_true", help="no gateway and no services")
    up.add_argument("--only", help=f"these parts alone, comma-separated: {', '.join((*SERVERS, *SERVICES))}")
    stop = commands.add_parser("stop", help="stop the stack of this run folder, wherever it was started")
    stop.set_defaults(command=lambda a: stop_running(a.run_dir.resolve()))
    status = commands.add_parser("status", help="the state of every process")
    status.set_defaults(command=lambda a: show_status(a.run_dir.resolve()))
    demo = commands.add_parser("demo", help="deposit two invoices and watch what each service does with them")
    demo.set_defaults(command=_demo)
    token = commands.add_parser("token", help="print a person's bearer token, by the real sign-in")
    token.add_argument("who", help="somebody of the demo directory, such as earl-du-chene")
    token.set_defaults(command=_token)
    audit = commands.add_parser("audit", help="the catalog's own `audit` command, on the running stack")
    audit.add_argument("arguments", nargs=argparse.REMAINDER, help="such as: verify, or export --format csv")
    audit.set_defaults(command=_audit)
    ops = commands.add_parser("ops", help="the operator's commands (`connect-ops`), on the running stack")
    ops.add_argument("arguments", nargs=argparse.REMAINDER, help="such as: erase client --help")
    ops.set_defaults(command=_ops)
    shell = commands.add_parser("shell-mongo", help="Python with `db(name)` on the running stack's MongoDB")
    shell.set_defaults(command=_shell_mongo)
    dev = commands.add_parser("dev", help="beside a running stack: restart the services whose code changes")
    dev.set_defaults(command=lambda a: follow(a.run_dir.resolve()))
    subscriber = commands.add_parser("subscriber", help="let another system hear an office of the running stack")
    subscriber.add_argument("name", help="the system, such as crm")
    subscriber.add_argument("office", help="the office it may hear, such as 14")
    subscriber.set_defaults(command=_subscriber)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    # Its libraries (PDF, object store) take a second to import, which nobody else should wait for.
    from .demo import Demo  # noqa: PLC0415

    Demo(_endpoints(arguments), Console(highlight=False, soft_wrap=True)).run()
    return 0


def _token(arguments: argparse.Namespace) -> int:
    print(token_of(arguments.who, _endpoints(arguments)))
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    return _run(["catalog", "audit", *arguments.arguments], _endpoints(arguments).services["catalog"])


def _ops(arguments: argparse.Namespace) -> int:
    return _run(["connect_ops", *arguments.arguments], _endpoints(arguments).ops)


def _shell_mongo(arguments: argparse.Namespace) -> int:
    import pymongo  # noqa: PLC0415 (nobody else should wait for it)

    with pymongo.MongoClient[dict[str, object]](_endpoints(arguments).mongo) as client:
        told = f"db(name): {', '.join(client.list_database_names())}. Such as db('upload').uploads.find_one()"
        code.interact(banner=told, local={"db": client.get_database, "client": client}, exitmsg="")
    return 0


def _subscriber(arguments: argparse.Namespace) -> int:
    _endpoints(arguments)  # there is a stack
    try:
        given = asyncio.run(admit_subscriber(arguments.name, arguments.office, run_dir=arguments.run_dir.resolve()))
    except ValueError as wrong:
        raise StackError(f"Refused: {wrong}.") from wrong
    print("".join(f"{name}={value}\n" for name, value in given.items()), end="")
    return 0


def _run(module: list[str], told: ServiceEndpoint) -> int:
    return subprocess.run([sys.executable, "-m", *module], env={**os.environ, **told.env}, check=False).returncode


def _endpoints(arguments: argparse.Namespace) -> Endpoints:
    try:
        return read_endpoints(arguments.run_dir)
    except FileNotFoundError as error:
        raise StackError(f"No stack was started in {arguments.run_dir}: `make run` starts one.") from error


def _up(arguments: argparse.Namespace) -> int:
    with ExitStack() as cleanup:
        port_base = _port_base(arguments.port_base, cleanup)
        plan = Plan(
            run_dir=arguments.run_dir.resolve(),
            port_base=port_base,
            replicas=_replicas(),
            only=_only(arguments),
        )
        return asyncio.run(run_until_stopped(plan, progress=Progress()))


def _port_base(wanted: str, cleanup: ExitStack) -> int:
    if wanted == "auto":
        reservation = PortReservation()
        cleanup.callback(reservation.release)
        return reservation.port_base
    if not wanted.isdigit():
        raise StackError(f"PORT_BASE must be a number or `auto`, not {wanted!r}.")
    return int(wanted)


def _only(arguments: argparse.Namespace) -> frozenset[str]:
    if arguments.only:
        return frozenset(arguments.only.split(","))
    if arguments.servers_only:
        return frozenset(SERVERS) - {"caddy"}
    return frozenset((*SERVERS, *SERVICES))


def _replicas() -> dict[str, int]:
    """REPLICAS is for every service, UPLOAD_REPLICAS and its like for one."""
    counts = {}
    for service in SERVICES:
        name = f"{service.replace('-', '_').upper()}_REPLICAS"
        wanted = os.environ.get(name) or os.environ.get("REPLICAS") or "1"
        if not wanted.isdigit():
            raise StackError(f"{name} must be a number, not {wanted!r}.")
        counts[service] = int(wanted)
    return counts


if __name__ == "__main__":
    sys.exit(main())
