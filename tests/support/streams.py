"""What a stream holds."""

from contextlib import suppress

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig


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
