"""Intake with a real clamd that dies, stops and comes back: nothing is lost, nothing passes unscanned."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.suites.bad_files import MARKER
from tests.support.clamd_server import ClamdServer
from tests.support.eventually import eventually
from tests.support.intake import MIB, STREAM, Intake, created, headers, keys_in_staging, path_of
from tests.support.samples import Sample, invoice
from tests.support.tus import TusClient

pytestmark = [pytest.mark.needs("clamd"), pytest.mark.timeout(300)]

# The sweeper looks every two seconds, and again four after a try that failed; a clamd that is new first proves itself,
# which takes a busy machine longer than all else.
_SWEPT = 90.0
# To everybody, and to the journal.
_ANNOUNCED = ["connect.v1.documents.deposited.14", "connect.v1.audit.deposited.14"]


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClamdServer]:
    with ClamdServer(tmp_path_factory.mktemp("clamd")) as server:
        yield server


@pytest.fixture(scope="module")
def intake_settings(scanner: ClamdServer) -> dict[str, str]:
    # Each clamd that is new first shows that it looks into the largest file: a small one, so that this costs nothing.
    return {"UPLOAD_SCANNER": scanner.address, "UPLOAD_MAX_SIZE": str(40 * MIB)}


async def sent(intake: Intake, http: httpx.AsyncClient, sample: Sample) -> tuple[str, httpx.Response]:
    """A file in one PATCH: its path and the answer."""
    path = path_of(await created(intake, http, length=sample.size, filename=sample.name))
    asked = headers(intake, Upload_Offset="0") | STREAM
    return path, await http.patch(intake.first.base + path, content=sample.content, headers=asked)


async def offset_of(intake: Intake, http: httpx.AsyncClient, path: str) -> tuple[int, str | None]:
    """What HEAD says, on the other replica."""
    answer = await http.head(intake.second.base + path, headers=headers(intake))
    return answer.status_code, answer.headers.get("Upload-Offset")


@pytest.fixture
async def restored(scanner: ClamdServer) -> AsyncIterator[None]:
    """clamd runs again afterwards, whatever happened."""
    yield
    scanner.resume()
    if scanner.process.poll() is not None:
        scanner.start()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("size", [60_000, 20 * MIB])
async def test_while_clamd_is_dead_files_are_kept_and_when_it_is_back_they_are_announced(
    intake: Intake, http: httpx.AsyncClient, scanner: ClamdServer, records: Any, size: int
) -> None:
    sample = invoice("facture.pdf", size=size)
    scanner.kill()
    path, answer = await sent(intake, http, sample)
    document = path.rpartition("/")[2]
    assert (answer.status_code, answer.json()["code"]) == (503, "scanner_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert await offset_of(intake, http, path) == (423, None)
    again = await http.patch(
        intake.second.base + path, content=b"", headers=headers(intake, Upload_Offset=str(size)) | STREAM
    )
    assert (again.status_code, again.json()["code"]) == (423, "verdict_pending")
    record = await records.find_one({"_id": document})
    assert (record["state"], record.get("owed", [])) == ("assembled", [])
    scanner.start()
    await eventually(lambda: _is_finished(intake, http, path, size), within=_SWEPT)
    record = await records.find_one({"_id": document})
    assert record["sha256"] == sample.sha256
    assert _owed(record) == _ANNOUNCED


@pytest.mark.usefixtures("restored")
async def test_what_was_sent_while_clamd_was_dead_is_scanned_before_it_is_announced(
    intake: Intake, http: httpx.AsyncClient, scanner: ClamdServer, records: Any
) -> None:
    scanner.kill()
    path, answer = await sent(intake, http, Sample("virus.txt", MARKER + b"\n", "text/plain"))
    document = path.rpartition("/")[2]
    assert answer.status_code == 503
    scanner.start()

    async def refused() -> bool:
        return (await offset_of(intake, http, path))[0] == 410

    await eventually(refused, within=_SWEPT)
    record = await records.find_one({"_id": document})
    assert (record["state"], record["code"]) == ("refused", "infected")
    await eventually(lambda: not keys_in_staging(intake, document))


@pytest.mark.usefixtures("restored")
async def test_a_clamd_that_stops_is_known_within_seconds_and_the_file_is_finished_once_it_goes_on(
    intake: Intake, http: httpx.AsyncClient, scanner: ClamdServer
) -> None:
    sample = invoice("facture.pdf", size=3 * MIB)
    scanner.suspend()
    sending = asyncio.create_task(sent(intake, http, sample))
    path, answer = await asyncio.wait_for(sending, 20)
    assert (answer.status_code, answer.json()["code"]) == (503, "scanner_silent")
    assert (await offset_of(intake, http, path))[0] == 423
    scanner.resume()
    await eventually(lambda: _is_finished(intake, http, path, sample.size), within=_SWEPT)


@pytest.mark.usefixtures("restored")
async def test_files_in_the_middle_of_their_scan_when_clamd_is_killed_arrive_all_the_same(
    intake: Intake, http: httpx.AsyncClient, scanner: ClamdServer, client: TusClient, records: Any
) -> None:
    samples = [invoice("facture.pdf", size=size) for size in (30 * MIB, 30 * MIB, 50_000, 50_000)]
    paths = [await client.create(each, {"filename": each.name, "folder": "comptable"}) for each in samples]
    before = await scans(intake, http)
    sending = [asyncio.create_task(client.finish(*each)) for each in zip(paths, samples, strict=True)]
    # Small ones go at once, so a count that moved says that the large ones are being read, or scanned.
    await eventually(lambda: _more_scans(intake, http, before), within=30)
    scanner.kill()
    scanner.start()
    documents = await asyncio.gather(*sending)
    found = [await records.find_one({"_id": document}) for document in documents]
    assert [each["sha256"] for each in found] == [each.sha256 for each in samples]
    assert [_owed(each) for each in found] == [_ANNOUNCED] * 4


async def test_readiness_and_metrics_tell_of_the_scanner(intake: Intake, http: httpx.AsyncClient) -> None:
    ready = await http.get(f"{intake.first.base}/readyz")
    assert (ready.status_code, ready.json()["checks"]["scanner"]) == (200, "ok")
    metrics = (await http.get(f"{intake.first.base}/metrics")).text
    assert "connect_upload_scanner_present 1.0" in metrics
    assert 'connect_dependency_up{dependency="scanner"} 1.0' in metrics


async def _is_finished(intake: Intake, http: httpx.AsyncClient, path: str, size: int) -> bool:
    return await offset_of(intake, http, path) == (200, str(size))


async def scans(intake: Intake, http: httpx.AsyncClient) -> float:
    """Files that clamd called clean for the first replica."""
    metrics = (await http.get(f"{intake.first.base}/metrics")).text
    found = [line for line in metrics.splitlines() if line.startswith('connect_upload_scans_total{outcome="clean"}')]
    return float(found[0].split()[-1]) if found else 0.0


async def _more_scans(intake: Intake, http: httpx.AsyncClient, before: float) -> bool:
    return await scans(intake, http) > before


def _owed(record: dict[str, Any]) -> list[str]:
    return [event["topic"] for event in record["owed"]]
