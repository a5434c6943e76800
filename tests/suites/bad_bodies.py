"""Requests that lie about their length, stop in the middle or never end, byte for byte as they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LENGTH = 100
PATCH = (
    "PATCH /uploads/{upload} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n"
    "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
)
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"
# What breaks HTTP itself is answered by the server below the service, which knows no problems.
BROKEN = 400


@dataclass(frozen=True)
class Sent:
    """What is sent to a new upload of `LENGTH` bytes, and what must come back.

    `status` is None where nothing can: the sender is gone. `kept` are the bytes the upload then has, from and to: what
    comes just before the line drops may be lost with it. Between the `pieces` it takes `pause` seconds.
    """

    name: str
    head: str
    pieces: Sequence[bytes]
    status: int | None
    kept: tuple[int, int]
    code: str = ""
    pause: float = 0.0

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _of(name: str, length: str, pieces: Sequence[bytes], status: int | None, *kept: int, code: str = "") -> Sent:
    return Sent(name, f"{PATCH}Content-Length: {length}\r\n\r\n", pieces, status, (kept[0], kept[-1]), code)


def _chunks(name: str, *chunks: bytes, status: int | None, kept: Sequence[int], code: str = "") -> Sent:
    return Sent(name, PATCH + CHUNKED, chunks, status, (kept[0], kept[-1]), code)


def _broken(name: str, head: str, body: bytes = b"", *, kept: int = 0) -> Sent:
    return Sent(name, head, (body,), BROKEN, (0, kept))


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


SENT = (
    _of("less than its length", "100", [b"x" * 40], None, 0, 40),
    _of("nothing of its length", "100", [], None, 0),
    _of("a little of a petabyte", "1000000000000000", [b"x" * 40], None, 0, 40),
    _of("more than is missing", "101", [b"x" * 101], 413, 0, 100, code="too_many_bytes"),
    _of("megabytes more than are missing", "9000000", [b"x" * 300_000] * 30, 413, 0, 100, code="too_many_bytes"),
    _chunks("chunks cut off", _chunk(b"x" * 40), status=None, kept=[0, 40]),
    _chunks("a chunk cut off", b"28\r\n" + b"x" * 30, status=None, kept=[0, 30]),
    _chunks("a chunk of nearly everything", b"ffffffffffffff\r\nxxxxx", status=None, kept=[0, 5]),
    _chunks("chunks without end", *[_chunk(b"x" * 30)] * 500, status=413, kept=[0, 100], code="too_many_bytes"),
    _chunks("chunks of one byte", *[_chunk(b"x")] * 100, b"0\r\n\r\n", status=204, kept=[100]),
    _chunks("a chunk of no number", b"zz\r\nxx\r\n", status=None, kept=[0]),
    _chunks("a chunk longer than it says", b"2\r\nxxxxxx\r\n", status=None, kept=[0, 6]),
    Sent("a byte at a time", f"{PATCH}Content-Length: 8\r\n\r\n", [b"x"] * 8, 204, (8, 8), pause=0.4),
    Sent("a byte at a time and gone", f"{PATCH}Content-Length: 90\r\n\r\n", [b"x"] * 8, None, (0, 8), pause=0.4),
    Sent("a head alone", PATCH, (), None, (0, 0)),
    Sent("a body it asks leave for", f"{PATCH}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", [b"x" * 9], 204, (9, 9)),  # noqa: E501  # one line a case
    # Whatever comes behind a body is read as a further request.
    _broken("more than its length", f"{PATCH}Content-Length: 40\r\n\r\n", b"x" * 100, kept=40),
    _broken("no length at all of two", f"{PATCH}Content-Length: 40\r\nContent-Length: 41\r\n\r\n", b"x" * 41),
    _broken("a negative length", f"{PATCH}Content-Length: -1\r\n\r\n"),
    _broken("a length in words", f"{PATCH}Content-Length: many\r\n\r\n"),
    _broken("a length beyond numbers", f"{PATCH}Content-Length: {'9' * 30}\r\n\r\n"),
    _broken("a length and chunks", f"{PATCH}Content-Length: 40\r\n{CHUNKED}", _chunk(b"x" * 40)),
    _broken("a header with NUL", f"{PATCH}X-Note: a\0b\r\nContent-Length: 5\r\n\r\n", b"xxxxx"),
    _broken("a header without colon", f"{PATCH}X-Note\r\nContent-Length: 5\r\n\r\n", b"xxxxx"),
    _broken("a header without name", f"{PATCH}: x\r\nContent-Length: 5\r\n\r\n", b"xxxxx"),
    _broken("a header with a space in its name", f"{PATCH}X Note: x\r\nContent-Length: 5\r\n\r\n", b"xxxxx"),
    _broken("a method of its own", PATCH.replace("PATCH", "BREW", 1) + "\r\n"),
    _broken("a version of its own", PATCH.replace("HTTP/1.1", "HTTP/7.3", 1) + "\r\n"),
    _broken("no HTTP", "EHLO intake\r\n\r\n"),
    _broken("no text", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
)  # fmt: skip
