"""Intake over HTTP, as a tus client meets it: two replicas on the real servers."""

import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import KeySet

from tests.support.eventually import eventually
from tests.support.intake import (
    MIB,
    STREAM,
    Intake,
    created,
    headers,
    keys_in_staging,
    path_of,
    said,
    sha256_in_staging,
)
from tests.support.samples import invoice
from tests.support.tus import TusClient


async def test_options_tells_what_is_offered_without_a_token(intake: Intake, http: httpx.AsyncClient) -> None:
    answer = await http.options(f"{intake.first.base}/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == str(200 * MIB)
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,termination,expiration,checksum"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert answer.headers["Tus-Resumable"] == "1.0.0"


async def test_a_small_file_arrives_whole_and_is_announced_with_its_receipt(
    intake: Intake, http: httpx.AsyncClient, records: Any
) -> None:
    sample = invoice("facture été.pdf", size=60_000)
    path = path_of(await created(intake, http, length=sample.size, filename=sample.name, alert="jeanny-jerome"))
    document = path.rpartition("/")[2]
    answer = await http.patch(
        intake.first.base + path, content=sample.content, headers=headers(intake, Upload_Offset="0") | STREAM
    )
    assert answer.status_code == 204
    assert answer.headers["Upload-Offset"] == "60000"
    assert answer.headers["Connect-Document"] == document
    assert sha256_in_staging(intake, document) == sample.sha256
    head = await http.head(intake.second.base + path, headers=headers(intake))
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("60000", "60000")
    assert head.headers["Cache-Control"] == "no-store"
    receipt = (await http.get(f"{intake.second.base}{path}/receipt", headers=headers(intake))).json()
    keys = KeySet.import_key_set((await http.get(f"{intake.first.base}/uploads/receipt-keys")).json())
    proof = jws.deserialize_compact(answer.headers["Connect-Receipt"], keys, algorithms=["Ed25519"])
    assert receipt["signature"] == answer.headers["Connect-Receipt"]
    assert receipt["sha256"] == sample.sha256
    assert receipt["name"].encode() in proof.payload
    record = await records.find_one({"_id": document})
    assert record["state"] == "owed"
    assert record["owed"][0]["topic"] == "connect.v1.documents.deposited.14"


async def test_creation_with_upload_tells_how_far_it_came(intake: Intake, http: httpx.AsyncClient) -> None:
    sample = invoice("facture.pdf", size=50_000)
    asked = headers(intake, Upload_Length="50000", Upload_Metadata=said()) | STREAM
    partly = await http.post(f"{intake.first.base}/uploads", headers=asked, content=sample.content[:20_000])
    assert (partly.status_code, partly.headers["Upload-Offset"]) == (201, "20000")
    assert "Connect-Document" not in partly.headers
    whole = await http.post(f"{intake.first.base}/uploads", headers=asked, content=sample.content)
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, "50000")
    assert sha256_in_staging(intake, whole.headers["Connect-Document"]) == sample.sha256


async def test_the_same_file_of_the_same_deposit_is_created_once(intake: Intake, http: httpx.AsyncClient) -> None:
    sample = invoice("facture.pdf", size=30_000)
    same = {"file": str(uuid.uuid4()), "deposit": str(uuid.uuid4())}
    first = await created(intake, http, length=sample.size, **same)
    again = await http.post(
        f"{intake.second.base}/uploads",
        headers=headers(intake, Upload_Length="30000", Upload_Metadata=said(**same)) | STREAM,
        content=sample.content,
    )
    assert again.status_code == 201
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Upload-Offset"] == "0"


