"""What a stream holds, and what it forgets."""

import shutil
import struct
from contextlib import suppress
from pathlib import Path

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

# A record of a message block begins with its length, whose highest bit tells of headers.
_HEADERS = 1 << 31


async def stored(js: JetStreamContext, subject: str, *, stream: str) -> list[Msg]:
    """All messages on a subject (wildcards allowed), in the stream's order, however slow the broker is."""
    # One that acknowledges would be given no more than a thousand.
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    reader = await js.pull_subscribe(subject, stream=stream, config=config)
    found: list[Msg] = []
    while (await reader.consumer_info()).num_pending:
        with suppress(TimeoutError):
            found += await reader.fetch(100, timeout=5)
    await reader.unsubscribe()
    return found


def forget(data: Path, stream: str, count: int) -> int:
    """Cut the last messages off a stream's file, as if the disk had never had them; returns how many. Its server, whose
    data this is, must be stopped."""
    folder = _folder(data, stream) / "msgs"
    # Kept beside the messages, and written from time to time: a power cut leaves an old one, or none.
    (folder / "index.db").unlink(missing_ok=True)
    block = max(folder.glob("*.blk"), key=_number)
    content = block.read_bytes()
    starts, position = [], 0
    while position < len(content):
        starts.append(position)
        position += struct.unpack_from("<I", content, position)[0] & ~_HEADERS
    kept = starts[max(0, len(starts) - count)]
    block.write_bytes(content[:kept])
    return min(count, len(starts))


def lose(data: Path, stream: str) -> None:
    """Take a whole stream away, of a server that is stopped."""
    shutil.rmtree(_folder(data, stream))


def _folder(data: Path, stream: str) -> Path:
    return next(data.glob(f"**/streams/{stream}"))


def _number(block: Path) -> int:
    return int(block.stem)
