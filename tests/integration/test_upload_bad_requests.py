"""Requests that are not as they should be: each gets a problem that says why, and leaves nothing behind."""

import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.suites.bad_requests import CREATIONS, ON_AN_UPLOAD, Ask, Headers
from tests.suites.file_names import NAMES, Name
from tests.support.intake import STREAM, Intake, created, headers, path_of, said
from tests.support.leftovers import Leftovers


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    """Hundreds of requests within seconds are meant."""
    return {"UPLOAD_LIMITS__PERSON__REQUESTS": "none"}


@pytest.fixture(scope="module")
def places(intake: Intake) -> dict[str, str]:
    """Uploads in the states that requests are about."""
    deposit = str(uuid.uuid4())
    with httpx.Client(base_url=intake.first.base, timeout=60) as http:

        def upload(content: bytes) -> str:
            asked = headers(intake, Upload_Length="100", Upload_Metadata=said(filename="a.txt", deposit=deposit))
            answer = http.post("/uploads", headers=asked | STREAM, content=content)
            return str(answer.headers["Location"].rpartition("/")[2])

        places = {"upload": upload(b"x" * 10), "finished": upload(b"x" * 100), "refused": upload(bytes(100))}
        places["cancelled"] = upload(b"")
        assert http.delete(f"/uploads/{places['cancelled']}", headers=headers(intake)).status_code == 204
    return {**places, "deposit": deposit, "UPLOAD": places["upload"].upper()}


def is_problem(answer: httpx.Response, *, status: int, code: str) -> bool:
    """Whether it is a problem with a sentence for people. HEAD has no body to say one in."""
    assert answer.status_code == status, answer.text
    if answer.request.method == "HEAD":
        return True
    problem = answer.json()
    assert status != 412 or answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (status, code), problem
    return str(problem["detail"]).endswith(".")


def _headers(intake: Intake, changed: Headers, base: Mapping[str, str]) -> dict[bytes, bytes]:
    asked: dict[str, str | bytes | None] = {**base, **changed}
    if (who := asked["Authorization"]) == "second-client":
        asked["Authorization"] = f"Bearer {intake.issuer.token(str(who))}"
    as_bytes = {name: value.encode() if isinstance(value, str) else value for name, value in asked.items()}
    return {name.encode(): value for name, value in as_bytes.items() if value is not None}


@pytest.mark.parametrize("ask", CREATIONS, ids=str)
async def test_what_may_not_be_created_is_a_problem_and_nothing_is_kept(
    intake: Intake, http: httpx.AsyncClient, leftovers: Leftovers, ask: Ask
) -> None:
    before = await leftovers.at_rest()
    good = headers(intake, Upload_Length="10", Upload_Metadata=said())
    answer = await http.post(
        f"{intake.first.base}/uploads", headers=_headers(intake, ask.headers, good), content=ask.content
    )
    assert is_problem(answer, status=ask.status, code=ask.code)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    await leftovers.come_to(before)


@pytest.mark.parametrize("ask", ON_AN_UPLOAD, ids=str)
async def test_what_may_not_be_done_is_a_problem_and_changes_nothing(
    intake: Intake, http: httpx.AsyncClient, leftovers: Leftovers, places: dict[str, str], ask: Ask
) -> None:
    before = await leftovers.at_rest()
    path = ask.path
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", value)
    asked = _headers(intake, ask.headers, headers(intake))
    answer = await http.request(ask.method, intake.first.base + path, headers=asked, content=ask.content)
    assert is_problem(answer, status=ask.status, code=ask.code)
    await leftovers.come_to(before)


@pytest.mark.parametrize("name", NAMES, ids=str)
async def test_a_name_is_kept_as_it_reads_or_refused(
    intake: Intake, http: httpx.AsyncClient, leftovers: Leftovers, records: Any, name: Name
) -> None:
    before = await leftovers.at_rest()
    answer = await created(intake, http, length=10, filename=name.told)
    if name.kept is None:
        assert is_problem(answer, status=422, code="invalid_filename")
        await leftovers.come_to(before)
    else:
        path = path_of(answer)
        assert (await records.find_one({"_id": path.rpartition("/")[2]}))["name"] == name.kept
        assert (await http.delete(intake.first.base + path, headers=headers(intake))).status_code == 204
