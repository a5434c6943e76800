"""What the gateway lets through, and what it says itself."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chassis.limits import Asking
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from tests.support.intake import STREAM
from tests.support.running import RunningStack
from tests.support.tus import Patience

KIB = 1024
JSON = {"Content-Type": "application/json"}


def opened(portal: str) -> socket.socket:
    """A line of our own to the gateway."""
    url = urlsplit(portal)
    return socket.create_connection((url.hostname, url.port or 80), timeout=60)


def announced(portal: str, method: str, path: str, length: int, *, within: float = 60) -> bytes:
    """The beginning of the answer to a request whose body never comes. Raises TimeoutError when there is none."""
    with opened(portal) as line:
        line.settimeout(within)
        line.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        return line.recv(64 * KIB)


async def test_a_body_above_what_the_service_takes_is_refused_before_it_is_sent(
    portal: str, http: httpx.AsyncClient
) -> None:
    largest = int((await http.options(f"{portal}/uploads")).headers["Tus-Max-Size"])
    for method, path in (("PATCH", "/uploads/some-upload"), ("POST", "/uploads")):
        answer = announced(portal, method, path, largest + 1)
        assert answer.startswith(b"HTTP/1.1 413"), answer
        assert b"application/problem+json" in answer
        assert b"La demande est trop volumineuse" in answer
    # As much as the service takes is waited for.
    with pytest.raises(TimeoutError):
        announced(portal, "PATCH", "/uploads/some-upload", largest, within=2)


async def test_whoever_does_not_announce_a_body_is_cut_off_where_it_is_too_large(
    portal: str, http: httpx.AsyncClient
) -> None:
    small, large = b"[" + b" " * 900 * KIB, b"[" + b" " * 1100 * KIB

    async def in_pieces(content: bytes) -> Any:
        for start in range(0, len(content), 64 * KIB):
            yield content[start : start + 64 * KIB]

    for path in ("/api/documents/archive", "/uploads/deposits/some-deposit/close"):
        for content, status in ((small, 401), (large, 413)):
            assert (await http.post(portal + path, content=content, headers=JSON)).status_code == status
            answer = await http.post(portal + path, content=in_pieces(content), headers=JSON)
            assert answer.status_code in (status, 401)  # without a session nothing of a body is read


async def test_an_answer_that_comes_before_the_body_arrives(
    stack: RunningStack, portal: str, http: httpx.AsyncClient
) -> None:
    told = {
        "Authorization": f"Bearer {await stack.token('earl-du-chene')}",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
    }
    patience = Patience(30)
    for size in (1, 300 * KIB, 20 * 1024 * KIB):
        answer = None
        while answer is None:
            # The line may be torn under what is still being sent: a client asks again.
            with patience:
                answer = await http.patch(f"{portal}/uploads/some-upload", content=bytes(size), headers=told | STREAM)
        assert answer.status_code == 404


async def test_headers_without_end_are_refused(portal: str, http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{portal}/api/me", headers={"X-Long": "a" * 16 * KIB})
    assert answer.status_code == 401
    answer = await http.get(f"{portal}/api/me", headers={"X-Long": "a" * 48 * KIB})
    assert answer.status_code == 431


async def test_headers_that_never_end_are_not_waited_for(portal: str) -> None:
    begun = time.monotonic()
    with opened(portal) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert line.recv(1) == b""
    assert 8 < time.monotonic() - begun < 40


async def test_an_address_that_the_sender_claims_is_not_believed(
    stack: RunningStack, portal: str, http: httpx.AsyncClient
) -> None:
    env, forged = stack.env("upload"), "203.0.113.77"
    token = {"Authorization": f"Bearer {await stack.token('earl-du-chene')}", "X-Forwarded-For": forged}
    answer = await http.get(f"{portal}/uploads/some-upload/receipt", headers=token)
    assert answer.status_code == 404
    mongo: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(env["UPLOAD_MONGO_URL"]) as mongo:
        limits: AsyncCollection[dict[str, Any]] = mongo[env["UPLOAD_MONGO_DATABASE"]]["limits"]

        async def is_counted(*addresses: str) -> bool:
            keys = [Asking.of(office="", sub="", address=each).address for each in addresses]
            return await limits.count_documents({"_id": {"$in": keys}}) > 0

        assert await is_counted("127.0.0.1", "::1")
        assert not await is_counted(forged)


async def test_while_nobody_answers_people_get_a_page_and_programs_a_problem(
    stack: RunningStack, portal: str, http: httpx.AsyncClient
) -> None:
    await stack.down("catalog-1")
    try:
        page = await http.get(f"{portal}/documents", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        problem = await http.get(f"{portal}/api/me", headers={"Accept": "application/json"})
    finally:
        await stack.up("catalog-1")
    for answer in (page, problem):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Le service est momentanément indisponible" in answer.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<html lang="fr">' in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["code"]) == (503, "service_away")
