"""What intake refuses over HTTP, with which status, and what it then keeps: nothing."""

import base64
import hashlib
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.intake import (
    MIB,
    STREAM,
    Intake,
    created,
    headers,
    keys_in_staging,
    path_of,
    sha256_in_staging,
)
from tests.support.samples import invoice
from tests.support.tus import TusClient


async def test_a_wrong_checksum_is_460_and_none_of_its_bytes_is_kept(intake: Intake, http: httpx.AsyncClient) -> None:
    sample = invoice("facture.pdf", size=20 * MIB)
    path = path_of(await created(intake, http, length=sample.size))
    for content, wanted, status, offset in (
        (sample.content[:MIB], b"something else", 460, 0),
        (sample.content[: 9 * MIB], b"something else", 460, 0),
        (sample.content[: 9 * MIB], sample.content[: 9 * MIB], 204, 9 * MIB),
        (sample.content[9 * MIB :], b"something else", 460, 9 * MIB),
        (sample.content[9 * MIB :], sample.content[9 * MIB :], 204, sample.size),
    ):
        checksum = "sha256 " + base64.b64encode(hashlib.sha256(wanted).digest()).decode()
        at = await TusClient(http, base=intake.first.base, token=intake.issuer.token("earl-du-chene")).offset(path)
        answer = await http.patch(
            intake.first.base + path,
            content=content,
            headers=headers(intake, Upload_Offset=str(at), Upload_Checksum=checksum) | STREAM,
        )
        assert answer.status_code == status
        head = await http.head(intake.first.base + path, headers=headers(intake))
        assert head.headers["Upload-Offset"] == str(offset)
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_finished_upload_can_not_be_cancelled(
    intake: Intake, client: TusClient, http: httpx.AsyncClient
) -> None:
    sample = invoice("facture.pdf")
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    await client.finish(path, sample)
    assert (await http.delete(intake.first.base + path, headers=headers(intake))).status_code == 409


async def test_content_that_is_not_what_its_name_says_is_refused_and_removed(
    intake: Intake, http: httpx.AsyncClient, records: Any
) -> None:
    path = path_of(await created(intake, http, length=1000))
    document = path.rpartition("/")[2]
    answer = await http.patch(
        intake.first.base + path, content=b"MZ" + bytes(998), headers=headers(intake, Upload_Offset="0") | STREAM
    )
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.json()["code"] == "type_mismatch"
    await eventually(lambda: not keys_in_staging(intake, document), within=10)
    record = await records.find_one({"_id": document})
    assert record["owed"][0]["topic"] == "connect.v1.documents.rejected.14"
    assert (await http.head(intake.first.base + path, headers=headers(intake))).status_code == 410


async def test_an_outsider_gets_404_for_every_verb(intake: Intake, client: TusClient, http: httpx.AsyncClient) -> None:
    path = await client.create(invoice("a.pdf"), {"filename": "a.pdf", "folder": "comptable"})
    outsider = headers(intake, "second-client", Upload_Offset="0") | STREAM
    for method in ("HEAD", "PATCH", "DELETE"):
        assert (await http.request(method, intake.first.base + path, headers=outsider)).status_code == 404
    assert (await http.get(f"{intake.first.base}{path}/receipt", headers=outsider)).status_code == 404
    assert await client.offset(path) == 0
