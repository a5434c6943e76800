"""The audit trail of a running catalog: what people do is in the journal, and what is done to the journal shows."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from catalog.mongo_seals import MongoSeals
from chassis.mongo import Database, connected
from contracts.envelope import Envelope, envelop
from ged_mover.journal import archival
from upload.journal import reception
from upload.model import Upload, announcement, owed
from upload.signing import ReceiptSigner

from tests.suites.catalog_events import SHA
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.eventually import eventually
from tests.support.running import RunningStack

CONTENT = b"%PDF-1.7 facture".ljust(1001)


@pytest.fixture
async def scene(servers: RunningStack, tmp_path: Path) -> AsyncIterator[Scene]:
    with CatalogProcess(servers.env("catalog"), log=tmp_path / "log") as replica:
        await replica.ready()
        async with Scene(servers.endpoints, replica) as made:
            yield made


@pytest.fixture
async def database(servers: RunningStack) -> AsyncIterator[Database]:
    """The journal's, with the operator's rights: the catalog itself may change nothing there."""
    async with connected(servers.endpoints["mongo"], "catalog_audit") as opened:
        yield opened


async def audit(env: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run `python -m catalog audit …`: exit status, output, errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "catalog", "audit", *arguments),
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def deposited(scene: Scene) -> Envelope:
    """A document in the GED."""
    deposit = scene.announced(sha256=SHA, size=len(CONTENT))
    scene.put("ged", f"{scene.office}/{scene.client}/{deposit.data.document}", CONTENT)
    await scene.tell(deposit, archived(deposit))
    await scene.shown(scene.browser("accountant"), deposit, "archived")
    return deposit


async def journaled(scene: Scene, document: str, count: int) -> list[dict[str, Any]]:
    """A document's entries, once there are that many."""
    http = scene.browser("accountant")

    async def asked() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await http.get(f"/api/documents/{document}/audit")).json()["audit"]
        return found if len(found) >= count else None

    return await eventually(asked, within=30)


async def test_who_saw_took_and_downloaded_what_is_in_the_journal(scene: Scene) -> None:
    document = (await deposited(scene)).data.document
    client, accountant = scene.browser("client"), scene.browser("accountant")
    address = f"/api/documents/{document}"
    assert (await client.get(f"{address}/content?disposition=inline")).content == CONTENT
    for start in range(0, 1000, 100):
        part = {"Range": f"bytes={start}-{start + 99}"}
        assert (await client.get(f"{address}/content?disposition=inline", headers=part)).status_code == 206
    assert (await accountant.get(f"{address}/receipt?format=pdf")).status_code == 200
    assert (await accountant.post("/api/documents/archive", json={"ids": [document]})).status_code == 200
    assert (await accountant.post(f"{address}/take")).status_code == 200

    entries = await journaled(scene, document, 4)
    told = sorted(
        (each["action"], each.get("what"), each["by"]["name"]) for each in entries if each["action"] != "taken"
    )
    assert told == [
        ("downloaded", "archive", "ACCOUNTANT"),
        ("downloaded", "receipt", "ACCOUNTANT"),
        ("viewed", "content", "CLIENT"),
    ]
    (taken,) = [each for each in entries if each["action"] == "taken"]
    assert (taken["revision"], taken["by"]["sub"]) == (1, f"accountant-{scene.office}")
    assert (await client.get(f"{address}/audit")).status_code == 403


async def test_nothing_is_given_that_cannot_be_noted(scene: Scene, database: Database) -> None:
    document = (await deposited(scene)).data.document
    address, accountant = f"/api/documents/{document}", scene.browser("accountant")
    catalog = database.client["catalog"]
    await catalog.command("collMod", "accesses", validator={"_id": {"$exists": False}})
    try:
        refused = [
            await accountant.get(f"{address}/content"),
            await accountant.get(f"{address}/content", headers={"Range": "bytes=0-99"}),
            await accountant.get(f"{address}/receipt"),
            await accountant.get(f"{address}/receipt?format=pdf"),
        ]
        with pytest.raises(httpx.RemoteProtocolError):  # a zip has begun, and ends in the middle
            await accountant.post("/api/documents/archive", json={"ids": [document]})
    finally:
        await catalog.command("collMod", "accesses", validator={})
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(500, "bug")] * len(refused)
    assert (await accountant.get(f"{address}/content")).content == CONTENT


async def test_what_is_given_without_the_broker_is_owed_to_the_journal(scene: Scene, servers: RunningStack) -> None:
    document = (await deposited(scene)).data.document
    accountant = scene.browser("accountant")
    await servers.down("nats")
    try:
        assert (await accountant.get(f"/api/documents/{document}/content")).content == CONTENT
    finally:
        await servers.up("nats")
    assert [each["action"] for each in await journaled(scene, document, 1)] == ["downloaded"]


