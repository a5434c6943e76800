"""A stream's snapshot, taken from the running server and given back to another: JetStream's own way.

A folder a stream, as the NATS command line makes it (`nats stream backup`): `backup.json` (configuration and state) and
`stream.tar.s2` (messages and consumers, as the server packs them). Either can restore what the other has saved.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats.errors
from chassis.errors import Unavailable
from nats.aio.client import Client
from nats.aio.subscription import Subscription

_API = "$JS.API.STREAM"
_CHUNK = 128 * 1024
PATIENCE = 120.0
"""Seconds for an answer, and between two chunks; the server looks over the whole stream before the first."""
# That the server ends a snapshot with: a whole one, and none that it gave up.
_WHOLE = (None, "204")
_SAVED, _PACKED = "backup.json", "stream.tar.s2"
_NO_STREAM, _NO_MESSAGE = 10059, 10037
# The header of what the server itself publishes when the time of a scheduled message has come.
_BY_THE_CLOCK = b"\r\nNats-Scheduler:"


class NotRestored(Exception):
    """The server does not take a snapshot, or gives none; says why."""


class NotWritten(Exception):
    """The disk does not take a snapshot: full, or not to be written; says which folder and why."""


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """What the disk says no to inside is told as NotWritten."""
    try:
        yield
    except OSError as refused:
        raise NotWritten(f"{folder}: {refused.strerror}") from refused


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a snapshot that was taken to its end."""
    return (folder / _SAVED).is_file() and (folder / _PACKED).is_file()


def saved_sequence(folder: Path) -> int:
    """The last sequence of a saved stream."""
    return int(json.loads((folder / _SAVED).read_text())["state"]["last_seq"])


async def sequence(client: Client, stream: str) -> int:
    """The last sequence of a stream, 0 where it holds nothing or is not there. Raises NotRestored, Unavailable."""
    found = await _asked(client, f"{_API}.INFO.{stream}", unless=_NO_STREAM)
    return int(found.get("state", {}).get("last_seq", 0))


async def is_as_saved(client: Client, stream: str, folder: Path, *, last: int) -> bool:
    """Whether a stream, whose last sequence is `last`, is the saved one: nothing came to it but what it had itself put
    off until later. Raises NotRestored, Unavailable."""
    saved = saved_sequence(folder)
    for number in range(saved + 1, last + 1):
        found = await _asked(client, f"{_API}.MSG.GET.{stream}", {"seq": number}, unless=_NO_MESSAGE)
        if _BY_THE_CLOCK not in base64.b64decode(found.get("message", {}).get("hdrs", "")):
            return False
    return last >= saved


async def save(client: Client, stream: str, folder: Path) -> int:
    """Write a stream's snapshot into a folder, consumers included; returns its messages.

    Raises NotRestored, NotWritten, Unavailable: then what lies in the folder is no snapshot.
    """
    with written(folder):
        _clear(folder)
    chunks = await client.subscribe(client.new_inbox())
    try:
        request = {"deliver_subject": chunks.subject, "no_consumers": False, "chunk_size": _CHUNK, "jsck": True}
        told = await _asked(client, f"{_API}.SNAPSHOT.{stream}", request)
        with written(folder), (folder / _PACKED).open("wb") as packed:
            await _receive(client, chunks, packed)
    finally:
        await chunks.unsubscribe()
    saved = {name: told[name] for name in ("config", "state")}
    # Last, so that a folder without it is known to be no snapshot.
    with written(folder):
        (folder / _SAVED).write_text(json.dumps(saved, indent=2))
    return int(saved["state"]["messages"])


async def restore(client: Client, stream: str, folder: Path) -> int:
    """Give a snapshot back, in place of an empty stream of its name; returns its messages. Raises NotRestored,
    Unavailable: then the stream is not there."""
    saved = json.loads((folder / _SAVED).read_text())
    await _asked(client, f"{_API}.DELETE.{stream}", unless=_NO_STREAM)
    told = await _asked(client, f"{_API}.RESTORE.{stream}", {"config": saved["config"], "state": saved["state"]})
    with (folder / _PACKED).open("rb") as packed:
        while chunk := packed.read(_CHUNK):
            await _sent(client, told["deliver_subject"], chunk)
    ended = await _sent(client, told["deliver_subject"], b"")
    return int(ended["state"]["messages"])


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SAVED).unlink(missing_ok=True)


async def _receive(client: Client, chunks: Subscription, packed: Any) -> None:
    while True:
        try:
            chunk = await chunks.next_msg(timeout=PATIENCE)
        except TimeoutError as silent:
            raise Unavailable("snapshot_not_sent") from silent
        if not chunk.data:
            ended = (chunk.headers or {}).get("Status")
            if ended not in _WHOLE:
                # Its next one may be whole.
                raise Unavailable("snapshot_given_up", ended)
            return
        packed.write(chunk.data)
        if chunk.reply:
            # The server sends on as this comes back.
            await client.publish(chunk.reply)


async def _asked(client: Client, subject: str, request: Any = None, *, unless: int | None = None) -> dict[str, Any]:
    payload = json.dumps(request).encode() if request is not None else b""
    return await _sent(client, subject, payload, unless=unless)


async def _sent(client: Client, subject: str, payload: bytes, *, unless: int | None = None) -> dict[str, Any]:
    try:
        answer = await client.request(subject, payload, timeout=PATIENCE)
    except (TimeoutError, nats.errors.Error) as silent:
        raise Unavailable("broker_did_not_answer") from silent
    told: dict[str, Any] = json.loads(answer.data) if answer.data else {}
    error = told.get("error")
    if error and error.get("err_code") != unless:
        raise NotRestored(str(error.get("description")))
    return told
