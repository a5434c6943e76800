"""The catalog's own database user can add to the journal and its seals, and do nothing else to them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from chassis.mongo import Collection, Database, connected, sibling
from pymongo.errors import OperationFailure

from tests.suites.catalog_journal import entry
from tests.support.running import RunningStack

UNAUTHORIZED = 13
COLLECTIONS = ("audit", "audit_seals", "audit_stamps")
ANY = {"_id": {"$gte": 0}}
DEEDS: dict[str, Callable[[Collection], Awaitable[Any]]] = {
    "update": lambda held: held.update_one(ANY, {"$set": {"entry.actor": "somebody-else"}}),
    "upsert": lambda held: held.update_one({"_id": 1}, {"$set": {"a": 1}}, upsert=True),
    "replace": lambda held: held.replace_one(ANY, {}),
    "delete": lambda held: held.delete_many(ANY),
    "find and modify": lambda held: held.find_one_and_delete(ANY),
    "drop": lambda held: held.drop(),
    "drop the database": lambda held: held.database.client.drop_database(held.database.name),
    "rename": lambda held: held.rename("elsewhere"),
    "drop an index": lambda held: held.drop_indexes(),
    "cap": lambda held: held.database.command("convertToCapped", held.name, size=4096),
    "let expire": lambda held: held.database.command("collMod", held.name, validator={"_id": 0}),
    "give oneself more": lambda held: held.database.command("createRole", "more", privileges=[], roles=["readWrite"]),
}


@pytest.fixture
async def own(servers: RunningStack) -> AsyncIterator[Database]:
    env = servers.env("catalog")
    async with connected(env["CATALOG_MONGO_URL"], env["CATALOG_MONGO_DATABASE"]) as database:
        yield database


@pytest.fixture
async def archive(own: Database) -> Database:
    archive = sibling(own, "catalog_audit")
    journal = MongoJournal(archive)
    await journal.prepare()
    assert await journal.write(entry())
    assert await journal.last()
    assert await MongoSeals(archive, own).all() is not None
    return archive


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("deed", DEEDS)
async def test_the_service_can_do_nothing_to_what_was_written(archive: Database, collection: str, deed: str) -> None:
    with pytest.raises(OperationFailure) as refused:
        await DEEDS[deed](archive[collection])
    assert refused.value.code == UNAUTHORIZED


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("mode", ["replace", "merge"])
async def test_nor_by_way_of_another_collection(own: Database, archive: Database, collection: str, mode: str) -> None:
    into = {"db": archive.name, "coll": collection}
    stage = {"$merge": {"into": into, "whenMatched": mode, "whenNotMatched": "insert"}}
    with pytest.raises(OperationFailure) as refused:
        await own["decisions"].aggregate([stage]).to_list(1)
    assert refused.value.code == UNAUTHORIZED


async def test_no_other_service_sees_the_journal(servers: RunningStack) -> None:
    for service in ("upload", "notify", "ged-mover"):
        env = servers.env(service)
        prefix = service.replace("-", "_").upper()
        async with connected(env[f"{prefix}_MONGO_URL"], "catalog_audit") as elsewhere:
            with pytest.raises(OperationFailure) as refused:
                await elsewhere["audit"].find_one()
            assert refused.value.code == UNAUTHORIZED
