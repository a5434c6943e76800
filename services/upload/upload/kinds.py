"""The kinds of file that are taken, and how each is known by its content.

A name alone proves nothing, so the content must be what the extension says. Sources: ISO 32000 7.5.2 (PDF),
ISO/IEC 23008-12 (HEIC brands).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Literal

from upload.containers import ODF, OLE, OOXML, Test, judge_container, locked_office_file, odf, ooxml
from upload.errors import Refused, Unprocessable
from upload.evidence import Evidence

Look = Literal["pdf", "picture", "xml"]

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BOMS_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NOT_TEXT = (b"MZ", b"PK\x03\x04", b"%PDF-", b"\x7fELF", b"#!", b"{\\rtf", b"%!PS", b"Rar!", b"7z\xbc\xaf")
_MARKUP = re.compile(rb"<(?:!doctype\s+)?(?:[\w.-]+:)?(html|svg|script|body|iframe)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """A kind of file. `by_head` judges by what was seen passing, `by_container` by the whole ZIP file, and an
    inspection takes a `look` at the rest."""

    content_type: str
    by_head: Callable[[Evidence], bool]
    by_container: Test | None = None
    look: Look | None = None

    @property
    def needs_content(self) -> bool:
        """It is not judged by what was seen passing alone."""
        return self.by_container is not None or self.look is not None


def kind_of(name: str) -> Kind:
    """The kind a file's extension promises. Raises Unprocessable."""
    kind = KINDS.get(PurePath(name).suffix.lower())
    if kind is None:
        raise Unprocessable(
            "type_not_allowed",
            "Ce type de fichier n’est pas accepté. Formats acceptés : PDF, JPEG, PNG, TIFF, HEIC, XML, CSV, TXT, DOCX, "
            "XLSX, ODT et ODS.",
        )
    return kind


def judge(name: str, evidence: Evidence, content: BinaryIO | None) -> str:
    """The content type of a file that is what its name says. Raises Refused.

    `content` is the whole file; only a kind with a container needs it.
    """
    kind = kind_of(name)
    good = kind.by_head(evidence)
    if kind.by_container:
        if evidence.head.startswith(OLE):
            raise locked_office_file()
        assert content is not None
        good = good and judge_container(content, kind.by_container)
    if not good:
        raise Refused("type_mismatch", "Le contenu du fichier ne correspond pas à son extension, ou il est abîmé.")
    return kind.content_type


def _starts_with(*signatures: bytes) -> Callable[[Evidence], bool]:
    return lambda evidence: evidence.head.startswith(signatures)


def _is_pdf(evidence: Evidence) -> bool:
    return evidence.head.lstrip(b"\xef\xbb\xbf\r\n\t \0").startswith(b"%PDF-")


def _is_heic(evidence: Evidence) -> bool:
    return evidence.head[4:8] == b"ftyp" and evidence.head[8:12] in _HEIC_BRANDS


def _is_text(evidence: Evidence) -> bool:
    if evidence.head.startswith(_NOT_TEXT) or _MARKUP.match(_text_head(evidence)):
        return False
    return not evidence.has_nul or evidence.head.startswith(_BOMS_UTF16)


def _is_xml(evidence: Evidence) -> bool:
    head = _text_head(evidence)
    root = re.search(rb"<(?![?!])[^>\s/]+", head)
    return _is_text(evidence) and head.startswith(b"<") and bool(root) and not _MARKUP.search(head)


def _text_head(evidence: Evidence) -> bytes:
    # Markup is ASCII, so dropping NUL bytes and marks reads UTF-16 well enough to see it.
    head = evidence.head
    if head.startswith(_BOMS_UTF16):
        head = head[2:].replace(b"\0", b"")
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


_is_zip = _starts_with(b"PK\x03\x04")
_JPEG = Kind("image/jpeg", _starts_with(b"\xff\xd8\xff"), look="picture")
_TIFF = Kind("image/tiff", _starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), look="picture")
_HEIC = Kind("image/heic", _is_heic, look="picture")

KINDS = {
    ".pdf": Kind("application/pdf", _is_pdf, look="pdf"),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": Kind("image/png", _starts_with(b"\x89PNG\r\n\x1a\n"), look="picture"),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".heic": _HEIC,
    ".heif": _HEIC,
    ".xml": Kind("application/xml", _is_xml, look="xml"),
    ".csv": Kind("text/csv", _is_text),
    ".txt": Kind("text/plain", _is_text),
    ".docx": Kind(f"{OOXML}wordprocessingml.document", _is_zip, ooxml("wordprocessingml.document")),
    ".xlsx": Kind(f"{OOXML}spreadsheetml.sheet", _is_zip, ooxml("spreadsheetml.sheet")),
    ".odt": Kind(f"{ODF}text", _is_zip, odf("text")),
    ".ods": Kind(f"{ODF}spreadsheet", _is_zip, odf("spreadsheet")),
}
