"""A client of the local object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from .environment import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def connect(endpoint: str, *, access_key: str, secret_key: str, connections: int = 10) -> S3Client:
    """boto3 as this store wants it: paths instead of host names, checksums only where they are asked for.

    `connections` is how many threads may ask at a time without one waiting for another's.
    """
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            max_pool_connections=connections,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
