"""NATS: the streams and buckets of the contract, declared by the ops user."""

from __future__ import annotations

import nats
from contracts.streams import BUCKETS, STREAMS, Bucket, Stream
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from .credentials import OPS, Credentials


async def provision_nats(address: str, credentials: Credentials) -> None:
    """Idempotent: a stream that is there is brought to what the contract says. `address` is host:port."""
    client = await nats.connect(f"nats://{address}", user=OPS, password=credentials.nats[OPS], connect_timeout=5)
    try:
        jetstream = client.jetstream()
        for stream in STREAMS:
            await _declare_stream(jetstream, stream)
        for bucket in BUCKETS:
            await _declare_bucket(jetstream, bucket)
    finally:
        await client.close()


async def _declare_stream(jetstream: JetStreamContext, stream: Stream) -> None:
    config = StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        storage=StorageType.FILE,
        retention=RetentionPolicy.WORK_QUEUE if stream.work_queue else RetentionPolicy.LIMITS,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes or -1,
        duplicate_window=stream.duplicate_window,
        allow_msg_schedules=stream.schedules,
        num_replicas=stream.replicas,
    )
    try:
        await jetstream.stream_info(stream.name)
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        await jetstream.update_stream(config)


async def _declare_bucket(jetstream: JetStreamContext, bucket: Bucket) -> None:
    try:
        await jetstream.key_value(bucket.name)
    except NotFoundError:
        await jetstream.create_key_value(
            KeyValueConfig(
                bucket=bucket.name,
                ttl=bucket.ttl or None,
                storage=StorageType.FILE,
                replicas=bucket.replicas,
                direct=True,
            )
        )
