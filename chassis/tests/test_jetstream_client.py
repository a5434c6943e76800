"""What is read of a message's headers, however they were written."""

import pytest
from chassis.jetstream_client import WaryClient
from chassis.wake import SCHEDULER

OWN, TRUE = "connect.v1.wake.schedule.ged-mover.later.x.1", "connect.v1.wake.schedule.upload.a"


async def _read(*lines: str) -> str | None:
    block = "".join(f"{line}\r\n" for line in ("NATS/1.0", *lines, ""))
    return (await WaryClient()._process_headers(block.encode()) or {}).get(SCHEDULER)


async def test_the_server_s_word_is_believed() -> None:
    assert await _read(f"Nats-Scheduler: {TRUE}", "Nats-Schedule-Next: purge") == TRUE


async def test_a_message_without_it_has_none() -> None:
    assert await _read("Connect-Tries: 1") is None
    assert await WaryClient()._process_headers(b"") is None


@pytest.mark.parametrize(
    "lines",
    [
        (f"\tNats-Scheduler: {OWN}", f"X: yNats-Scheduler: {TRUE}"),
        (f"Nats-Scheduler : {OWN}", f"X YNats-Scheduler: {TRUE}"),
        (f"X YNats-Scheduler: {TRUE}",),
        (f"X: yNats-Scheduler: {TRUE}",),
        (f"nats-scheduler: {OWN}", f"Nats-Scheduler: {TRUE}"),
    ],
)
async def test_one_that_is_not_alone_on_its_line_is_nobody_s(lines: tuple[str, ...]) -> None:
    assert await _read(*lines, "Nats-Schedule-Next: purge") == "?"
