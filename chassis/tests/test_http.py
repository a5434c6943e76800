"""What a service answers over HTTP when something goes wrong, how it says whether it is ready, and what it counts."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import httpx
import pytest
import structlog
from chassis.errors import Later, Rejected, Unavailable
from chassis.health import Check, health_routes
from chassis.metrics import REQUESTS
from chassis.problem import Problem, install_problems
from chassis.service import RequestContext
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse

_RAISED: Mapping[str, Exception] = {
    "unavailable": Unavailable("store_unavailable"),
    "later": Later("not_yet", delay=3),
    "rejected": Rejected("hash_differs", "L’empreinte diffère."),
    "problem": Problem(409, "already_taken", "Déjà pris en charge.", headers={"X-More": "1"}),
    "tus": Problem(460, "checksum_mismatch", "La somme de contrôle diffère."),
    "http": HTTPException(400, "There was an error parsing the body"),
    "bug": KeyError("somebody@example.org"),
}


def _app(**checks: Check) -> tuple[FastAPI, asyncio.Event]:
    app, stop = FastAPI(), asyncio.Event()
    install_problems(app)
    app.add_middleware(RequestContext)
    app.include_router(health_routes(checks, stop))

    @app.get("/raise/{what}")
    async def fail(what: str) -> None:
        raise _RAISED[what]

    @app.get("/page")
    async def page(size: Annotated[int, Query(le=10)]) -> int:
        return size

    @app.get("/torn")
    async def torn() -> StreamingResponse:
        async def body() -> object:
            yield b"half"
            raise KeyError("lost")

        return StreamingResponse(body())  # type: ignore[arg-type]

    return app, stop


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/raise/unavailable", 503, "store_unavailable"),
        ("/raise/later", 503, "not_yet"),
        ("/raise/rejected", 422, "hash_differs"),
        ("/raise/problem", 409, "already_taken"),
        ("/raise/tus", 460, "checksum_mismatch"),
        ("/raise/bug", 500, "bug"),
        ("/page?size=11", 422, "invalid_request"),
        ("/nowhere", 404, "not_found"),
    ],
)
async def test_every_error_is_a_problem_with_its_code(path: str, status: int, code: str) -> None:
    async with _client(_app()[0]) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert body["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "; sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_method_says_which_are_right() -> None:
    async with _client(_app()[0]) as client:
        answer = await client.post("/page")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_what_the_framework_says_in_english_is_not_passed_on() -> None:
    async with _client(_app()[0]) as client:
        answer = await client.get("/raise/http")
    assert (answer.status_code, answer.json()["detail"]) == (400, "La demande n’est pas valable.")


async def test_headers_of_a_problem_and_the_time_to_come_again_are_sent() -> None:
    async with _client(_app()[0]) as client:
        assert (await client.get("/raise/problem")).headers["x-more"] == "1"
        assert (await client.get("/raise/unavailable")).headers["retry-after"] == "5"


async def test_a_bug_is_logged_once_and_its_message_is_not_told() -> None:
    with structlog.testing.capture_logs() as logs:
        async with _client(_app()[0]) as client:
            answer = await client.get("/raise/bug")
    assert "somebody" not in answer.text
    assert [each["event"] for each in logs] == ["request_failed"]


async def test_an_answer_that_breaks_off_in_the_middle_is_not_passed_off_as_whole() -> None:
    async with _client(_app()[0]) as client:
        with pytest.raises(KeyError):
            await client.get("/torn")


def _count(method: str, route: str, status: str) -> float:
    return float(REQUESTS.labels(method, route, status)._value.get())


async def test_requests_are_counted_by_route_and_never_by_path_or_made_up_method() -> None:
    before = [
        _count("GET", "/raise/{what}", "503"),
        _count("GET", "unmatched", "404"),
        _count("other", "unmatched", "404"),
        _count("GET", "/raise/{what}", "500"),
    ]
    async with _client(_app()[0]) as client:
        await client.get("/raise/unavailable")
        await client.get("/ids/0192f3a1")
        await client.request("BREW", "/ids/0192f3a1")
        await client.get("/raise/bug")
    after = [
        _count("GET", "/raise/{what}", "503"),
        _count("GET", "unmatched", "404"),
        _count("other", "unmatched", "404"),
        _count("GET", "/raise/{what}", "500"),
    ]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 1]


async def _fine() -> None:
    return


async def _down() -> None:
    raise Unavailable("database_unavailable")


async def _hangs() -> None:
    await asyncio.Event().wait()


async def test_a_service_is_ready_while_what_it_needs_answers() -> None:
    app, _ = _app(database=Check(_fine), mail=Check(_down, required=False))
    async with _client(app) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "checks": {"database": "ok", "mail": "database_unavailable"}}
        assert 'connect_dependency_up{dependency="mail"} 0.0' in (await client.get("/metrics")).text


async def test_metrics_tell_of_each_dependency_as_it_is_now_though_nobody_asked_for_readiness() -> None:
    is_down = False

    async def database() -> None:
        if is_down:
            raise Unavailable("database_unavailable")

    app, _ = _app(database=Check(database))
    async with _client(app) as client:
        assert 'connect_dependency_up{dependency="database"} 1.0' in (await client.get("/metrics")).text
        is_down = True
        assert 'connect_dependency_up{dependency="database"} 0.0' in (await client.get("/metrics")).text


async def test_a_check_that_breaks_keeps_no_metric_back() -> None:
    async def broken() -> None:
        raise RuntimeError

    app, _ = _app(database=Check(broken), broker=Check(_fine))
    async with _client(app) as client:
        assert 'connect_dependency_up{dependency="database"} 0.0' in (await client.get("/metrics")).text
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]) == (503, {"database": "check_failed", "broker": "ok"})


async def test_a_service_is_not_ready_while_what_it_needs_is_down_or_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.health.CHECK_TIMEOUT", 0.1)
    app, _ = _app(database=Check(_down), store=Check(_hangs), broker=Check(_fine))
    async with _client(app) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"database": "database_unavailable", "store": "timeout", "broker": "ok"}
        assert (await client.get("/livez")).status_code == 200


async def test_a_service_serves_once_it_was_ready_and_goes_on_where_something_fails() -> None:
    is_down = True

    async def database() -> None:
        if is_down:
            raise Unavailable("database_unavailable")

    app, _ = _app(database=Check(database))
    async with _client(app) as client:
        answer = await client.get("/servingz")
        assert (answer.status_code, answer.json()) == (503, {"status": "starting"})
        is_down = False
        assert (await client.get("/servingz")).status_code == 200
        is_down = True
        assert (await client.get("/servingz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


async def test_a_draining_service_lives_and_is_not_ready() -> None:
    app, stop = _app(database=Check(_fine))
    stop.set()
    async with _client(app) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "draining")
        assert (await client.get("/servingz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
