"""Intake on two replicas, as the suites under `integration/` ask it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config

from .upload_replicas import ISSUER, Issuer, UploadReplica

MIB = 1024 * 1024
STREAM = {"Content-Type": "application/offset+octet-stream"}


@dataclass
class Intake:
    """Two replicas, and who may ask them."""

    first: UploadReplica
    second: UploadReplica
    issuer: Issuer
    env: dict[str, str]


def stored(intake: Intake) -> Any:
    """A client of the store, with intake's keys."""
    setting = {
        name: intake.env[f"UPLOAD_STAGING__{name}"] for name in ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")
    }
    return boto3.client(
        "s3",
        endpoint_url=setting["ENDPOINT"],
        region_name=setting["REGION"],
        aws_access_key_id=setting["ACCESS_KEY"],
        aws_secret_access_key=setting["SECRET_KEY"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def sha256_in_staging(intake: Intake, document: str) -> str:
    """The hash of what the store holds at the document's key."""
    s3 = stored(intake)
    try:
        return hashlib.sha256(s3.get_object(Bucket="staging", Key=document)["Body"].read()).hexdigest()
    finally:
        s3.close()


def keys_in_staging(intake: Intake, prefix: str) -> list[str]:
    """Keys that begin so."""
    s3 = stored(intake)
    try:
        return [each["Key"] for each in s3.list_objects_v2(Bucket="staging", Prefix=prefix).get("Contents", ())]
    finally:
        s3.close()


def said(**values: str) -> str:
    """`Upload-Metadata` of a deposited invoice, with other values."""
    known = {"filename": "facture.pdf", "folder": "comptable", **values}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in known.items())


def headers(intake: Intake, sub: str = "earl-du-chene", **more: str) -> dict[str, str]:
    """Headers of a request by this person; `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {intake.issuer.token(sub)}", **named}


async def created(
    intake: Intake, http: httpx.AsyncClient, *, length: int, sub: str = "earl-du-chene", **metadata: str
) -> httpx.Response:
    """Ask for an upload."""
    asked = headers(intake, sub, Upload_Length=str(length), Upload_Metadata=said(**metadata))
    return await http.post(f"{intake.first.base}/uploads", headers=asked)


def path_of(answer: httpx.Response) -> str:
    """Where a created upload is."""
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].removeprefix(ISSUER)
