"""The store lets each key do what its service needs, and nothing else: asked of the store itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.running import RunningStack


def _s3(servers: RunningStack, service: str, block: str, *, secret: str | None = None) -> Any:
    env, prefix = servers.env(service), f"{service.replace('-', '_').upper()}_{block}__"
    secret_key = secret or env[f"{prefix}SECRET_KEY"]
    return _client(env[f"{prefix}ENDPOINT"], access_key=env[f"{prefix}ACCESS_KEY"], secret_key=secret_key)


def _client(endpoint: str, *, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _is_refused(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def test_the_catalog_reads_documents_and_cannot_write_or_remove_them(servers: RunningStack) -> None:
    _s3(servers, "upload", "STAGING").put_object(Bucket="staging", Key="rights-staged", Body=b"staged")
    _s3(servers, "ged-mover", "GED").put_object(Bucket="ged", Key="rights/archived", Body=b"archived")
    for block, key in (("STAGING", "rights-staged"), ("GED", "rights/archived")):
        bucket, s3 = block.lower(), _s3(servers, "catalog", block)
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"changed")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key=key)


# Who reaches which bucket with which of their keys.
REACHED = {
    ("upload", "STAGING"): "staging",
    ("ged-mover", "STAGING"): "staging",
    ("ged-mover", "GED"): "ged",
    ("catalog", "STAGING"): "staging",
    ("catalog", "GED"): "ged",
}


@pytest.mark.parametrize(("service", "block"), REACHED)
def test_a_key_reaches_nothing_in_another_bucket(servers: RunningStack, service: str, block: str) -> None:
    other = "ged" if REACHED[service, block] == "staging" else "staging"
    _s3(servers, "ged-mover", other.upper()).put_object(Bucket=other, Key="rights-held", Body=b"held")
    s3 = _s3(servers, service, block)
    asked: list[Callable[[], object]] = [
        lambda: s3.get_object(Bucket=other, Key="rights-held"),
        lambda: s3.head_object(Bucket=other, Key="rights-held"),
        lambda: s3.put_object(Bucket=other, Key="rights-intruder", Body=b""),
        lambda: s3.delete_object(Bucket=other, Key="rights-held"),
        lambda: s3.list_objects_v2(Bucket=other),
        lambda: s3.create_multipart_upload(Bucket=other, Key="rights-intruder"),
        lambda: s3.copy_object(
            Bucket=REACHED[service, block], Key="rights-copied", CopySource={"Bucket": other, "Key": "rights-held"}
        ),
    ]
    for number, ask in enumerate(asked):
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, number
    assert (
        _s3(servers, "ged-mover", other.upper()).get_object(Bucket=other, Key="rights-held")["Body"].read() == b"held"
    )


@pytest.mark.parametrize(("service", "block"), REACHED)
def test_no_key_of_a_service_changes_what_a_bucket_is(servers: RunningStack, service: str, block: str) -> None:
    bucket, s3 = REACHED[service, block], _s3(servers, service, block)
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    asked: dict[str, Callable[[], object]] = {
        "create": lambda: s3.create_bucket(Bucket="rights-of-its-own"),
        "delete": lambda: s3.delete_bucket(Bucket=bucket),
        "policy": lambda: s3.put_bucket_policy(
            Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
        ),
        "lock": lambda: s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock),
        "encryption": lambda: s3.delete_bucket_encryption(Bucket=bucket),
    }
    assert [what for what, ask in asked.items() if not _is_refused(ask)] == []


@pytest.mark.xfail(strict=True, reason="SeaweedFS counts a bucket's lifecycle among what `Write` allows")
@pytest.mark.parametrize(("service", "block"), [key for key in REACHED if key[0] != "catalog"])
def test_no_key_of_a_service_says_when_objects_expire(servers: RunningStack, service: str, block: str) -> None:
    bucket, store = REACHED[service, block], servers.endpoints["s3"]
    ops = _client(store["endpoint"], access_key=store["access_key"], secret_key=store["secret_key"])
    # What holds already, so that the servers stay as they are for the other tests.
    unchanged = {"Rules": ops.get_bucket_lifecycle_configuration(Bucket="staging")["Rules"]}
    with pytest.raises(ClientError) as refused:
        _s3(servers, service, block).put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=unchanged)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_catalog_neither_lists_nor_locks(servers: RunningStack) -> None:
    _s3(servers, "ged-mover", "GED").put_object(Bucket="ged", Key="rights/archived", Body=b"archived")
    for block in ("STAGING", "GED"):
        with pytest.raises(ClientError, match="AccessDenied"):
            _s3(servers, "catalog", block).list_objects_v2(Bucket=block.lower())
    until = datetime(2037, 12, 31, tzinfo=UTC)
    with pytest.raises(ClientError, match="AccessDenied"):
        _s3(servers, "catalog", "GED").put_object_retention(
            Bucket="ged", Key="rights/archived", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
        )


def test_without_a_key_or_with_a_wrong_one_nothing_is_read(servers: RunningStack) -> None:
    endpoint = servers.env("upload")["UPLOAD_STAGING__ENDPOINT"]
    _s3(servers, "upload", "STAGING").put_object(Bucket="staging", Key="rights-staged", Body=b"staged")
    assert httpx.get(f"{endpoint}/staging/rights-staged").status_code == 403
    assert httpx.get(f"{endpoint}/staging").status_code == 403
    forged = _s3(servers, "upload", "STAGING", secret="wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        forged.get_object(Bucket="staging", Key="rights-staged")


def test_the_mover_can_lock_a_document_and_not_remove_it_then(servers: RunningStack) -> None:
    ged = _s3(servers, "ged-mover", "GED")
    version = ged.put_object(Bucket="ged", Key="rights/locked", Body=b"kept")["VersionId"]
    until = datetime(2037, 12, 31, tzinfo=UTC)
    ged.put_object_retention(
        Bucket="ged", Key="rights/locked", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
    )
    for bypass in (False, True):
        with pytest.raises(ClientError, match="AccessDenied"):
            ged.delete_object(Bucket="ged", Key="rights/locked", VersionId=version, BypassGovernanceRetention=bypass)


def test_what_lies_in_the_ged_is_encrypted_and_has_no_retention_until_it_is_taken(servers: RunningStack) -> None:
    ged = _s3(servers, "ged-mover", "GED")
    ged.put_object(Bucket="ged", Key="rights/fresh", Body=b"fresh")
    head = ged.head_object(Bucket="ged", Key="rights/fresh")
    assert head["ServerSideEncryption"] == "AES256"
    assert "ObjectLockMode" not in head
