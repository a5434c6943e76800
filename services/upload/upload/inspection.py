"""Looks into a file as whoever receives it will: can this PDF be opened, is this picture there and has it a size to be
shown at, does this XML keep to what it says?

Parsers meet whatever a sender made, so this runs as a process of its own, without the service's environment, network
addresses or keys, under limits of memory and processor time: see `inspector`. Start: `python -m upload.inspection FD`.
Every message is the name of a kind and comes with a file; every answer is a verdict.
"""

import mmap
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

import defusedxml.sax  # type: ignore[import-untyped]  # it has none
import imagesize  # type: ignore[import-untyped]  # it has types, and does not say so
import pikepdf

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 15
# Beyond what any scanner or camera makes (A0 at 600 dpi is 558 million), and all a viewer's memory could take.
LARGEST_SIDE, LARGEST_AREA = 65_500, 1_000_000_000
MESSAGE = 64
_BLOCK = 64 * 1024
_JPEG, _JPEG_DATA, _JPEG_END = b"\xff\xd8", 0xDA, b"\xff\xd9"
# Of JPEG's markers those without a length: fill bytes, stuffed ones, restarts, begins and ends.
_JPEG_BARE = {0x00, 0x01, *range(0xD0, 0xDA), 0xFF}
_PNG = b"\x89PNG\r\n\x1a\n"


def pdf_verdict(file: BinaryIO) -> str:
    """`good`, `encrypted` when a password is needed to open it, or `broken` when a patient reader finds no page."""
    try:
        # By its path it is mapped, not copied.
        with pikepdf.open(f"/proc/self/fd/{file.fileno()}", suppress_warnings=True) as document:
            return "good" if len(document.pages) else "broken"
    except pikepdf.PasswordError:
        return "encrypted"
    except pikepdf.PdfError as error:
        return "encrypted" if "unsupported encryption" in str(error) else "broken"


def picture_verdict(file: BinaryIO) -> str:
    """`good`, `oversized`, or `damaged` where a JPEG's or a PNG's end is missing. Nothing is decoded.

    A size that its header hides, and the other kinds' ends, are left to their reader.
    """
    width, height = imagesize.get(file)
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_AREA:
        return "oversized"
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:2] == _JPEG:
            return "good" if _is_whole_jpeg(content) else "damaged"
        if content[:8] == _PNG:
            return "good" if _is_whole_png(content) else "damaged"
    return "good"


def xml_verdict(file: BinaryIO) -> str:
    """`good`, or `entities_not_allowed` where entities are declared: by them few bytes can become endless ones, or
    another file's. Declarations come before the root, so no more is parsed than up to there."""
    parser = defusedxml.sax.make_parser()
    parser.setContentHandler(_UntilRoot())
    seen = b""
    try:
        while seen := file.read(_BLOCK):
            parser.feed(seen)
    except (_RootReached, defusedxml.ExternalReferenceForbidden):
        # A document type that lies elsewhere is not fetched, and comes after what is declared here.
        return "good"
    except defusedxml.EntitiesForbidden:
        return "entities_not_allowed"
    except (SAXParseException, LookupError, ValueError):
        # Its reader may be more patient than this parser, and is not to meet them either.
        return "entities_not_allowed" if b"<!ENTITY" in seen.replace(b"\0", b"") else "good"
    return "good"


VERDICTS: dict[str, Callable[[BinaryIO], str]] = {
    "pdf": pdf_verdict,
    "picture": picture_verdict,
    "xml": xml_verdict,
}


def main() -> None:
    """Answer until the other side closes."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (most, most))
    with socket.socket(fileno=int(sys.argv[1])) as service:
        while True:
            message, files, _, _ = socket.recv_fds(service, MESSAGE, 1)
            if not message:
                return
            _allow_cpu_seconds(CPU_SECONDS)
            with os.fdopen(files[0], "rb") as file:
                service.send(_verdict(message.decode(), file).encode())


class _RootReached(Exception):
    """The prolog is over."""


class _UntilRoot(ContentHandler):
    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802  # the library's word
        raise _RootReached


def _is_whole_jpeg(content: mmap.mmap) -> bool:
    """Whether data begin, and end. A preview in the head has both, so the head is passed. Source: ITU-T T.81, B.1."""
    at = content.find(b"\xff", len(_JPEG))
    while 0 <= at < len(content) - 3:
        marker = content[at + 1]
        if marker == _JPEG_DATA:
            return content.find(_JPEG_END, at) >= 0
        length = 0 if marker in _JPEG_BARE else int.from_bytes(content[at + 2 : at + 4])
        at = content.find(b"\xff", at + (1 if marker == 0xFF else 2 + length))
    return False


def _is_whole_png(content: mmap.mmap) -> bool:
    """Whether all chunks are there, data among them, up to the end's. Source: ISO/IEC 15948, 5."""
    at, has_data = len(_PNG), False
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">L4s", content, at)
        if kind == b"IEND":
            return has_data
        has_data |= kind == b"IDAT"
        at += 12 + length
    return False


def _verdict(kind: str, file: BinaryIO) -> str:
    try:
        return VERDICTS[kind](file)
    except MemoryError:
        return "broken"


def _allow_cpu_seconds(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
