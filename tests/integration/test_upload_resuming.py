"""Uploads that are cut, taken over, killed and resumed on another replica."""

import asyncio
import gc
import re
import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import tusclient.client as tusclient
from upload.receiving import BLOCK

from tests.support.eventually import eventually
from tests.support.intake import (
    MIB,
    STREAM,
    Intake,
    headers,
    keys_in_staging,
    sha256_in_staging,
)
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import LineDropped, TusClient
from tests.support.upload_replicas import ISSUER, UploadReplica


async def test_a_large_file_cut_in_the_middle_goes_on_at_another_replica_and_arrives_identical(
    intake: Intake, client: TusClient
) -> None:
    sample = invoice("grand livre.pdf", size=30 * MIB + 12_345)
    path = await client.create(sample, {"filename": sample.name, "folder": "conseil"})
    with pytest.raises(LineDropped):
        await client.send_cut(path, sample.content, until=19 * MIB + 777 * 64)
    other = client.at(intake.second.base)

    async def saved() -> bool:
        return (await other.offset(path) or 0) > 18 * MIB

    await eventually(saved, within=5)
    assert await other.finish(path, sample) == path.rpartition("/")[2]
    document = path.rpartition("/")[2]
    assert sha256_in_staging(intake, document) == sample.sha256
    await eventually(lambda: not keys_in_staging(intake, f"tails/{document}/"), within=10)


@pytest.mark.parametrize("until", [5 * MIB, 19 * MIB + 777 * 64])
async def test_whoever_comes_back_at_once_is_told_of_all_that_had_come(
    intake: Intake, client: TusClient, until: int
) -> None:
    """On a poor line what has to be sent again may take minutes."""
    sample = invoice("grand livre.pdf", size=20 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    with pytest.raises(LineDropped):
        await client.send_cut(path, sample.content, until=until)
    other = client.at(intake.second.base)
    offset = await other.offset(path)
    # A line that drops takes along what still lies in its buffers.
    assert offset is not None
    assert until - MIB < offset <= until
    assert (await other.send(path, sample.content[offset:], offset=offset)).status_code == 204
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_small_file_sent_in_pieces_to_two_replicas_arrives_identical(intake: Intake, client: TusClient) -> None:
    sample = invoice("facture.pdf", size=90_001)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    replicas = (client, client.at(intake.second.base))
    for turn, start in enumerate(range(0, sample.size, 20_000)):
        await replicas[turn % 2].send(path, sample.content[start : start + 20_000], offset=start)
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_second_writer_takes_over_and_the_first_stops(intake: Intake, client: TusClient) -> None:
    sample = invoice("grand livre.pdf", size=20 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})

    finished = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield sample.content[: 9 * MIB]
        while not finished.is_set():
            await asyncio.sleep(0.3)
            yield b"x"

    async with httpx.AsyncClient(timeout=30) as slow:
        first = asyncio.create_task(
            slow.patch(
                intake.first.base + path,
                content=hanging(),
                headers=headers(intake, Upload_Offset="0") | STREAM,
            )
        )

        async def some() -> bool:
            return (await client.offset(path) or 0) >= 8 * MIB

        await eventually(some, within=10)
        started = time.monotonic()
        other = client.at(intake.second.base)
        await other.finish(path, sample)
        assert time.monotonic() - started < 8
        finished.set()
        answer = await first
    assert answer.status_code == 423
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_killed_replica_loses_nothing_that_was_acknowledged(
    servers: RunningStack, intake: Intake, client: TusClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    sample = invoice("grand livre.pdf", size=20 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    with UploadReplica(intake.env, issuer=intake.issuer, log=folder / "log") as doomed:
        await client.at(doomed.base).send(path, sample.content[: 9 * MIB], offset=0)
        doomed.kill()
    assert await client.offset(path) == 9 * MIB
    await client.finish(path, sample)
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_a_replica_told_to_stop_in_the_middle_of_a_large_file_hands_it_over_at_once(
    intake: Intake, client: TusClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    sample = invoice("grand livre.pdf", size=30 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    stopped = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield sample.content[: 10 * MIB]
        await stopped.wait()

    with UploadReplica(intake.env, issuer=intake.issuer, log=folder / "log") as leaving:
        async with httpx.AsyncClient(timeout=30) as own:
            sending = asyncio.create_task(
                own.patch(leaving.base + path, content=slow(), headers=headers(intake, Upload_Offset="0") | STREAM)
            )

            async def came() -> bool:
                metrics = (await own.get(f"{leaving.base}/metrics")).text
                received = re.search(r"^connect_upload_received_bytes_total (\S+)$", metrics, re.M)
                return received is not None and float(received[1]) > 10 * MIB - BLOCK

            # What is still under way when it is told to stop it need not take.
            await eventually(came)
            started = time.monotonic()
            leaving.process.terminate()

            async def saved() -> bool:
                return await client.offset(path) == 10 * MIB

            await eventually(saved)
            stopped.set()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.to_thread(leaving.process.wait, 10)
            assert time.monotonic() - started < 10
    await client.finish(path, sample)
    assert sha256_in_staging(intake, path.rpartition("/")[2]) == sample.sha256


async def test_memory_stays_flat_whatever_the_size(
    intake: Intake, client: TusClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    sample = invoice("grand livre.pdf", size=150 * MIB)
    with UploadReplica(intake.env, issuer=intake.issuer, log=folder / "log") as replica:
        own = client.at(replica.base)
        small = invoice("petit.pdf", size=10 * MIB)
        await own.finish(await own.create(small, {"filename": small.name, "folder": "comptable"}), small)
        before = _peak(replica.process.pid)
        await own.finish(await own.create(sample, {"filename": sample.name, "folder": "comptable"}), sample)
        assert _peak(replica.process.pid) - before < 40 * MIB


def _peak(pid: int) -> int:
    status = (Path("/proc") / str(pid) / "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def test_a_client_that_nobody_here_wrote_uploads_and_resumes(
    intake: Intake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sample = invoice("facture.pdf", size=3 * MIB)
    file = tmp_path_factory.mktemp("tuspy") / sample.name
    file.write_bytes(sample.content)

    def upload() -> str:
        client = tusclient.TusClient(f"{intake.first.base}/uploads", headers=headers(intake))
        uploader = client.uploader(
            str(file), chunk_size=MIB, upload_checksum=True, metadata={"filename": sample.name, "folder": "comptable"}
        )
        uploader.set_url(uploader.create_url().replace(ISSUER, intake.first.base))
        uploader.upload(stop_at=2 * MIB)
        elsewhere = str(uploader.url).replace(intake.first.base, intake.second.base)
        resumed = client.uploader(str(file), chunk_size=MIB, url=elsewhere)
        assert resumed.offset == 2 * MIB
        resumed.upload()
        return str(resumed.url).rpartition("/")[2]

    with warnings.catch_warnings():
        # tuspy leaves its sessions and files to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        document = await asyncio.to_thread(upload)
        gc.collect()
    assert sha256_in_staging(intake, document) == sample.sha256
