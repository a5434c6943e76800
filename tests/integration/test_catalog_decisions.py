"""A decision's event: owed while the broker is down, and struck by what follows from it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chassis.mongo import Database, connected
from contracts.envelope import envelop

from contracts import events as e
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.eventually import eventually
from tests.support.running import RunningStack


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("catalog")
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as opened:
        yield opened


async def test_a_decision_stands_while_the_broker_is_down_and_is_told_when_it_is_back(
    servers: RunningStack, database: Database, tmp_path: Path
) -> None:
    with CatalogProcess(servers.env("catalog"), log=tmp_path / "log") as replica:
        await replica.ready()
        async with Scene(servers.endpoints, replica) as scene, scene.browser("accountant") as http:
            deposit = scene.announced()
            document = deposit.data.document
            await scene.tell(deposit, archived(deposit))
            await scene.shown(http, deposit, "archived")

            await servers.down("nats")
            try:
                answer = await http.post(f"/api/documents/{document}/take")
                listed = (await http.get("/api/documents", params={"state": "taken"})).json()["documents"]
            finally:
                await servers.up("nats")
            assert (answer.status_code, answer.json()["state"]) == (200, "taken")
            assert [each["id"] for each in listed] == [document]

            async def owed() -> list[Any]:
                record = await database["decisions"].find_one({"_id": document})
                assert record is not None
                found: list[Any] = record["owed"]
                # What the journal is owed has no successor to settle it.
                return [each for each in found if each["awaits_successor"]]

            told = await eventually(lambda: scene.told("taken"), within=30)
            assert told[0]["data"]["document"] == document
            assert len(await owed()) == 1
            facts = {"document": document, "office": scene.office, "client": scene.client}
            until = {"until": "2037-12-31T00:00:00Z", "mode": "GOVERNANCE"}
            await scene.tell(envelop(e.Retained.model_validate({**facts, **until})))

            async def settled() -> bool:
                return await owed() == []

            await eventually(settled, within=20)
