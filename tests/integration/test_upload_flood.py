"""One person floods intake, another deposits meanwhile."""

import asyncio
import json
import sys
import time
from statistics import median

import httpx
import pytest

from tests.support.intake import STREAM, Intake, headers, said
from tests.support.samples import Sample, invoice

LINES = 32
# What one person may send at a time. Below the default, so that a small machine reaches it, as it does the requests.
AT_ONCE = 4
TURNS = 3


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    return {"UPLOAD_LIMITS__PERSON__REQUESTS": "30", "UPLOAD_LIMITS__PERSON__TRANSFERS": str(AT_ONCE)}


async def others(intake: Intake, http: httpx.AsyncClient) -> float:
    """Somebody who takes every place of theirs: each is free, whoever else asks. The median of the seconds."""

    async def deposit(turn: int, sample: Sample) -> float:
        base = (intake.first, intake.second)[turn % 2].base
        told = headers(intake, "second-client", Upload_Length=str(sample.size), Upload_Metadata=said())
        begun = time.perf_counter()
        answer = await http.post(f"{base}/uploads", content=sample.content, headers=told | STREAM)
        assert answer.status_code == 201, answer.text
        return time.perf_counter() - begun

    seconds: list[float] = []
    for _ in range(TURNS):
        files = [invoice("facture.pdf", size=60_000) for _ in range(AT_ONCE)]
        seconds += await asyncio.gather(*(deposit(turn, each) for turn, each in enumerate(files)))
        await asyncio.sleep(0.1)
    return median(seconds)


async def test_a_flood_is_told_to_wait_and_the_others_go_on(intake: Intake) -> None:
    flood = [sys.executable, "-m", "tests.support.flood", str(LINES), intake.issuer.token("earl-du-chene")]
    # No line is kept: the server may close it just when it is to be used again.
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as http:
        await others(intake, http)  # the replicas have read the issuer's keys, and opened their connections
        alone = await others(intake, http)
        process = await asyncio.create_subprocess_exec(
            *flood, intake.first.base, intake.second.base, stdout=asyncio.subprocess.PIPE
        )
        try:
            await asyncio.sleep(3)
            amid = await others(intake, http)
            assert process.returncode is None, "the flood was over before the others were done"
        finally:
            process.terminate()
            said_at_last, _ = await process.communicate()
    answers = json.loads(said_at_last)
    assert answers["429"] > answers["201"] > 0
    sys.stdout.write(f"A deposit: {alone * 1000:.0f} ms alone, {amid / alone:.1f} times that amid a flood {answers}\n")
