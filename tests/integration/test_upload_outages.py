"""Intake while the broker or the store is away, and what it hears when they are back."""

from datetime import UTC, datetime
from typing import Any

import httpx
import nats
from contracts.envelope import envelop
from contracts.events import Archived

from tests.support.eventually import eventually
from tests.support.intake import (
    STREAM,
    Intake,
    headers,
    sha256_in_staging,
)
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import TusClient


async def test_while_the_broker_is_away_files_are_taken_and_announced_later(
    servers: RunningStack, intake: Intake, client: TusClient, http: httpx.AsyncClient, records: Any
) -> None:
    sample = invoice("facture.pdf")
    await servers.down("nats")
    try:
        path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
        document = await client.finish(path, sample)
        record = await records.find_one({"_id": document})
        assert (record["state"], record["owed"][0]["published_at"]) == ("owed", None)
    finally:
        await servers.up("nats")

    async def published() -> bool:
        found = await records.find_one({"_id": document})
        return found["owed"][0]["published_at"] is not None

    await eventually(published, within=20)


async def test_what_was_archived_is_settled_and_still_answers(
    servers: RunningStack, intake: Intake, client: TusClient, records: Any
) -> None:
    sample = invoice("facture.pdf")
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    document = await client.finish(path, sample)
    archived = envelop(
        Archived(
            document=document,
            office="14",
            client="earl-du-chene",
            space="deposits",
            bucket="ged",
            key=f"14/earl-du-chene/{document}",
            version_id="1",
            sha256=sample.sha256,
            archived_at=datetime.now(UTC),
        )
    )
    ops = servers.endpoints["nats"]
    broker = await nats.connect(ops["url"], user=ops["user"], password=ops["password"])
    try:
        await broker.jetstream().publish(archived.topic, archived.encode())
    finally:
        await broker.close()

    async def settled() -> bool:
        found = await records.find_one({"_id": document})
        # What the journal is owed has no successor: it goes with its second publication, minutes later.
        return (found["state"], [each for each in found["owed"] if each["awaits_successor"]]) == ("settled", [])

    await eventually(settled, within=15)
    assert await client.offset(path) == sample.size


async def test_while_the_store_is_away_no_answer_makes_a_client_start_anew(
    servers: RunningStack, intake: Intake, client: TusClient, http: httpx.AsyncClient
) -> None:
    sample = invoice("facture.pdf", size=60_000)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    await servers.down("weed")
    try:
        sent = headers(intake, Upload_Offset="0") | STREAM
        answer = await http.patch(intake.first.base + path, content=sample.content, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert (await http.head(intake.first.base + path, headers=headers(intake))).status_code in (200, 423)
    finally:
        await servers.up("weed")
    await client.finish(path, sample)
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_ready_replica_has_read_who_may_ask_and_whose_sessions_are_void(
    intake: Intake, http: httpx.AsyncClient
) -> None:
    answer = await http.get(f"{intake.first.base}/readyz")
    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert (checks["directory"], checks["revoked"]) == ("ok", "ok")
