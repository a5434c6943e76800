"""Files that intake must refuse, or take, by their content: one line each."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pikepdf
from fpdf import FPDF
from PIL import Image

from tests.support.samples import invoice

MIB = 1024 * 1024
# Written in two halves: a scanner on a developer's machine need not find it in this source.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" rb"ANTIVIRUS-TEST-FILE!$H+H*"
MARKER = b"CONNECT-DOCUMENTS-SCANNER-TEST-MARKER"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
_LAUGHS = '<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("ab", "bc", strict=True))
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Case:
    """A file and what must come of it: `code` is None for one that is taken."""

    name: str
    made: Callable[[], bytes]
    code: str | None
    needs_scanner: bool = False

    def __str__(self) -> str:
        return f"{self.name.replace(' ', '-')}-{self.code or 'taken'}"


def good_pdf() -> bytes:
    """One page."""
    return invoice("facture.pdf", seed=1).content


def pdf_with(content: bytes) -> bytes:
    """One page, with a packed file attached to it."""
    document = FPDF()
    document.add_page()
    document.embed_file(basename="annexe.txt", bytes=content, compress=True)
    return bytes(document.output())


def locked_pdf(*, user: str, owner: str = "owner", revision: int = 6) -> bytes:
    """One page behind a password; an empty one opens for everybody."""
    with pikepdf.open(io.BytesIO(good_pdf())) as document:
        aes = revision >= 4
        return _saved(
            document,
            encryption=pikepdf.Encryption(user=user, owner=owner, R=revision, aes=aes, metadata=aes),  # type: ignore[arg-type]  # a literal of 2 to 6
        )


def _saved(document: pikepdf.Pdf, **options: object) -> bytes:
    target = io.BytesIO()
    document.save(target, **options)  # type: ignore[arg-type]  # passed on
    return target.getvalue()


def zipped(entries: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as container:
        for name, content in entries.items():
            container.writestr(name, content)
    return target.getvalue()


def ooxml(main: str, entries: Mapping[str, bytes | str] | None = None) -> bytes:
    """A Word or Excel file of this main type."""
    return zipped(
        {"[Content_Types].xml": f'<Types><Override ContentType="{main}.main+xml"/></Types>'} | dict(entries or {})
    )


def bomb() -> bytes:
    """A Word file whose only part is 300 MiB of the same byte."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as container:
        container.writestr("[Content_Types].xml", f'<Types><Override ContentType="{WORD}.main+xml"/></Types>')
        with container.open("word/document.xml", "w") as part:
            for _ in range(300):
                part.write(bytes(MIB))
    return target.getvalue()


def zip64_with_a_huge_directory() -> bytes:
    """A Word file whose ZIP64 record says that nearly all of it is a table of contents."""
    content = bytes(30 * MIB) + ooxml(WORD)
    content = b"PK\x03\x04" + content[4:]
    at = content.rfind(b"PK\x05\x06")
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 29 * MIB, 0)
    return content[:at] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1) + content[at:]


def png(width: int, height: int) -> bytes:
    """A picture's head."""
    head = b"IHDR" + struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + head + struct.pack(">L", zlib.crc32(head))


def jpeg(width: int, height: int) -> bytes:
    """A picture's head; 65,535 is the most it can say."""
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0"
        + bytes(9)
        + b"\xff\xc0\x00\x11\x08"
        + struct.pack(">2H", height, width)
        + bytes(10)
    )


def whole(kind: str, *, size: tuple[int, int] = (400, 300), **options: object) -> bytes:
    """A whole picture, `JPEG` or `PNG`, of many bytes."""
    target = io.BytesIO()
    Image.effect_noise(size, 80).save(target, kind, **options)
    return target.getvalue()


def with_a_preview() -> bytes:
    """A JPEG with a smaller whole one in its head, as cameras make them."""
    preview = b"Exif\0\0" + whole("JPEG", size=(60, 40))
    photo = whole("JPEG")
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(preview)) + preview + photo[2:]


def xml_with(declarations: str, *, head: str = '<?xml version="1.0"?>', encoding: str = "utf-8") -> bytes:
    """An invoice behind a document type."""
    return f"{head}<!DOCTYPE facture [{declarations}]><facture>&c;</facture>".encode(encoding)


def tiff(width: int, height: int) -> bytes:
    """A picture's head."""
    entries = ((256, 4, 1, width), (257, 4, 1, height))
    return b"II*\0" + struct.pack("<LH", 8, 2) + b"".join(struct.pack("<2H2L", *entry) for entry in entries) + bytes(4)