async def test_the_journal_is_verified_and_exported_and_a_change_is_named(
    scene: Scene, servers: RunningStack, database: Database
) -> None:
    document = (await deposited(scene)).data.document
    accountant = scene.browser("accountant")
    for _ in range(3):
        assert (await accountant.get(f"/api/documents/{document}/content")).status_code == 200
    entries = await journaled(scene, document, 3)
    env = servers.env("catalog")
    status, said, _ = await audit(env, "verify")
    assert (status, said.startswith("The journal is whole: ")) == (0, True)

    _, lines, _ = await audit(env, "export", "--document", document)
    assert [json.loads(line)["hash"] for line in lines.splitlines()] == [each["hash"] for each in entries]
    _, table, _ = await audit(env, "export", "--format", "csv", "--document", document)
    assert len(table.splitlines()) == 4

    changed = entries[1]["seq"]
    record = await database["audit"].find_one({"_id": changed})
    assert record is not None
    try:
        await database["audit"].update_one({"_id": changed}, {"$set": {"entry.actor": "somebody-else"}})
        assert await audit(env, "verify") == (
            1,
            "",
            f"The journal is not whole: entry {changed} was changed: its hash is not that of what it says.\n",
        )
        await database["audit"].delete_one({"_id": changed})
        status, _, errors = await audit(env, "verify")
        assert (status, f"entry {changed} is missing" in errors) == (1, True)
    finally:
        await database["audit"].replace_one({"_id": changed}, record, upsert=True)
    assert (await audit(env, "verify"))[0] == 0


async def test_a_record_that_is_none_any_more_is_named_as_any_other_change(
    scene: Scene, servers: RunningStack, database: Database
) -> None:
    document = (await deposited(scene)).data.document
    await scene.browser("client").get(f"/api/documents/{document}/content")
    await journaled(scene, document, 1)
    env = servers.env("catalog")
    assert (await audit(env, "seal"))[0] == 0
    last = {"sort": [("_id", -1)]}
    for collection, field, changed in (("audit", "hash", None), ("audit_seals", "seal.root", "no root")):
        whole = await database[collection].find_one(**last)
        assert whole
        change = {"$unset": {field: ""}} if changed is None else {"$set": {field: changed}}
        await database[collection].update_one({"_id": whole["_id"]}, change)
        status, _, errors = await audit(env, "verify")
        await database[collection].replace_one({"_id": whole["_id"]}, whole)
        assert status == 1
        assert f"{whole['_id']}: " in errors
        assert "Traceback" not in errors
    assert (await audit(env, "verify"))[0] == 0


async def test_a_seal_is_made_on_demand_told_to_the_office_and_given_with_its_stamp(
    scene: Scene, servers: RunningStack, database: Database, tmp_path: Path
) -> None:
    document = (await deposited(scene)).data.document
    assert (await scene.browser("accountant").get(f"/api/documents/{document}/content")).status_code == 200
    await journaled(scene, document, 1)
    env = servers.env("catalog")
    status, said, errors = await audit(env, "seal")
    assert status == 0, errors
    seal = json.loads(said)
    keys = (await scene.browser(None).get("/.well-known/audit-keys.json")).json()["keys"]
    assert seal["kid"] in [key["kid"] for key in keys]
    # The command writes it; a running catalog's sweeper publishes it.
    (told, *_) = await eventually(lambda: scene.told("sealed", of="audit"), within=30)
    assert {name: told["data"][name] for name in seal} == seal
    assert ", 0 seals" not in (await audit(env, "verify"))[1]

    number = seal["number"]
    assert (await audit(env, "stamp", str(number), str(tmp_path)))[0] == 1
    await MongoSeals(database, database).keep_stamp(number, b"a stamp")
    assert (await audit(env, "stamp", str(number), str(tmp_path)))[0] == 0
    assert (tmp_path / f"seal-{number}.tsr").read_bytes() == b"a stamp"
    assert json.loads((tmp_path / f"seal-{number}.json").read_bytes()) == seal


