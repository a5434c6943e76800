"""Whoever is signed out everywhere in the middle of a request is told so, and goes on from there once they are back."""

import asyncio
import time

import httpx
import nats
from chassis.auth import subject_hash

from tests.support.eventually import eventually
from tests.support.intake import MIB, STREAM, Intake, headers, path_of, said
from tests.support.running import RunningStack

_WHO = "earl-du-chene"
_CONTENT = b"2026-01-31;1200,00\n" * (MIB // 19)
_FIRST = 65_536


async def test_a_transfer_ends_with_the_session_of_whoever_sends_it_and_goes_on_with_their_next(
    intake: Intake, servers: RunningStack, http: httpx.AsyncClient
) -> None:
    described = said(filename="releve.csv", filetype="text/csv")
    told = headers(intake, _WHO, Upload_Length=str(len(_CONTENT)), Upload_Metadata=described)
    path = path_of(await http.post(f"{intake.first.base}/uploads", headers=told))
    rest = headers(intake, _WHO, Upload_Offset="0", Content_Length=str(len(_CONTENT))) | STREAM | {"Host": "portal"}
    lines = [f"PATCH {path} HTTP/1.1", *(f"{name}: {value}" for name, value in rest.items()), "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.first.port)
    writer.write("\r\n".join(lines).encode() + _CONTENT[:_FIRST])

    async def offset() -> int:
        answer = await http.head(f"{intake.second.base}{path}", headers=headers(intake, _WHO))
        return int(answer.headers.get("Upload-Offset", 0))

    assert await eventually(offset) == _FIRST
    await sign_out_everywhere(servers)
    sent = _FIRST

    async def answered() -> bytes | None:
        nonlocal sent
        writer.write(_CONTENT[sent : sent + 100])
        sent += 100
        try:
            return await asyncio.wait_for(reader.readuntil(b"unauthenticated"), 0.2)
        except TimeoutError:
            return None

    assert (await eventually(answered, within=20)).startswith(b"HTTP/1.1 401")
    writer.close()

    kept = await eventually(offset)
    assert _FIRST <= kept < sent
    rest = headers(intake, _WHO, Upload_Offset=str(kept)) | STREAM
    done = await http.patch(f"{intake.second.base}{path}", content=_CONTENT[kept:], headers=rest)
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, str(len(_CONTENT)))


async def sign_out_everywhere(servers: RunningStack) -> None:
    """All sessions of this person that were begun until now are void."""
    where = servers.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        revoked = await client.jetstream().key_value("REVOKED")
        await revoked.put(subject_hash(_WHO), f"{time.time():.3f}".encode())
    finally:
        await client.close()
