"""The secrets and configuration files of a Compose stack, made at its first start and kept in its volumes."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from contracts.subscribers import PLATFORM_ACCOUNT

from deploy.local.credentials import OPS, Credentials, load_or_make, write_private
from deploy.local.environment import database_of, environment_of
from deploy.local.people import read_people
from deploy.local.plan import SERVICES, Plan, Process
from deploy.local.templating import templates_of, topics_of

# As whom our images run, and Keycloak's.
_SERVICE_USER, _KEYCLOAK_USER = 10001, 1000
_PORTS = {"portal": 8080, "nats": 4222, "nats-monitor": 8222, "clamd": 3310}
# What a service's Compose environment doesn't hold.
_SECRET = ("NATS_PASSWORD", "MONGO_URL", "ACCESS_KEY", "SECRET_KEY", "CLIENT_SECRET")
_KEYS = {"upload": ("receipt.pem",), "catalog": ("session", "audit")}


def plan_at(folder: Path) -> Plan:
    """Where everything lies below the folder that the volumes are mounted in."""
    return Plan(run_dir=folder, port_base=_PORTS["portal"])


def prepare(plan: Plan) -> str:
    """Idempotent: what is there stays as it is. Returns the password with which everybody signs in."""
    credentials = load_or_make(plan)
    password = _demo_password(plan)
    _write_servers(plan, credentials)
    _write_realm(plan, credentials, password=password)
    for service in SERVICES:
        _write_service(plan, service, credentials)
    return password


def folder_of(service: str, *, plan: Plan) -> Path:
    """What is mounted in the service's container."""
    return plan.run_dir / "services" / service


def _demo_password(plan: Plan) -> str:
    path = plan.secrets / "demo-password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(9))
    return path.read_text(encoding="utf-8")


def _write_servers(plan: Plan, credentials: Credentials) -> None:
    context = {
        "port": _PORTS.__getitem__,
        "bind": "0.0.0.0",  # noqa: S104 (each in a network of its own)
        "gateway_binds": ["0.0.0.0"],  # noqa: S104 (its own, too)
        "addresses": {service: [f"{service}:8080"] for service in SERVICES},
        "data": Path("/data"),
        "signatures": Path("/var/lib/clamav"),
        "nats": credentials.nats,
        "s3": credentials.s3,
        "topics": {service: topics_of(service) for service in SERVICES},
        "platform_account": PLATFORM_ACCOUNT,
        # Nobody from outside subscribes here.
        "exports": "",
        "subscribers": [],
        "end_of_accounts": "",
    }
    templates = templates_of()
    for name in ("nats.conf", "s3.json", "clamd.conf", "Caddyfile"):
        write_private(plan.etc / name, templates.get_template(f"{name}.j2").render(context))
    shutil.copyfile(plan.secrets / "mongo.key", plan.etc / "mongo.key")
    write_private(plan.etc / "mongo-password", credentials.mongo[OPS])
    write_private(plan.etc / "s3-encryption-key", credentials.s3_encryption_key)


def _write_realm(plan: Plan, credentials: Credentials, *, password: str) -> None:
    template = templates_of(Path(__file__).with_name("templates")).get_template("realm.json.j2")
    realm = plan.run_dir / "realm"
    text = template.render(people=read_people(), secret=credentials.oidc_client_secret, password=password)
    write_private(realm / "connect-realm.json", text)
    _give(realm, _KEYCLOAK_USER)


def _write_service(plan: Plan, service: str, credentials: Credentials) -> None:
    folder = folder_of(service, plan=plan)
    told = environment_of(Process(service, service, 8080), plan=plan, credentials=credentials)
    for name, value in told.items():
        if name.endswith("MONGO_URL"):
            database = database_of(service)
            address = f"mongo:27017/{database}?replicaSet=rs0"
            write_private(folder / "settings" / name, f"mongodb://{service}:{credentials.mongo[service]}@{address}")
        elif name.endswith(_SECRET):
            write_private(folder / "settings" / name, value)
    for key in _KEYS.get(service, ()):
        source, target = plan.secrets / key, folder / "keys" / key
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(source, target)
    _give(folder, _SERVICE_USER)


def _give(folder: Path, user: int) -> None:
    """Its files are the user's alone. Who is not root, in a test, keeps them."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)