async def test_a_cancelled_upload_is_gone_with_its_bytes_and_announced_as_abandoned(
    intake: Intake, client: TusClient, http: httpx.AsyncClient, records: Any
) -> None:
    sample = invoice("grand livre.pdf", size=20 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable", "file": sample.file})
    document = path.rpartition("/")[2]
    await client.send(path, sample.content[: 9 * MIB], offset=0)
    assert keys_in_staging(intake, f"tails/{document}/")
    answer = await http.delete(intake.second.base + path, headers=headers(intake))
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert (await http.head(intake.first.base + path, headers=headers(intake))).status_code == 410
    await eventually(lambda: not keys_in_staging(intake, f"tails/{document}/"), within=10)
    record = await records.find_one({"_id": document})
    assert record["state"] == "abandoned"
    assert record["owed"][0]["topic"] == "connect.v1.documents.abandoned.14"
    assert await client.create(sample, {"filename": sample.name, "folder": "comptable", "file": sample.file}) != path


async def test_an_expired_upload_is_abandoned_and_its_bytes_are_removed(
    intake: Intake, client: TusClient, http: httpx.AsyncClient, records: Any
) -> None:
    sample = invoice("facture.pdf", size=50_000)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    document = path.rpartition("/")[2]
    await client.send(path, sample.content[:20_000], offset=0)
    head = await http.head(intake.first.base + path, headers=headers(intake))
    assert "GMT" in head.headers["Upload-Expires"]
    await records.update_one({"_id": document}, {"$set": {"due": datetime.now(UTC)}})

    async def expired() -> bool:
        return (await http.head(intake.first.base + path, headers=headers(intake))).status_code == 410

    await eventually(expired, within=10)
    await eventually(lambda: not keys_in_staging(intake, f"tails/{document}/"), within=10)
    record = await records.find_one({"_id": document})
    assert (record["state"], record["code"]) == ("abandoned", "expired")


async def test_a_post_that_means_another_method_is_taken_for_it(
    intake: Intake, client: TusClient, http: httpx.AsyncClient
) -> None:
    sample = invoice("a.pdf")
    path = await client.create(sample, {"filename": "a.pdf", "folder": "comptable"})
    patched = headers(intake, Upload_Offset="0", X_HTTP_Method_Override="PATCH") | STREAM
    answer = await http.post(intake.first.base + path, content=sample.content[:100], headers=patched)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "100")
    deleted = headers(intake, X_HTTP_Method_Override="DELETE")
    assert (await http.post(intake.first.base + path, headers=deleted)).status_code == 204
    assert (await http.post(intake.first.base + path, headers=headers(intake))).status_code == 405


async def test_a_collaborator_publishes_for_a_client_they_advise_alone(
    intake: Intake, http: httpx.AsyncClient, records: Any
) -> None:
    sample = invoice("bilan.pdf")
    place = {"space": "published", "client": "earl-du-chene", "folder": "Bilan"}
    answer = await created(intake, http, length=sample.size, sub="conseil-14", **place)
    assert answer.status_code == 404
    path = path_of(await created(intake, http, length=sample.size, sub="jeanny-jerome", **place))
    sent = headers(intake, "jeanny-jerome", Upload_Offset="0") | STREAM
    assert (await http.patch(intake.first.base + path, content=sample.content, headers=sent)).status_code == 204
    record = await records.find_one({"_id": path.rpartition("/")[2]})
    assert record["owed"][0]["topic"] == "connect.v1.documents.published.14"
    asked = await created(intake, http, length=5, sub="admin-14", **place)
    assert asked.status_code == 403


async def test_a_deposit_is_closed_once(
    intake: Intake, client: TusClient, http: httpx.AsyncClient, records: Any
) -> None:
    deposit, sample = str(uuid.uuid4()), invoice("a.pdf")
    path = await client.create(sample, {"filename": "a.pdf", "folder": "comptable", "deposit": deposit})
    document = await client.finish(path, sample)
    for _ in range(2):
        answer = await http.post(
            f"{intake.second.base}/uploads/deposits/{deposit}/close",
            json={"documents": [document]},
            headers=headers(intake),
        )
        assert answer.status_code == 204
    topic = "connect.v1.documents.deposit_closed.14"
    assert [each["owed"][0]["topic"] async for each in records.find({"_id": {"$regex": "^closing:"}})] == [topic]
    foreign = await http.post(
        f"{intake.first.base}/uploads/deposits/{deposit}/close",
        json={"documents": []},
        headers=headers(intake, "second-client"),
    )
    assert foreign.status_code == 404
