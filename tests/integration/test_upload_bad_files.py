"""Files that are not what they say, that nobody could open or that do harm: refused over HTTP, with nothing kept."""

from typing import Any

import httpx
import pytest

from tests.suites.bad_files import CASES, Case
from tests.suites.disguised_files import DISGUISED
from tests.support.eventually import eventually
from tests.support.intake import STREAM, Intake, headers, said
from tests.support.leftovers import Leftovers


def _marked(case: Case) -> Any:
    marks = [pytest.mark.needs("clamd")] if case.needs_scanner else []
    return pytest.param(case, id=str(case), marks=marks)


@pytest.mark.parametrize("case", [_marked(case) for case in (*CASES, *DISGUISED)])
async def test_a_file_gets_what_its_content_deserves(
    intake: Intake, http: httpx.AsyncClient, leftovers: Leftovers, records: Any, case: Case
) -> None:
    before = await leftovers.at_rest()
    content = case.made()
    asked = headers(intake, Upload_Length=str(len(content)), Upload_Metadata=said(filename=case.name)) | STREAM
    answer = await http.post(f"{intake.first.base}/uploads", headers=asked, content=content)
    record = await records.find_one({"name": case.name})
    if case.code is None:
        assert (answer.status_code, record["state"]) == (201, "owed"), answer.text
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, case.code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["detail"].endswith(".")
    assert (record["state"], record["code"], record["reason"]) == ("refused", case.code, problem["detail"])
    assert [event["topic"] for event in record["owed"]] == ["connect.v1.documents.rejected.14"]

    async def nothing_is_left() -> bool:
        now = await leftovers.held()
        return (now.staged, now.scratch, now.transfers) == (before.staged, before.scratch, before.transfers)

    await eventually(nothing_is_left)
