"""What a real store has lost ends an upload: whoever asks is told, and the file may come again."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from chassis.mongo import connected
from upload.model import Tail
from upload.mongo import MongoUploads

from tests.suites.uploads import an_upload
from tests.support.eventually import eventually
from tests.support.intake import STREAM, Intake, created, headers, keys_in_staging, path_of, stored
from tests.support.samples import invoice

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def uploads(intake: Intake) -> AsyncIterator[MongoUploads]:
    async with connected(intake.env["UPLOAD_MONGO_URL"], intake.env["UPLOAD_MONGO_DATABASE"]) as database:
        yield MongoUploads(database)


def lose(intake: Intake, key: str) -> None:
    s3 = stored(intake)
    try:
        s3.delete_object(Bucket="staging", Key=key)
    finally:
        s3.close()


async def test_an_upload_whose_tail_is_lost_is_refused_and_the_file_may_come_again(
    intake: Intake, http: httpx.AsyncClient
) -> None:
    sample = invoice("facture.pdf", size=90_000)
    same = {"deposit": str(uuid.uuid4()), "file": str(uuid.uuid4())}
    path = path_of(await created(intake, http, length=sample.size, **same))
    url, first = intake.first.base + path, headers(intake, Upload_Offset="0") | STREAM
    (await http.patch(url, content=sample.content[:40_000], headers=first)).raise_for_status()
    (tail,) = keys_in_staging(intake, f"tails/{path.rpartition('/')[2]}/")
    lose(intake, tail)
    rest = headers(intake, Upload_Offset="40000") | STREAM
    answer = await http.patch(url, content=sample.content[40_000:], headers=rest)
    assert (answer.status_code, answer.json()["code"]) == (422, "parts_lost")
    assert (await http.head(url, headers=headers(intake))).status_code == 410
    assert path_of(await created(intake, http, length=sample.size, **same)) != path


@pytest.mark.parametrize("lost", ["tail", "document"])
async def test_an_upload_that_is_lost_before_its_verdict_is_refused_by_the_sweeper(
    intake: Intake, http: httpx.AsyncClient, uploads: MongoUploads, records: Any, lost: str
) -> None:
    whole: dict[str, Any] = {"offset": 1000, "due": PAST, "whole_at": PAST}
    if lost == "tail":
        upload = an_upload(**whole, tail=Tail(key=f"tails/{uuid.uuid4()}/1000-1", size=1000))
    else:
        upload = an_upload(**whole, state="assembled")
    await uploads.add(upload)

    async def refused() -> bool:
        record = await records.find_one({"_id": upload.id})
        return (record["state"], record["code"]) == ("refused", "parts_lost")

    await eventually(refused, within=20)
    answer = await http.head(f"{intake.first.base}/uploads/{upload.id}", headers=headers(intake))
    assert answer.status_code == 410
