"""`connect-ops backup streams` beside a running broker: copies beside each other, and a disk that takes no more."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from chassis.jetstream import JetStreamBus
from contracts.streams import BUCKETS, STREAMS

from tests.suites.nats_server import NatsServer
from tests.support.full_disk import no_file_over
from tests.support.operator import Ran, broker_alone, connect_ops

_KEPT = ("--keep-hourly", "1", "--keep-daily", "1")
_SAVED = {*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS)}
Save = Callable[..., Awaitable[Ran]]


@pytest.fixture
def save(server: NatsServer) -> Save:
    """`connect-ops backup streams …` at this server."""

    async def run(*arguments: object) -> Ran:
        return await connect_ops(
            broker_alone(server.url, user="worker", password="secret"), "backup", "streams", *arguments
        )

    return run


def _copies(folder: Path) -> dict[str, set[str]]:
    return {copy.name: {stream.name for stream in copy.iterdir()} for copy in folder.iterdir()}


async def test_a_copy_is_made_beside_those_of_before_and_takes_the_place_of_what_is_no_longer_kept(
    save: Save, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    first = await save(folder, *_KEPT)
    assert first.status == 0, first.errors
    [copy] = _copies(folder)
    for older in ("2026-01-01T0010", "2026-01-01T0110", "2026-01-02T0010"):
        (folder / older).mkdir()
        for stream in _SAVED:
            (folder / older / stream).symlink_to(folder / copy / stream)
    second = await save(folder, *_KEPT, "--json")
    assert (second.status, second.errors) == (0, "")
    assert second.report["removed"] == ["2026-01-01T0010", "2026-01-01T0110", "2026-01-02T0010"]
    assert len(_copies(folder)) == 2
    assert [*_copies(folder).values()] == [_SAVED, _SAVED]


async def test_a_disk_that_is_full_is_told_in_a_line_and_nothing_is_left_of_the_copy(
    save: Save, bus: JetStreamBus, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    assert (await save(folder, *_KEPT)).status == 0
    before = _copies(folder)
    await bus.publish("connect.v1.documents.deposited.14", os.urandom(500_000))
    with no_file_over(100_000):
        full = await save(folder, *_KEPT)
        without_copies = await save(tmp_path / "one")
    assert (full.status, full.out) == (1, "")
    assert full.errors.startswith("Not saved: ")
    assert full.errors.endswith("CONNECT_DOCUMENTS: File too large.\n")
    assert full.errors.count("\n") == 1
    assert _copies(folder) == before
    assert (without_copies.status, without_copies.errors.count("\n")) == (1, 1)
