"""Intake that is told to take files unscanned: it does, and whoever runs it can see that it does."""

import json

import httpx
import pytest

from tests.suites.bad_files import EICAR
from tests.support.intake import Intake
from tests.support.samples import Sample
from tests.support.tus import Deposit, TusClient


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    return {"UPLOAD_SCANNER": "none"}


async def test_without_a_scanner_files_are_taken_and_readiness_metric_and_log_say_so(
    intake: Intake, http: httpx.AsyncClient, client: TusClient
) -> None:
    await client.deposit(Sample("virus.txt", EICAR, "text/plain"), to=Deposit())
    for replica in (intake.first, intake.second):
        ready = await http.get(f"{replica.base}/readyz")
        assert (ready.status_code, ready.json()["checks"]["scanner"]) == (200, "scanner_absent")
        metrics = (await http.get(f"{replica.base}/metrics")).text.splitlines()
        assert {"connect_upload_scanner_present 0.0", 'connect_dependency_up{dependency="scanner"} 0.0'} <= {*metrics}
        logged = [json.loads(line) for line in replica.log().splitlines()]
        assert [each["level"] for each in logged if each["event"] == "scanner_absent"] == ["warning"]