async def test_a_replica_that_dies_loses_no_entry_and_makes_no_fork(
    scene: Scene, servers: RunningStack, tmp_path: Path
) -> None:
    document = (await deposited(scene)).data.document
    with CatalogProcess(servers.env("catalog"), log=tmp_path / "other.log") as other:
        await other.ready()
        headers = {"Authorization": f"Bearer {scene.token('accountant')}"}
        given = 0
        async with httpx.AsyncClient(base_url=other.url, headers=headers) as http:

            async def read() -> int:
                try:
                    return int((await http.get(f"/api/documents/{document}/content")).status_code == 200)
                except httpx.TransportError:
                    return 0

            for _ in range(3):
                given += sum(await asyncio.gather(*(read() for _ in range(10))))
            reading = asyncio.gather(*(read() for _ in range(20)))
            await asyncio.sleep(0.05)
            other.kill()
            given += sum(await reading)
    assert given >= 30
    # An entry may be there of bytes that nobody got any more, and never the other way round.
    assert len(await journaled(scene, document, given)) <= 50
    status, _, errors = await audit(servers.env("catalog"), "verify")
    assert status == 0, errors


async def test_a_proof_of_the_running_catalog_is_checked_by_the_script(
    scene: Scene, servers: RunningStack, tmp_path: Path
) -> None:
    """Deposit and archive entries as intake and the mover owe them, a receipt signed as theirs."""
    signer = ReceiptSigner(Path(servers.env("upload")["UPLOAD_RECEIPT_KEY_FILE"]))
    deposit = scene.announced(name="Relevé d’août.pdf", sha256=SHA, size=len(CONTENT))
    data = deposit.data
    facts = {"id": data.document, "length": data.size, "creation": None, "alert": (), "created_at": data.deposited_at}
    upload = Upload.model_validate({**data.model_dump(), **facts, "metadata": "", "epoch": 1, "state": "checked"})
    upload = owed(upload, receipt=signer.receipt(upload), now=data.deposited_at)
    told = envelop(announcement(upload, bucket="staging"))
    await scene.tell(told, archived(told), reception(upload, told), archival(archived(told).data))
    await scene.shown(scene.browser("accountant"), told, "archived")
    await journaled(scene, data.document, 2)
    assert (await audit(servers.env("catalog"), "seal"))[0] == 0

    http = scene.browser("accountant")
    answers = {
        "proof": (await http.get(f"/api/documents/{data.document}/proof")).text,
        "audit": (await http.get("/.well-known/audit-keys.json")).text,
        "receipt": json.dumps(signer.public_keys()),
    }
    for name, text in answers.items():
        (tmp_path / name).write_text(text, "utf-8")
    script = Path(__file__).parents[2] / "docs" / "proof" / "verify_proof.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), "proof", "audit", "receipt", cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert json.loads(answers["proof"])["archive"]["sha256"] == SHA


async def _history(
    scene: Scene, env: Mapping[str, str], database: Database
) -> tuple[list[dict[str, Any]], int, dict[str, Any]]:
    """Entries under two seals and one under none: all of them, the first seal's number, the second seal."""
    document = (await deposited(scene)).data.document
    http = scene.browser("accountant")

    async def read(until: int) -> None:
        assert (await http.get(f"/api/documents/{document}/content")).status_code == 200
        await journaled(scene, document, until)

    await read(1)
    old = json.loads((await audit(env, "seal"))[1])["number"]
    for count in (2, 3):
        await read(count)
    lost = json.loads((await audit(env, "seal"))[1])
    await read(4)
    before = [each async for each in database["audit"].find().sort("_id", 1)]
    await eventually(lambda: scene.told("sealed", of="audit"), within=30)
    return before, old, lost


async def test_a_restored_database_gets_back_what_it_lacks_and_no_seal_its_number_twice(
    servers: RunningStack, database: Database, tmp_path: Path
) -> None:
    env = servers.env("catalog")
    with CatalogProcess(env, log=tmp_path / "log") as replica:
        await replica.ready()
        async with Scene(servers.endpoints, replica) as scene:
            before, old, lost = await _history(scene, env, database)
        replica.kill()
    kept = await database["audit_seals"].find_one({"_id": old})
    assert kept
    await database["audit"].delete_many({"_id": {"$gt": kept["seal"]["last"]}})
    await database["audit_seals"].delete_many({"_id": {"$gt": old}})
    with CatalogProcess(env, log=tmp_path / "again.log") as again:
        await again.ready()

        async def is_back() -> bool:
            return [each async for each in database["audit"].find().sort("_id", 1)][: len(before)] == before

        await eventually(is_back, within=60)
        status, said, errors = await audit(env, "seal")
        assert status == 0, errors
        assert json.loads(said)["number"] == lost["number"] + 1
        held = await database["audit_seals"].find_one({"_id": lost["number"]})
        assert held
        assert held["seal"] == lost
        status, _, errors = await audit(env, "verify")
        assert status == 0, errors
