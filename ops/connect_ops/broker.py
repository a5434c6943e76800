"""The streams, as an operator sees them: what stands in them, and how it leaves. No nats-py type leaves this module."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import nats.errors
import nats.js.errors
from catalog.directory_kv import DirectoryBucket, entries_of
from chassis.errors import Unavailable
from chassis.jetstream import JetStreamBus
from chassis.jetstream_source import BROKER_DOWN
from chassis.kv import delete
from contracts.directory import client_key
from contracts.streams import DIRECTORY, DOCUMENTS
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, RawStreamMsg

from connect_ops.letters import Stored
from connect_ops.settings import OpsSettings

# Seconds.
_PATIENCE = 10.0
_FETCH_WAIT = 30.0
_ACK_WAIT = 30.0
_BATCH = 500
# The services' own on the documents' stream, beside the one that feeds the serving generation of the catalog.
DURABLES = (
    *("upload-settlement", "catalog-settlement", "notify-digests"),
    *("ged-mover-moves", "ged-mover-cleanup", "ged-mover-erasures", "ged-mover-retention"),
)
# "no message found", "message not found": somebody else removed it.
_GONE = (10037, 10043)
_NO_STREAM = 10059


@dataclass(frozen=True)
class Reading:
    """How far a consumer is: messages that it was not given yet, and those that it has not acknowledged; `acknowledged`
    is the sequence up to which it has all."""

    name: str
    waiting: int
    in_hand: int
    redelivered: int
    acknowledged: int
    filters: tuple[str, ...]


class Broker:
    """All raise Unavailable."""

    def __init__(self, bus: JetStreamBus, jetstream: JetStreamContext) -> None:
        self._bus = bus
        self._jetstream = jetstream

    async def read(self, stream: str, *, subject: str = ">") -> AsyncIterator[Stored]:
        """Every message that a stream holds now, in its order. Where one does not come, Unavailable
        (`stream_not_read_whole`) is raised in its place."""
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60)
        with _translated():
            source = await self._jetstream.pull_subscribe(subject, stream=stream, config=config)
            try:
                left, read = (await source.consumer_info()).num_pending or 0, 0
                while left:
                    messages = await _fetched(source, min(left, _BATCH), read=read)
                    if not messages:
                        break
                    for message in messages:
                        left, read = message.metadata.num_pending, read + 1
                        # What is lost with a torn line is not sent again: this consumer acknowledges nothing.
                        if message.metadata.sequence.consumer != read:
                            raise Unavailable("stream_not_read_whole")
                        yield Stored(
                            message.metadata.sequence.stream,
                            message.subject,
                            message.data,
                            message.headers or {},
                            message.metadata.timestamp,
                        )
            finally:
                await source.unsubscribe()

    async def read_queue(self, stream: str) -> AsyncIterator[Stored]:
        """The same of a work queue, which no reader may consume from; a question a message."""
        found = await self.next(stream, after=0)
        while found:
            yield found
            found = await self.next(stream, after=found.sequence)

    async def next(self, stream: str, *, after: int, subject: str = ">") -> Stored | None:
        """The first message after a sequence, on subjects that match."""
        with _translated(), suppress(nats.js.errors.NotFoundError):
            return _stored(await self._jetstream.get_msg(stream, seq=after + 1, subject=subject, next=True))
        return None

    async def message(self, stream: str, sequence: int) -> Stored | None:
        """The message with that sequence, None where there is none."""
        with _translated(), suppress(nats.js.errors.NotFoundError):
            return _stored(await self._jetstream.get_msg(stream, seq=sequence))
        return None

    async def consumers(self, stream: str) -> Sequence[Reading]:
        """How far everybody is who reads a stream by a durable; who only looks in is left out."""
        found: list[ConsumerInfo] = []
        with _translated():
            while page := await self._jetstream.consumers_info(stream, offset=len(found)):
                found += page
        return [_reading(each) for each in found if each.config.durable_name]

    async def declare_reader(self, name: str, only: str) -> None:
        """A durable consumer of the documents' stream for somebody outside, with that filter; where it is, it stays."""
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subject=only,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT,
            max_deliver=-1,
        )
        with _translated():
            await self._jetstream.add_consumer(DOCUMENTS.name, config)

    async def remove_reader(self, name: str) -> bool:
        """Remove such a consumer; False where there is none."""
        with _translated():
            try:
                return await self._jetstream.delete_consumer(DOCUMENTS.name, name)
            except nats.js.errors.NotFoundError:
                return False

    async def publish(self, subject: str, payload: bytes, *, id: str, headers: Mapping[str, str]) -> None:  # noqa: A002 (the broker's word)
        """Store a message, once for each id within the stream's duplicate window."""
        await self._bus.publish(subject, payload, message_id=id, headers=headers)

    async def erase(self, stream: str, sequence: int) -> bool:
        """Remove a message and overwrite its bytes on disk; False where it is gone already."""
        with _translated():
            try:
                # Without `no_erase` the server overwrites what it removes.
                return await self._jetstream.delete_msg(stream, sequence)
            except nats.js.errors.NotFoundError:
                return False
            except nats.js.errors.APIError as error:
                if error.err_code in _GONE:
                    return False
                raise

    async def late(self, sequence: int, *, generation: int) -> Sequence[str]:
        """The services' durables on the documents' stream that have yet to acknowledge something up to a sequence."""
        late = []
        for name in (*DURABLES, f"catalog-projection-g{generation}"):
            with _translated(), suppress(nats.js.errors.NotFoundError):
                if not _has_passed(await self._jetstream.consumer_info(DOCUMENTS.name, name), sequence):
                    late.append(name)
        return late

    async def directory(self) -> tuple[DirectoryBucket, dict[str, bytes]]:
        """The directory's bucket, and its entries as they are now."""
        return DirectoryBucket(self._bus), await entries_of(self._bus)

    async def entry(self, office: str, client: str) -> bytes | None:
        """The client's entry of the directory."""
        with _translated(), suppress(nats.js.errors.NotFoundError):
            found = await self._jetstream.get_last_msg(f"KV_{DIRECTORY.name}", _entry_subject(office, client))
            return found.data or None
        return None

    async def remove_entry(self, office: str, client: str) -> None:
        """Put the mark of its deletion in place of the client's entry, which the services hear of at once. (A bucket
        denies the deletion of single messages.)"""
        await delete(self._bus, bucket=DIRECTORY.name, key=client_key(office, client))


