"""What a restart may do to a transfer, and what counts as refused: the watcher of the rolling restart."""

import httpx
import pytest

from tests.chaos.watching import Watching

PATH = "http://portal/uploads/1"


class Line(httpx.AsyncBaseTransport):
    """Breaks after so many seconds, but for a HEAD, which tells of so many of ten bytes."""

    def __init__(self, *, seconds: float, came: int) -> None:
        self._seconds = seconds
        self._came = came
        self.now = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(200, headers={"Upload-Offset": str(self._came), "Upload-Length": "10"})
        self.now += self._seconds
        raise httpx.ReadError("broken")


@pytest.mark.parametrize(
    ("method", "seconds", "came", "refused"),
    [
        ("PATCH", 30, 5, False),
        ("PATCH", 1, 0, False),
        ("PATCH", 0.9, 5, True),
        ("PATCH", 30, 10, True),
        ("PATCH", 0.9, 10, True),
        ("POST", 30, 5, True),
        ("GET", 30, 5, True),
    ],
)
async def test_only_a_long_transfer_in_the_middle_of_its_bytes_is_handed_on(
    method: str, seconds: float, came: int, refused: bool
) -> None:
    line = Line(seconds=seconds, came=came)
    watching = Watching(line, clock=lambda: line.now)
    async with httpx.AsyncClient(transport=watching) as http:
        with pytest.raises(httpx.ReadError):
            await http.request(method, PATH)
        await http.head(PATH)
        await http.head(PATH)
    assert (len(watching.refused), watching.handed_on) == ((1, 0) if refused else (0, 1))


async def test_a_broken_line_of_which_nothing_is_told_any_more_is_a_refusal() -> None:
    line = Line(seconds=30, came=5)
    watching = Watching(line, clock=lambda: line.now)
    async with httpx.AsyncClient(transport=watching) as http:
        with pytest.raises(httpx.ReadError):
            await http.patch(PATH)
        await http.head("http://portal/uploads/2")
    assert (len(watching.refused), watching.handed_on) == (1, 0)


async def test_who_is_told_that_a_replica_is_draining_is_handed_on_and_any_other_error_is_a_refusal() -> None:
    told = iter([(503, b'{"code":"draining"}'), (503, b'{"code":"store_unavailable"}'), (204, b"")])

    def answer(_: httpx.Request) -> httpx.Response:
        status, body = next(told)
        return httpx.Response(status, content=body)

    watching = Watching(httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=watching) as http:
        for _ in range(3):
            await http.patch(PATH, content=b"all")
    assert (len(watching.refused), watching.handed_on) == (1, 1)
