"""The document records made anew from the stream, while a replica serves."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalog.generations import Generations
from catalog.mongo import collection_of
from catalog.rebuild import drop_older
from chassis.jetstream import JetStreamBus
from chassis.mongo import Database, connected

from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.eventually import eventually
from tests.support.operator import connect_ops
from tests.support.running import RunningStack


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("catalog")
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as opened:
        yield opened


async def test_a_rebuilt_generation_shows_the_same_and_takes_over_from_the_old(
    servers: RunningStack, database: Database, tmp_path: Path
) -> None:
    env = servers.env("catalog")
    with CatalogProcess(env, log=tmp_path / "log") as replica:
        await replica.ready()
        async with Scene(servers.endpoints, replica) as scene, scene.browser("accountant") as http:
            deposits = [scene.announced(name=f"facture {number}.pdf") for number in range(30)]
            await scene.tell(*deposits, *map(archived, deposits))
            for deposit in deposits:
                await scene.shown(http, deposit, "archived")
            taken = f"/api/documents/{deposits[0].data.document}"
            assert (await http.post(f"{taken}/take")).status_code == 200
            await eventually(lambda: scene.told("taken"))
            before = (await http.get("/api/documents", params={"sort": "name"})).json()["documents"]
            old = await Generations(database).read()

            command = [sys.executable, "-m", "catalog", "rebuild"]
            subprocess.run(command, env={**os.environ, **env}, check=True, timeout=90)  # noqa: ASYNC221 (nothing else waits)

            assert await Generations(database).read() == old + 1
            await collection_of(database, old).delete_many({})  # so that only the new one can answer

            async def followed() -> bool:
                now = (await http.get("/api/documents", params={"sort": "name"})).json()["documents"]
                return bool(now == before)

            await eventually(followed, within=20)
            late = scene.announced()
            await scene.tell(late)
            await scene.shown(http, late)

    bus = JetStreamBus(
        url=env["CATALOG_NATS_URL"], user=env["CATALOG_NATS_USER"], password=env["CATALOG_NATS_PASSWORD"], name="test"
    )
    async with bus:
        dropped = await drop_older(datetime.now(UTC), bus=bus, database=database, generations=Generations(database))
    assert dropped == [old]
    assert f"documents_g{old}" not in await database.list_collection_names()


async def test_after_the_database_was_lost_a_generation_of_a_known_number_begins_at_the_beginning(
    servers: RunningStack, database: Database, scene: Scene
) -> None:
    deposits = [scene.announced() for _ in range(3)]
    await scene.tell(*deposits)
    ran = await connect_ops(servers.endpoints, "rebuild", "catalog", "--json")
    built = collection_of(database, ran.report["generation"])
    # Its durable has read everything; the records, and which generation serves, are gone.
    await database["meta"].update_one({"_id": "projection"}, {"$set": {"serving": ran.report["generation"] - 1}})
    await database["meta"].update_one({"_id": "projection"}, {"$unset": {"retired": ""}})
    await built.drop()

    again = await connect_ops(servers.endpoints, "rebuild", "catalog", "--json")
    assert again.report["generation"] == ran.report["generation"]
    assert await built.count_documents({"_id": {"$in": [each.data.document for each in deposits]}}) == len(deposits)
