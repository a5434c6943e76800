"""Bodies that lie about their length, stop in the middle or never end: what was acknowledged stays, nothing else."""

import asyncio
import json
import re
from contextlib import suppress

import httpx
import pytest

from tests.suites.bad_bodies import BROKEN, LENGTH, SENT, Sent
from tests.support.eventually import eventually
from tests.support.intake import Intake, created, headers, path_of
from tests.support.leftovers import Leftovers
from tests.support.tus import TusClient


async def send(intake: Intake, sent: Sent, *, upload: str) -> bytes:
    """What came back until the server had no more to say, or nothing where the sender hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.first.port)
    head = sent.head.replace("{upload}", upload).replace("{token}", intake.issuer.token("earl-du-chene"))
    try:
        with suppress(ConnectionError):  # an answer may come before the end
            writer.write(head.encode("latin-1"))
            for piece in sent.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(sent.pause)
        if sent.status is None:
            return b""
        with suppress(ConnectionError):
            return await _answer(reader)
        return b""
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The first answer that is no leave to go on, with its body, which may come later than its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return await _answer(reader)
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return head + (await reader.readexactly(int(length.group(1))) if length else b"")


@pytest.mark.parametrize("sent", SENT, ids=str)
async def test_a_body_is_taken_as_far_as_it_is_good(
    intake: Intake, http: httpx.AsyncClient, client: TusClient, leftovers: Leftovers, sent: Sent
) -> None:
    before = await leftovers.at_rest()
    path = path_of(await created(intake, http, length=LENGTH, filename="a.txt"))
    head, _, body = (await send(intake, sent, upload=path.rpartition("/")[2])).partition(b"\r\n\r\n")
    if sent.status is not None:
        assert int(head.split()[1]) == sent.status, head
        if sent.status not in (204, BROKEN):
            assert b"application/problem+json" in head
            assert json.loads(body)["code"] == sent.code
    least, most = sent.kept

    async def kept() -> bool:
        offset = await client.offset(path)
        return offset is not None and least <= offset <= most

    await eventually(kept)
    if sent.kept != (LENGTH, LENGTH):
        assert (await http.delete(intake.first.base + path, headers=headers(intake))).status_code == 204

        async def as_before() -> bool:
            now = await leftovers.held()
            return (now.staged, now.scratch, now.transfers) == (before.staged, before.scratch, before.transfers)

        await eventually(as_before, within=20)
