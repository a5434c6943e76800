"""MongoDB is set up also where its user is made before the set is, as the official image does."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from deploy.local.commands import mongod_path
from deploy.local.credentials import OPS, Credentials, load_or_make
from deploy.local.environment import database_of, mongo_url
from deploy.local.plan import SERVICES, Plan, PortReservation
from deploy.local.provision_mongo import provision_mongo


@contextmanager
def _mongod(plan: Plan, *options: str) -> Iterator[None]:
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


def _make_first_user(plan: Plan, credentials: Credentials) -> None:
    with MongoClient[dict[str, object]]("127.0.0.1", plan.port("mongo"), directConnection=True) as client:
        client.admin.command("createUser", OPS, pwd=credentials.mongo[OPS], roles=["root"])


def _can_sign_in(service: str, plan: Plan, credentials: Credentials) -> bool:
    url = mongo_url(service, plan=plan, credentials=credentials)
    with MongoClient[dict[str, object]](url) as client:
        return bool(client[database_of(service)].command("ping")["ok"])


async def test_a_server_that_has_its_user_already_becomes_a_set(tmp_path: Path) -> None:
    reservation = PortReservation()
    plan = Plan(run_dir=tmp_path, port_base=reservation.port_base)
    credentials = load_or_make(plan)
    with _mongod(plan):
        _make_first_user(plan, credentials)
    with _mongod(plan, "--replSet", "rs0", "--keyFile", str(plan.secrets / "mongo.key")):
        for _ in ("first", "again"):
            await provision_mongo(f"127.0.0.1:{plan.port('mongo')}", credentials)
        for service in SERVICES:
            assert _can_sign_in(service, plan, credentials)
    reservation.release()