CASES = (
    Case("good.pdf", good_pdf, None),
    Case("opens-for-everybody-rc4.pdf", lambda: locked_pdf(user="", revision=3), None),
    Case("opens-for-everybody-aes.pdf", lambda: locked_pdf(user=""), None),
    Case("cut-but-readable.pdf", lambda: good_pdf()[:-40], None),
    Case("behind-lines-of-junk-at-its-end.pdf", lambda: good_pdf() + bytes(3000), None),
    Case("with-attachment.pdf", lambda: pdf_with(b"rien"), None),
    Case("head-alone.pdf", lambda: b"%PDF-1.7\n", "broken"),
    Case("random.pdf", lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40, "broken"),
    Case("no-page.pdf", lambda: _saved(pikepdf.new()), "broken"),
    Case("pages-in-a-loop.pdf", lambda: good_pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]"), "broken"),
    Case("catalog-cut-off.pdf", lambda: good_pdf()[:40], "broken"),
    Case("locked-rc4-40.pdf", lambda: locked_pdf(user="secret", revision=2), "encrypted"),
    Case("locked-rc4-128.pdf", lambda: locked_pdf(user="secret", revision=3), "encrypted"),
    Case("locked-aes-128.pdf", lambda: locked_pdf(user="secret", revision=4), "encrypted"),
    Case("locked-aes-256.pdf", lambda: locked_pdf(user="secret"), "encrypted"),
    Case(
        "locked-by-certificate.pdf",
        lambda: good_pdf().replace(b"trailer<<", b"trailer<</Encrypt<</Filter/Adobe.PubSec/V 4/R 4>>"),
        "encrypted",
    ),
    Case("program.pdf", lambda: b"MZ\x90\0" + bytes(500), "type_mismatch"),
    Case("page.pdf", lambda: b"<html><script>alert(1)</script>%PDF-1.7", "type_mismatch"),
    Case("picture.pdf", lambda: png(10, 10), "type_mismatch"),
    Case("photo.png", lambda: whole("PNG"), None),
    Case("photo.jpg", lambda: whole("JPEG"), None),
    Case("photo-in-steps.jpg", lambda: whole("JPEG", progressive=True), None),
    Case("photo-with-a-preview.jpg", with_a_preview, None),
    Case("photo-and-more.jpg", lambda: whole("JPEG") + bytes(5000), None),
    Case("photo-and-more.png", lambda: whole("PNG") + bytes(5000), None),
    Case("head-alone.png", lambda: png(4000, 3000), "damaged"),
    Case("head-alone.jpg", lambda: jpeg(4000, 3000), "damaged"),
    Case("preview-alone.jpg", lambda: with_a_preview()[:-5000], "damaged"),
    Case("cut-in-the-middle.png", lambda: whole("PNG")[:20_000], "damaged"),
    Case("cut-before-its-end.png", lambda: whole("PNG")[:-12], "damaged"),
    Case("cut-in-the-middle.jpg", lambda: whole("JPEG")[:10_000], "damaged"),
    Case("cut-in-steps.jpg", lambda: whole("JPEG", progressive=True)[:10_000], "damaged"),
    Case("scan.tif", lambda: tiff(20_000, 28_000), None),
    Case("absurd.png", lambda: png(100_000, 100_000), "oversized"),
    Case("absurdly-wide.png", lambda: png(100_000, 1), "oversized"),
    Case("absurd.tif", lambda: tiff(100_000, 100_000), "oversized"),
    Case("absurd.jpg", lambda: jpeg(65_000, 65_000), "oversized"),
    Case("program.png", lambda: b"\x7fELF" + bytes(500), "type_mismatch"),
    Case("invoice.xml", lambda: b'<?xml version="1.0" encoding="ISO-8859-15"?><facture>\xa4</facture>', None),
    Case("invoice-of-windows.xml", lambda: b'<?xml version="1.0" encoding="windows-1252"?><f>\x80</f>', None),
    Case("invoice-in-utf-16.xml", lambda: '<?xml version="1.0"?><facture>é</facture>'.encode("utf-16"), None),
    Case("invoice-not-well-formed.xml", lambda: b"<facture><ligne></facture>", None),
    Case("invoice-behind-lines.xml", lambda: b'\n<?xml version="1.0"?><facture/>', None),
    Case("type-without-entities.xml", lambda: xml_with("<!ELEMENT facture ANY>").replace(b"&c;", b""), None),
    Case("type-elsewhere.xml", lambda: b'<!DOCTYPE facture SYSTEM "facture.dtd"><facture/>', None),
    Case("entities-in-a-comment.xml", lambda: b'<!-- <!ENTITY a "b"> --><facture/>', None),
    Case("entity-behind-the-root.xml", lambda: b'<facture><![CDATA[<!ENTITY a "b">]]></facture>', None),
    Case("bomb.xml", lambda: xml_with(_LAUGHS), "entities_not_allowed"),
    Case("bomb-in-utf-16.xml", lambda: xml_with(_LAUGHS, encoding="utf-16"), "entities_not_allowed"),
    Case("bomb-behind-lines.xml", lambda: xml_with(_LAUGHS, head='\n<?xml version="1.0"?>'), "entities_not_allowed"),
    Case("file-of-the-reader.xml", lambda: xml_with('<!ENTITY c SYSTEM "file:///x">'), "entities_not_allowed"),
    Case("parameter.xml", lambda: xml_with('<!ENTITY % c SYSTEM "http://x.example/">'), "entities_not_allowed"),
    Case(
        "entity-in-an-encoding-unknown.xml",
        lambda: xml_with('<!ENTITY c "d">', head='<?xml version="1.0" encoding="x-none"?>'),
        "entities_not_allowed",
    ),
    Case("drawing.xml", lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "type_mismatch"),
    Case("page.xml", lambda: b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "type_mismatch"),
    Case("script.txt", lambda: b"#!/bin/sh\nrm -rf /\n", "type_mismatch"),
    Case("binary.csv", lambda: b"a;b\0c\n", "type_mismatch"),
    Case("letter.docx", lambda: ooxml(WORD, {"word/document.xml": "<w/>"}), None),
    Case("sheet.xlsx", lambda: ooxml(SHEET, {"xl/workbook.xml": "<w/>"}), None),
    Case("letter.odt", lambda: zipped({"mimetype": ODT}, zipfile.ZIP_STORED), None),
    Case("archive.docx", lambda: zipped({"a.txt": "b"}), "type_mismatch"),
    Case("sheet-as-letter.docx", lambda: ooxml(SHEET), "type_mismatch"),
    Case("broken.docx", lambda: ooxml(WORD)[:-30], "type_mismatch"),
    Case("program.xlsx", lambda: b"MZ\x90\0" + bytes(500), "type_mismatch"),
    Case("macro.docx", lambda: ooxml(WORD, {"word/vbaProject.bin": "x"}), "macros_not_allowed"),
    Case("macro-by-type.xlsx", lambda: ooxml(f"{SHEET}.macroEnabled"), "macros_not_allowed"),
    Case("macro-of-old.xlsx", lambda: ooxml(SHEET, {"xl/macrosheets/sheet1.xml": "x"}), "macros_not_allowed"),
    Case("macro.odt", lambda: zipped({"mimetype": ODT, "Basic/Standard/M.xml": "x"}), "macros_not_allowed"),
    Case("locked.docx", lambda: OLE + bytes(4000), "encrypted"),
    Case("of-old.xlsx", lambda: OLE + bytes(9000), "encrypted"),
    Case(
        "locked.odt",
        lambda: zipped({"mimetype": ODT, "META-INF/manifest.xml": "<manifest:encryption-data/>"}),
        "encrypted",
    ),
    Case("bomb.docx", bomb, "expands_too_much"),
    Case("directory-bomb.docx", zip64_with_a_huge_directory, "type_mismatch"),
    Case("virus.txt", lambda: EICAR, "infected", needs_scanner=True),
    Case("virus-with-end-of-line.csv", lambda: EICAR + b"\r\n", "infected", needs_scanner=True),
    Case("virus.docx", lambda: ooxml(WORD, {"word/embeddings/a.txt": EICAR}), "infected", needs_scanner=True),
    Case("virus.xlsx", lambda: ooxml(SHEET, {"xl/media/a.zip": zipped({"a": EICAR})}), "infected", needs_scanner=True),
    Case("virus.odt", lambda: zipped({"mimetype": ODT, "a": EICAR}), "infected", needs_scanner=True),
    Case("virus.pdf", lambda: pdf_with(EICAR), "infected", needs_scanner=True),
    Case("virus-behind-a-photo.png", lambda: whole("PNG") + MARKER, "infected", needs_scanner=True),
    Case("nested-beyond-limits.docx", lambda: ooxml(WORD, {"a.zip": _nested(60)}), "unscannable", needs_scanner=True),
)


def _nested(depth: int) -> bytes:
    content = b"x"
    for _ in range(depth):
        content = zipped({"a": content})
    return content
