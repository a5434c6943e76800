"""What a restart may do to a transfer, and what counts as refused: the watcher of the rolling restart."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.chaos.watching import Watching


class Line(httpx.AsyncBaseTransport):
    """Takes so many pieces of a body, and breaks after so many seconds."""

    def __init__(self, *, pieces: int, seconds: float) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self.now = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        taken = 0
        async for _ in request.stream:
            taken += 1
            if taken == self._pieces:
                break
        self.now += self._seconds
        raise httpx.WriteError("broken")


async def _three() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"piece"


@pytest.mark.parametrize(
    ("method", "pieces", "seconds", "refused"),
    [
        ("PATCH", 2, 30, False),
        ("PATCH", 2, 1, False),
        ("PATCH", 2, 0.9, True),
        ("PATCH", 4, 30, True),
        ("PATCH", 4, 0.9, True),
        ("POST", 2, 30, True),
        ("GET", 4, 30, True),
    ],
)
async def test_only_a_long_transfer_in_the_middle_of_its_bytes_is_handed_on(
    method: str, pieces: int, seconds: float, refused: bool
) -> None:
    line = Line(pieces=pieces, seconds=seconds)
    watching = Watching(line, clock=lambda: line.now)
    async with httpx.AsyncClient(transport=watching) as http:
        with pytest.raises(httpx.WriteError):
            await http.request(method, "http://portal/uploads/1", content=_three() if method != "GET" else None)
    assert (len(watching.refused), watching.handed_on) == ((1, 0) if refused else (0, 1))


async def test_who_is_told_that_a_replica_is_draining_is_handed_on_and_any_other_error_is_a_refusal() -> None:
    told = iter([(503, b'{"code":"draining"}'), (503, b'{"code":"store_unavailable"}'), (204, b"")])

    def answer(_: httpx.Request) -> httpx.Response:
        status, body = next(told)
        return httpx.Response(status, content=body)

    watching = Watching(httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=watching) as http:
        for _ in range(3):
            await http.patch("http://portal/uploads/1", content=b"all")
    assert (len(watching.refused), watching.handed_on) == (1, 1)
