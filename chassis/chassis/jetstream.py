"""The bus on NATS JetStream (nats-py). No nats-py type leaves this module, `jetstream_source` and `kv`.

The client connects in the background and for good: while it is not connected, every call raises Unavailable, so a
service starts and serves what it can without its broker.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import api

from chassis.bus import Consumer, Refused, Source
from chassis.errors import Unavailable
from chassis.jetstream_client import WaryClient
from chassis.jetstream_source import BROKER_DOWN, JetStreamSource, declare_consumer
from chassis.logs import logger
from chassis.metrics import PUBLISHED
from chassis.settings import ServiceSettings

# Seconds.
_RECONNECT_PAUSE = 0.5
_CANCEL_AGAIN = 0.2
# Of what nats-py says, that which no waiting mends: a bug of whoever publishes.
_WRONG_MESSAGE = (nats.errors.MaxPayloadError, nats.errors.BadSubjectError, nats.js.errors.BadRequestError)


@dataclass(frozen=True)
class Holding:
    """What a stream holds: bytes in all, and how many messages on each of the subjects asked for."""

    size: int
    messages: Mapping[str, int]


@dataclass(frozen=True)
class Stored:
    """A message as it stands in a stream."""

    sequence: int
    subject: str
    payload: bytes
    headers: Mapping[str, str]


class JetStreamBus:
    """An async context manager: connects on entry (in the background), drains on exit.

    `url` may name several servers, comma-separated. A denied publish or subscription shows to its caller only as a
    timeout, so it is logged as `nats_permission_denied` with the server's own words.
    """

    def __init__(self, *, url: str, user: str, password: str, name: str) -> None:
        self._options = {
            "servers": url.split(","),
            "user": user,
            "password": password,
            "name": name,
            "inbox_prefix": f"_INBOX_{user}".encode(),
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _RECONNECT_PAUSE,
            "connect_timeout": 2,
            "ping_interval": 5,
            "max_outstanding_pings": 2,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnect,
            "reconnected_cb": self._on_reconnect,
        }
        self._client = WaryClient()
        self._connected = asyncio.Event()
        self._connection: asyncio.Task[None] | None = None
        self._generation = 0

    @classmethod
    def of(cls, settings: ServiceSettings, *, name: str) -> Self:
        """The bus with a service's own user; `name` is what the server lists the connection as."""
        return cls(
            url=settings.nats_url,
            user=settings.nats_user,
            password=settings.nats_password.get_secret_value(),
            name=name,
        )

    async def __aenter__(self) -> Self:
        self._connection = asyncio.create_task(self._keep_connected())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connected.is_set():
            with suppress(*BROKER_DOWN):
                # Naks and terminations are only sent; the server's answer to a ping says that they have arrived.
                await self._client.flush(timeout=2)
        assert self._connection is not None
        while not self._connection.done():
            # Once may not do: a connection made at this very moment swallows it (asyncio.wait_for before Python 3.12).
            self._connection.cancel()
            await asyncio.wait([self._connection], timeout=_CANCEL_AGAIN)
        with suppress(*BROKER_DOWN):
            await self._client.close()

    @property
    def generation(self) -> int:
        """Rises with every connection made: whoever keeps state on the server looks here for a reason to renew it."""
        return self._generation

    async def ready(self, timeout: float = 2) -> Client:
        """The connected client. Raises Unavailable when there is no connection within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._connected.wait(), timeout)
        except TimeoutError:
            raise Unavailable("broker_unreachable") from None
        return self._client

    async def ping(self) -> None:
        """Ask the server for a sign of life. Raises Unavailable."""
        client = await self.ready(1)
        try:
            await client.flush(timeout=2)
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error
        if not client.is_connected:  # a connection that breaks resolves its waiting pings too
            raise Unavailable("broker_unreachable")

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """See `Bus.publish`."""
        sent = dict(headers or {})
        if message_id:
            sent[api.Header.MSG_ID.value] = message_id
        try:
            client = await self.ready(timeout)
            ack = await client.jetstream().publish(topic, payload, timeout=timeout, headers=sent or None)
        except _WRONG_MESSAGE as wrong:
            PUBLISHED.labels("refused").inc()
            raise Refused(f"{type(wrong).__name__}: {wrong}") from wrong
        except Unavailable:
            PUBLISHED.labels("unavailable").inc()
            raise
        except BROKER_DOWN as error:
            PUBLISHED.labels("unavailable").inc()
            raise Unavailable("broker_did_not_confirm") from error
        PUBLISHED.labels("duplicate" if ack.duplicate else "stored").inc()
        return ack.seq

    async def send(self, topic: str, payload: bytes) -> None:
        """Publish without a stream and without a promise (live hints). Raises Unavailable when not connected."""
        client = await self.ready(0.1)
        try:
            await client.publish(topic, payload)
        except BROKER_DOWN as error:
            raise Unavailable("broker_unreachable") from error

    async def subscribe(self, consumer: Consumer) -> Source:
        """See `Bus.subscribe`."""
        client = await self.ready()
        try:
            await declare_consumer(client.jetstream(), consumer)
        except BROKER_DOWN as error:
            raise Unavailable("consumer_not_declared", str(error)) from error
        return JetStreamSource(self.ready, consumer)

    async def unsubscribe(self, stream: str, durable: str) -> None:
        """Delete a durable for good; nothing when there is none. Raises Unavailable."""
        client = await self.ready()
        try:
            await client.jetstream().delete_consumer(stream, durable)
        except nats.js.errors.NotFoundError:
            return
        except BROKER_DOWN as error:
            raise Unavailable("consumer_not_deleted") from error

    async def holds(self, stream: str, *, subjects: str) -> Holding:
        """How much a stream holds. Raises Unavailable."""
        client = await self.ready()
        try:
            state = (await client.jetstream().stream_info(stream, subjects)).state
        except BROKER_DOWN as error:
            raise Unavailable("stream_not_measured") from error
        return Holding(size=state.bytes, messages=state.subjects or {})

    async def stored(self, stream: str, subject: str, *, after: int | None = None) -> Stored | None:
        """A stored message: the first on a subject `after` a sequence, or the last on it.

        With `after` the subject may hold wildcards. Raises Unavailable.
        """
        client = await self.ready()
        seq = None if after is None else after + 1
        try:
            found = await client.jetstream().get_msg(stream, seq, subject, next=after is not None)
        except nats.js.errors.NotFoundError:
            return None
        except BROKER_DOWN as error:
            raise Unavailable("message_not_read") from error
        return Stored(found.seq or 0, found.subject or "", found.data or b"", found.headers or {})

    async def _keep_connected(self) -> None:
        """Connect; nats-py reconnects by itself, but some errors that a server states close its client for good."""
        while True:
            closed = asyncio.Event()

            async def on_closed(closed: asyncio.Event = closed) -> None:
                closed.set()

            self._client = WaryClient()
            try:
                await self._client.connect(**self._options, closed_cb=on_closed)  # type: ignore[arg-type]  # of many types
            except BROKER_DOWN as error:
                logger().warning("nats_connection_failed", error=type(error).__name__)
            else:
                await self._on_reconnect()
                await closed.wait()
                self._connected.clear()
                logger().error("nats_connection_closed", error=type(self._client.last_error).__name__)
            await asyncio.sleep(_RECONNECT_PAUSE)

    async def _on_error(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            logger().error("nats_permission_denied", detail=str(error))
        elif not isinstance(error, OSError | nats.errors.UnexpectedEOF):
            logger().warning("nats_error_reported", error=type(error).__name__)

    async def _on_disconnect(self) -> None:
        if self._connected.is_set():
            logger().warning("nats_disconnected")
        self._connected.clear()

    async def _on_reconnect(self) -> None:
        self._generation += 1
        self._connected.set()
        logger().info("nats_connected", connections=self._generation)
