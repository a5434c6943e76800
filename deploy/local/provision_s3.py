"""The object store: `staging`, where intake writes, and `ged`, which keeps versions and honours retention."""

from __future__ import annotations

from .credentials import OPS, Credentials
from .environment import GED_BUCKET, STAGING_BUCKET
from .object_store import connect

ABANDONED_PARTS_DAYS = 30
"""Uploads expire after 7 days without a byte; what their sweeper then missed is the store's to remove. It counts from
an upload's beginning, and one that gets a few bytes a week is alive for all that."""


def provision_s3(endpoint: str, credentials: Credentials) -> None:
    """Idempotent. The GED gets no default retention: a document can be withdrawn until it is taken in charge."""
    key = credentials.s3[OPS]
    s3 = connect(endpoint, access_key=key.access_key, secret_key=key.secret_key)
    existing = {bucket.get("Name") for bucket in s3.list_buckets()["Buckets"]}
    if STAGING_BUCKET not in existing:
        s3.create_bucket(Bucket=STAGING_BUCKET)
    if GED_BUCKET not in existing:
        s3.create_bucket(Bucket=GED_BUCKET, ObjectLockEnabledForBucket=True)
    s3.put_bucket_encryption(
        Bucket=GED_BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=STAGING_BUCKET,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "abandoned-parts",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_PARTS_DAYS},
                }
            ]
        },
    )
