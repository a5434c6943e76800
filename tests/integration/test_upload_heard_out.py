"""Whoever sends at the wrong offset is answered once their bytes have come, or after a second."""

import asyncio
import time

import httpx
import pytest

from tests.support.intake import STREAM, Intake, headers, path_of, said

_SIZE = 2_000_000
_FIRST = b"x" * 65_536


async def test_an_answer_of_another_offset_waits_for_what_is_under_way(intake: Intake) -> None:
    reader, writer = await _at_a_wrong_offset(intake)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    writer.write(b"x" * (_SIZE - len(_FIRST)))
    answer = await asyncio.wait_for(reader.readuntil(b"offset_mismatch"), 10)
    assert answer.startswith(b"HTTP/1.1 409")
    writer.close()


async def test_an_answer_of_another_offset_does_not_wait_for_ever(intake: Intake) -> None:
    started = time.monotonic()
    reader, writer = await _at_a_wrong_offset(intake)
    answer = await asyncio.wait_for(reader.readuntil(b"offset_mismatch"), 30)
    assert answer.startswith(b"HTTP/1.1 409")
    assert time.monotonic() - started >= 0.5
    writer.close()


async def _at_a_wrong_offset(intake: Intake) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A line on which the first bytes of a file were sent to where it is not."""
    told = headers(intake, Upload_Length=str(_SIZE + 1), Upload_Metadata=said())
    async with httpx.AsyncClient() as http:
        created = await http.post(f"{intake.first.base}/uploads", headers=told)
    asked = headers(intake, Upload_Offset="1", Content_Length=str(_SIZE)) | STREAM | {"Host": "portal"}
    lines = [f"PATCH {path_of(created)} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.first.port)
    writer.write("\r\n".join(lines).encode() + _FIRST)
    return reader, writer
