"""The end of a service's process: nothing that is under way is cut off."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.ports import free_port


class _Process:
    def __init__(self, folder: Path) -> None:
        self.drained = folder / "drained"
        self.fail = folder / "fail"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.child: asyncio.subprocess.Process

    async def start(self, *, drain_wait: float = 0, **env: str) -> None:
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.suites.small_service",
            str(self.port),
            env={**os.environ, "DRAINED": str(self.drained), "DRAIN_WAIT": str(drain_wait), **env},
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
        )
        await eventually(self._is_ready, within=30)

    async def _is_ready(self) -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"{self.url}/readyz")).status_code == 200
            except httpx.HTTPError:
                return False

    async def end(self) -> None:
        if self.child.returncode is None:
            self.child.kill()
            await self.child.wait()

    async def logs(self) -> list[str]:
        out, _ = await asyncio.wait_for(self.child.communicate(), 10)
        return [json.loads(line)["event"] for line in out.decode().splitlines()]


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[_Process]:
    """One that waits for its gateways."""
    process = _Process(tmp_path)
    await process.start(drain_wait=5)
    yield process
    await process.end()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[_Process]:
    process = _Process(tmp_path)
    await process.start()
    yield process
    await process.end()


async def test_on_sigterm_requests_and_tasks_are_finished_before_resources_close(process: _Process) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        slow = asyncio.create_task(client.get(f"{process.url}/slow"))
        await eventually(process.drained.exists)
        process.child.send_signal(signal.SIGTERM)
        assert (await slow).json() == "whole"
    logs = await process.logs()
    assert process.drained.read_text(encoding="utf-8") == "asked\ndrained\nclosed\n"
    assert logs[-1] != "task_cut_off"
    assert "service_stopped" in logs


async def test_told_to_stop_it_is_whole_until_its_gateways_send_nothing_more(patient: _Process) -> None:
    async with httpx.AsyncClient(timeout=10) as client, httpx.AsyncClient(timeout=10) as other:
        await client.get(f"{patient.url}/livez")
        patient.child.send_signal(signal.SIGTERM)

        async def is_leaving() -> bool:
            return (await client.get(f"{patient.url}/servingz")).status_code == 503

        await eventually(is_leaving)
        # What came before a gateway could notice, along old connections and new ones.
        answers = await asyncio.gather(*(each.get(f"{patient.url}/slow") for each in (client, other)))
        assert [answer.json() for answer in answers] == ["whole", "whole"]
        assert patient.drained.read_text(encoding="utf-8") == "asked\n" * 2
    assert "service_stopped" in await patient.logs()
    assert patient.drained.read_text(encoding="utf-8") == "asked\nasked\ndrained\nclosed\n"


async def test_an_answer_that_comes_early_waits_for_what_is_under_way(process: _Process) -> None:
    reader, writer = await _refused(process, b"Content-Length: 500000", b"x" * 50_000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    writer.write(b"x" * 450_000)
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_an_answer_that_comes_early_does_not_wait_for_ever(process: _Process) -> None:
    reader, writer = await _refused(process, b"Content-Length: 500000", b"x" * 50_000)
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_whoever_asks_before_they_send_is_answered_at_once(process: _Process) -> None:
    reader, writer = await _refused(process, b"Content-Length: 500000\r\nExpect: 100-continue", b"")
    assert (await asyncio.wait_for(reader.readline(), 0.5)).startswith(b"HTTP/1.1 404")
    writer.close()


async def _refused(process: _Process, header: bytes, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A line on which the first of a body's bytes were sent, to where nothing takes any."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(b"POST /nowhere HTTP/1.1\r\nHost: here\r\n" + header + b"\r\n\r\n" + first)
    return reader, writer


async def test_whoever_still_sends_hears_that_it_stops_before_the_connection_is_closed(process: _Process) -> None:
    """Closed with bytes on their way, it would be reset, and the answer be lost on the way through a gateway."""
    size, piece = 500_000, b"x" * 50_000
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(b"POST /cut HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s" % (size, piece))
    await eventually(process.drained.exists)
    process.child.send_signal(signal.SIGTERM)
    answer = await asyncio.wait_for(reader.readuntil(b"elsewhere"), 5)
    assert answer.startswith(b"HTTP/1.1 503")
    for _ in range(size // len(piece) - 1):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert "service_stopped" in await process.logs()


async def test_whoever_sends_without_end_does_not_keep_it_from_stopping(process: _Process) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(b"POST /cut HTTP/1.1\r\nHost: here\r\nContent-Length: 500000\r\n\r\n")
    await eventually(process.drained.exists)
    process.child.send_signal(signal.SIGTERM)
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"elsewhere")
    writer.close()
    assert "service_stopped" in await process.logs()


async def test_a_connection_is_there_still_when_a_gateway_comes_back_to_it(process: _Process) -> None:
    """Uvicorn's own five seconds are less than any gateway's: a request sent at that moment would be lost."""
    async with httpx.AsyncClient(limits=httpx.Limits(keepalive_expiry=60)) as client:

        async def asked_from() -> object:
            answer = await client.get(f"{process.url}/livez")
            return answer.extensions["network_stream"].get_extra_info("client_addr")

        first = await asked_from()
        await asyncio.sleep(7)
        assert await asked_from() == first


async def test_a_second_sigterm_changes_nothing(process: _Process) -> None:
    process.child.send_signal(signal.SIGTERM)
    process.child.send_signal(signal.SIGTERM)
    await process.logs()
    assert process.drained.read_text(encoding="utf-8") == "drained\nclosed\n"


async def test_a_task_that_fails_ends_the_process_with_status_1_and_the_others_drain(process: _Process) -> None:
    process.fail.touch()
    logs = await process.logs()
    assert process.child.returncode == 1
    assert "task_failed" in logs
    assert process.drained.read_text(encoding="utf-8") == "drained\nclosed\n"


async def test_what_is_under_way_has_longer_to_end_than_a_request_that_hangs(tmp_path: Path) -> None:
    process = _Process(tmp_path)
    await process.start(REQUESTS="1", STEADY="3", TASKS="30")
    try:
        async with httpx.AsyncClient(timeout=30) as client:
            hanging = asyncio.create_task(client.get(f"{process.url}/stuck"))
            await eventually(process.drained.exists)
            process.child.send_signal(signal.SIGTERM)
            logs = await process.logs()
            await asyncio.wait({hanging})
    finally:
        await process.end()
    assert process.drained.read_text(encoding="utf-8") == "stuck\ndrained\nclosed\n"
    assert "task_cut_off" not in logs


async def test_a_task_that_fails_does_not_keep_the_process_from_starting_anew_for_long(tmp_path: Path) -> None:
    process = _Process(tmp_path)
    await process.start(REQUESTS="1", STEADY="60", TASKS="50")
    try:
        process.fail.touch()
        logs = await process.logs()
    finally:
        await process.end()
    assert process.child.returncode == 1
    assert "task_cut_off" in logs
