"""MongoDB is set up also where its user is made before the set is, as the official image does."""

from pathlib import Path

from pymongo import MongoClient

from deploy.local.credentials import OPS, Credentials, load_or_make
from deploy.local.environment import database_of, mongo_url
from deploy.local.plan import SERVICES, Plan, PortReservation
from deploy.local.provision_mongo import provision_mongo
from tests.support.mongo_server import mongod


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
    with mongod(plan):
        _make_first_user(plan, credentials)
    with mongod(plan, "--replSet", "rs0", "--keyFile", str(plan.secrets / "mongo.key")):
        for _ in ("first", "again"):
            await provision_mongo(f"127.0.0.1:{plan.port('mongo')}", credentials)
        for service in SERVICES:
            assert _can_sign_in(service, plan, credentials)
    reservation.release()
