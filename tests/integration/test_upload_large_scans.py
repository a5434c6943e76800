"""A file of 150 MiB and the virus scanner: looked at to its last byte, and never held in memory."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.suites.bad_files import MARKER
from tests.support.intake import MIB, STREAM, Intake, created, headers, path_of
from tests.support.samples import Sample, invoice
from tests.support.tus import TusClient

pytestmark = [pytest.mark.needs("clamd"), pytest.mark.timeout(300)]


async def test_the_memory_of_intake_stays_flat_over_a_file_of_150_mib(
    intake: Intake, client: TusClient, tell: Any
) -> None:
    warm_up = invoice("facture.pdf", size=20 * MIB)
    await client.finish(await client.create(warm_up, {"filename": warm_up.name, "folder": "comptable"}), warm_up)
    before = _peak(intake)
    sample = invoice("facture.pdf", size=150 * MIB)
    path = await client.create(sample, {"filename": sample.name, "folder": "comptable"})
    await client.finish(path, sample)
    grown = _peak(intake) - before
    tell(f"peak memory grew by {grown / MIB:.0f} MiB over a file of 150 MiB")
    assert grown < 48 * MIB


async def test_the_last_bytes_of_a_file_of_150_mib_are_scanned(intake: Intake, http: httpx.AsyncClient) -> None:
    sample = invoice("facture.pdf", size=150 * MIB)
    marked = Sample("facture.pdf", sample.content[: -len(MARKER)] + MARKER)
    path = path_of(await created(intake, http, length=marked.size))
    asked = headers(intake, Upload_Offset="0") | STREAM
    answer = await http.patch(intake.first.base + path, content=marked.content, headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "infected")


def _peak(intake: Intake) -> int:
    status = Path(f"/proc/{intake.first.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
