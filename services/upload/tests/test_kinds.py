"""Content must be what the extension says."""

import io
import struct
import zipfile

import pytest
from upload.errors import Refused, Unprocessable
from upload.evidence import Evidence
from upload.kinds import judge, kind_of

MIB = 1024 * 1024
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"


def zipped(**entries: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        for name, content in entries.items():
            container.writestr(name, content)
    return target.getvalue()


def ooxml(main: str, **more: str) -> bytes:
    return zipped(**{"[Content_Types].xml": f'<Types><Override ContentType="{main}.main+xml"/></Types>'}, **more)


def judged(name: str, content: bytes) -> str:
    evidence = Evidence()
    evidence.feed(content)
    return judge(name, evidence, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("A.PDF", b"\xef\xbb\xbf\r\n%PDF-1.4", "application/pdf"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpeg", b"\xff\xd8\xff\xdb", "image/jpeg"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a.tif", b"II*\0", "image/tiff"),
        ("a.tiff", b"MM\0*", "image/tiff"),
        ("a.heic", b"\0\0\0\x18ftypheic", "image/heic"),
        ("a.heic", b"\0\0\0\x18ftypmif1", "image/heic"),
        ("a.xml", b'<?xml version="1.0"?>\n<!-- x -->\n<rsm:CrossIndustryInvoice/>', "application/xml"),
        ("a.xml", '\ufeff<?xml version="1.0"?><a/>'.encode("utf-16-le"), "application/xml"),
        ("a.csv", "é;1\n".encode("latin-1"), "text/csv"),
        ("a.csv", "BM;GIF8;é".encode(), "text/csv"),
        ("a.txt", "\ufeffété".encode("utf-16-le"), "text/plain"),
        ("a.docx", ooxml(WORD), WORD),
        ("a.xlsx", ooxml(SHEET), SHEET),
        ("a.odt", zipped(mimetype=ODT), ODT),
        ("a.ods", zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet"), f"{ODT[:-4]}spreadsheet"),
    ],
)
def test_what_is_on_the_list_is_known_by_its_content(name: str, content: bytes, content_type: str) -> None:
    assert judged(name, content) == content_type


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("exe.pdf", b"MZ\x90\0"),
        ("html.pdf", b"<html>%PDF-1.7"),
        ("png.jpg", b"\x89PNG\r\n\x1a\n"),
        ("mp4.heic", b"\0\0\0\x18ftypisom"),
        ("binary.txt", b"a\0b"),
        ("exe.txt", b"MZabc"),
        ("script.csv", b"#!/bin/sh"),
        ("html.txt", b"  <!DOCTYPE html><p>"),
        ("svg.xml", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("svg-prefixed.xml", b'<?xml version="1.0"?><s:svg/>'),
        ("xhtml.xml", b'<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"/>'),
        ("html-utf16.xml", "\ufeff<html/>".encode("utf-16-le")),
        ("nothing.xml", b"not markup"),
        ("archive.docx", zipped(a="b")),
        ("sheet.docx", ooxml(SHEET)),
        ("text.ods", zipped(mimetype=ODT)),
        ("cut.docx", ooxml(WORD)[:-30]),
        ("no-end.docx", b"PK\x03\x04" + bytes(100)),
    ],
)
def test_content_that_is_something_else_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        judged(name, content)
    assert refused.value.code == "type_mismatch"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_container_damaged_anywhere_is_refused_or_what_it_says(method: int) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as container:
        container.writestr("[Content_Types].xml", f'<Types><Override ContentType="{WORD}.main+xml"/></Types>')
    whole = target.getvalue()
    refused = 0
    for at in range(4, len(whole)):
        damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        try:
            assert judged("damaged.docx", damaged) == WORD
        except Refused:
            refused += 1
    assert refused > 0


class Counted(io.BytesIO):
    """Notes the most that was asked for at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.most = max(self.most, len(self.getbuffer()) if size is None or size < 0 else size)
        return super().read(size)


def with_directory_of(size: int, *, zip64: bool) -> bytes:
    """A Word file that says its table of contents is this large; `zip64` in the record that only ZIP64 has."""
    content = bytearray(bytes(64 * MIB) + ooxml(WORD))
    at = content.rfind(b"PK\x05\x06")
    if not zip64:
        content[at + 12 : at + 16] = size.to_bytes(4, "little")
        return bytes(content)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    return bytes(content[:at]) + record + locator + bytes(content[at:])


@pytest.mark.parametrize("zip64", [False, True])
def test_a_table_of_contents_of_any_size_is_not_read(zip64: bool) -> None:
    content = Counted(with_directory_of(60 * MIB, zip64=zip64))
    evidence = Evidence()
    evidence.feed(b"PK\x03\x04")
    with pytest.raises(Refused):
        judge("bomb.docx", evidence, content)
    assert 0 < content.most <= MIB


def test_an_office_file_that_is_written_as_zip64_is_taken() -> None:
    content = ooxml(WORD)
    at = content.rfind(b"PK\x05\x06")
    entries, _, size, start = struct.unpack_from("<HHLL", content, at + 8)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    assert judged("poi.docx", content[:at] + record + locator + content[at:]) == WORD


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("macro.docx", ooxml(WORD, **{"word/vbaProject.bin": "x"}), "macros_not_allowed"),
        ("macro.xlsx", ooxml(SHEET, **{"xl/macrosheets/sheet1.xml": "x"}), "macros_not_allowed"),
        ("macro-type.docx", ooxml(f"{WORD}.macroEnabled"), "macros_not_allowed"),
        ("macro.odt", zipped(mimetype=ODT, **{"Basic/Standard/Module1.xml": "x"}), "macros_not_allowed"),
        ("locked.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "encrypted"),
        (
            "locked.odt",
            zipped(mimetype=ODT, **{"META-INF/manifest.xml": "<manifest:encryption-data/>"}),
            "encrypted",
        ),
    ],
)
def test_macros_and_passwords_are_refused_with_what_to_do(name: str, content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        judged(name, content)
    assert refused.value.code == code
    assert "Enregistrez-le" in str(refused.value)


@pytest.mark.parametrize(
    ("expanded", "code"),
    [(255 * MIB, None), (257 * MIB, "expands_too_much"), (5000 * MIB, "expands_too_much")],
)
def test_a_container_that_expands_beyond_reason_is_refused_by_what_it_says(expanded: int, code: str | None) -> None:
    content = bytearray(ooxml(WORD, **{"word/document.xml": "x"}))
    at = content.rfind(b"PK\x01\x02")
    for entry in (content.find(b"PK\x01\x02"), at):
        content[entry + 24 : entry + 28] = min(expanded // 2, 2**32 - 2).to_bytes(4, "little")
    if code is None:
        assert judged("sheet.docx", bytes(content)) == WORD
        return
    with pytest.raises(Refused) as refused:
        judged("bomb.docx", bytes(content))
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["a.zip", "a.exe", "a.html", "a.svg", "a.docm", "a.pdf.js", "a", ".pdf"])
def test_other_extensions_are_not_taken(name: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        kind_of(name)
    assert refused.value.code == "type_not_allowed"