@asynccontextmanager
async def opened(settings: OpsSettings) -> AsyncIterator[Broker]:
    """The broker, for a command. Raises Unavailable."""
    async with connected(settings) as bus:
        yield Broker(bus, (await bus.ready()).jetstream(timeout=_PATIENCE))


@asynccontextmanager
async def jetstream(settings: OpsSettings) -> AsyncIterator[JetStreamContext]:
    """JetStream itself, for what declares streams. Raises Unavailable."""
    async with connected(settings) as bus:
        with _translated():
            yield (await bus.ready()).jetstream(timeout=_PATIENCE)


@asynccontextmanager
async def connected(settings: OpsSettings) -> AsyncIterator[JetStreamBus]:
    """The bus, for what takes it as a service does. Raises Unavailable."""
    password = settings.nats_password.get_secret_value()
    async with JetStreamBus(url=settings.nats_url, user=settings.nats_user, password=password, name="ops") as bus:
        await bus.ready(_PATIENCE)
        yield bus


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except nats.js.errors.ServiceUnavailableError as error:
        raise Unavailable("broker_unreachable") from error
    except nats.js.errors.APIError as error:
        if error.err_code == _NO_STREAM:
            raise Unavailable("stream_missing") from error
        raise  # a right that is missing, or a bug: no waiting mends it
    except BROKER_DOWN as error:
        raise Unavailable("broker_unreachable") from error


async def _fetched(source: JetStreamContext.PullSubscription, count: int, *, read: int) -> Sequence[Msg]:
    """As many messages, or some of them; none where what was left has been erased since. Raises Unavailable where none
    comes, though they are there, or were sent after those that were `read`."""
    with suppress(TimeoutError):
        if found := await source.fetch(count, timeout=_FETCH_WAIT):
            return found
    now = await source.consumer_info()
    if now.num_pending or (now.delivered.consumer_seq if now.delivered else 0) != read:
        raise Unavailable("stream_not_read_whole")
    return ()


def _stored(found: RawStreamMsg) -> Stored:
    return Stored(found.seq or 0, found.subject or "", found.data or b"", found.headers or {}, found.time)


def _reading(consumer: ConsumerInfo) -> Reading:
    config, acknowledged = consumer.config, consumer.ack_floor
    one = [config.filter_subject] if config.filter_subject else []
    return Reading(
        name=consumer.name,
        waiting=consumer.num_pending or 0,
        in_hand=consumer.num_ack_pending or 0,
        redelivered=consumer.num_redelivered or 0,
        acknowledged=acknowledged.stream_seq if acknowledged else 0,
        filters=tuple(config.filter_subjects or one or [">"]),
    )


def _entry_subject(office: str, client: str) -> str:
    return f"$KV.{DIRECTORY.name}.{client_key(office, client)}"


def _has_passed(consumer: ConsumerInfo, sequence: int) -> bool:
    delivered: Any = consumer.delivered
    acknowledged: Any = consumer.ack_floor
    all_given = not consumer.num_pending or delivered.stream_seq >= sequence
    return all_given and (not consumer.num_ack_pending or acknowledged.stream_seq >= sequence)
