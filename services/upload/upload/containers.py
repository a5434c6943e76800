"""Office files: ZIP containers that are known, and told from archives, by their own table of contents.

Nothing is unpacked but two small entries. Sources: ECMA-376 part 2 (OOXML), ODF 1.3 part 2, PKWARE APPNOTE 4.4.
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from upload.errors import Refused

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."
# The head of the older formats, and of newer ones behind a password.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_READ_LIMIT, _ENTRY_LIMIT = 1024 * 1024, 1024 * 1024
# What is written in a spreadsheet packs up to fiftyfold; beyond both of these somebody wants to fill a disk.
_EXPANDED_LIMIT, _EXPANDED_FREELY, _RATIO_LIMIT = 4 * 1024**3, 256 * 1024**2, 200
# What reading a container raises that is broken, encrypted, or packed in a way nobody packs an office file.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, RuntimeError, KeyError,
    ValueError, OverflowError, EOFError, OSError,
)  # fmt: skip

Test = Callable[[zipfile.ZipFile], bool]


def judge_container(content: BinaryIO, test: Test) -> bool:
    """Whether a whole file is the container that `test` knows. Raises Refused for what no container may hold."""
    content.seek(0)
    try:
        with zipfile.ZipFile(cast(BinaryIO, _Sparing(content))) as container:
            _refuse_bomb(container)
            return test(container)
    except _BROKEN:
        return False  # not what its name says


def ooxml(main: str) -> Test:
    """The test for a Word or Excel file whose main part is of this type."""

    def test(container: zipfile.ZipFile) -> bool:
        types = _entry(container, "[Content_Types].xml").lower()
        names = [entry.lower() for entry in container.namelist()]
        if any("vbaproject" in name or "macrosheets/" in name for name in names):
            raise _macros()
        if b"macroenabled" in types or b"macrosheet" in types or b"vbaproject" in types:
            raise _macros()
        return f"{OOXML}{main}.main+xml".encode() in types

    return test


def odf(kind: str) -> Test:
    """The test for an OpenDocument file of this type."""

    def test(container: zipfile.ZipFile) -> bool:
        if _entry(container, "mimetype").strip() != f"{ODF}{kind}".encode():
            return False
        if any(entry.startswith(("Basic/", "Scripts/")) for entry in container.namelist()):
            raise _macros()
        if "META-INF/manifest.xml" in container.namelist() and b":encryption-data" in _entry(
            container, "META-INF/manifest.xml"
        ):
            raise locked_office_file()
        return True

    return test


def locked_office_file() -> Refused:
    """It cannot be opened without a password, or only by programs of old."""
    return Refused(
        "encrypted",
        "Ce document est protégé par un mot de passe, ou d’un ancien format. Enregistrez-le sans mot de passe au "
        "format DOCX, XLSX, ODT, ODS ou PDF, puis transférez-le.",
    )


def _macros() -> Refused:
    return Refused(
        "macros_not_allowed",
        "Ce document contient des macros, qui ne sont pas acceptées. Enregistrez-le sans macros (DOCX, XLSX) ou au "
        "format PDF, puis transférez-le.",
    )


def _refuse_bomb(container: zipfile.ZipFile) -> None:
    packed = sum(entry.compress_size for entry in container.infolist())
    expanded = sum(entry.file_size for entry in container.infolist())
    if expanded > _EXPANDED_LIMIT or expanded > max(_EXPANDED_FREELY, _RATIO_LIMIT * packed):
        raise Refused(
            "expands_too_much",
            "Ce document prend une place démesurée une fois ouvert. Enregistrez-le au format PDF, puis transférez-le.",
        )


def _entry(container: zipfile.ZipFile, name: str) -> bytes:
    with container.open(name) as entry:
        return entry.read(_ENTRY_LIMIT)


class _Sparing(io.RawIOBase):
    """Reads little at a time: a table of contents lies about its size as it likes, in more than one place."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def read(self, size: int | None = -1, /) -> Any:
        if size is None or size < 0:
            at = self.tell()
            size = self.seek(0, 2) - at
            self.seek(at)
        if size > _READ_LIMIT:
            raise zipfile.BadZipFile("more at once than any office file has a reason for")
        return self._content.read(size)
