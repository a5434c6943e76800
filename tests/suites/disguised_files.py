"""Files that are something else than their name says, or several things at once, or lie about their own size."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

from .bad_files import (
    EICAR,
    MIB,
    ODT,
    SHEET,
    WORD,
    Case,
    good_pdf,
    jpeg,
    ooxml,
    pdf_with,
    png,
    tiff,
    whole,
    zipped,
)

_MACHO, _JAVA, _ELF, _SEVEN, _RAR = b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\x7fELF", b"7z\xbc\xaf", b"Rar!\x1a\x07"


def heic(width: int, height: int) -> bytes:
    """A picture's boxes, without a picture in them."""
    size = struct.pack(">L4sLLL", 20, b"ispe", 0, width, height)
    properties = struct.pack(">L4s", 8 + len(size), b"ipco") + size
    properties = struct.pack(">L4s", 8 + len(properties), b"iprp") + properties
    meta = struct.pack(">L4sL", 12 + len(properties), b"meta", 0) + properties
    return struct.pack(">L4s4sL4s", 20, b"ftyp", b"heic", 0, b"heic") + meta


def tiff_of_the_other_order(width: int, height: int) -> bytes:
    """A picture's head, the largest byte first."""
    entries = ((256, 4, 1, width), (257, 4, 1, height))
    return b"MM\0*" + struct.pack(">LH", 8, 2) + b"".join(struct.pack(">2H2L", *each) for each in entries) + bytes(4)


def pdf_bomb() -> bytes:
    """A PDF whose objects lie in a stream of 300 MiB of the same byte."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(300)) + packer.flush()
    head = f"%PDF-1.5\n1 0 obj<</Type/ObjStm/N 1/First 4/Length {len(packed)}/Filter/FlateDecode>>stream\n"
    return head.encode() + packed + b"\nendstream endobj\ntrailer<</Root 5 0 R>>\n"


def nested_pdf() -> bytes:
    """A PDF whose list of pages is a list in a list in a list."""
    return good_pdf().replace(b"/Kids[3 0 R]", b"/Kids" + b"[" * 50_000 + b"3 0 R" + b"]" * 50_000)


def entries_locked() -> bytes:
    """A Word file whose entries are behind a password, and whose container is not."""
    content = bytearray(ooxml(WORD, {"word/document.xml": "<w/>"}))
    content[6] |= 1
    content[content.find(b"PK\1\2") + 8] |= 1
    return bytes(content)


def size_lied_about() -> bytes:
    """A Word file with an entry that says it is 4 GiB."""
    content = bytearray(ooxml(WORD, {"word/document.xml": "x"}))
    at = content.find(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<L", 0xFFFFFFF0)
    return bytes(content)


def tar() -> bytes:
    """An archive that is no ZIP."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return target.getvalue()


def _odt() -> bytes:
    return zipped({"mimetype": ODT}, zipfile.ZIP_STORED)


def _each(code: str | None, **files: bytes | Callable[[], bytes]) -> tuple[Case, ...]:
    """`name_pdf` is `disguised-name.pdf`."""
    return tuple(
        Case(
            f"disguised-{name.rpartition('_')[0].replace('_', '-')}.{name.rpartition('_')[2]}",
            content if callable(content) else lambda content=content: content,  # type: ignore[misc]  # bound at once
            code,
            needs_scanner=code == "infected",
        )
        for name, content in files.items()
    )


DISGUISED = (
    *_each(
        "type_mismatch",
        one_byte_pdf=b"%",
        text_pdf=b"facture",
        archive_pdf=lambda: zipped({"a": "b"}),
        archive_before_a_pdf=lambda: zipped({"a": "b"}) + good_pdf(),
        picture_before_a_pdf=lambda: b"GIF89a" + good_pdf(),
        program_of_a_mac_pdf=_MACHO + bytes(500),
        postscript_pdf=b"%!PS-Adobe-3.0\n",
        letter_pdf=lambda: ooxml(WORD),
        program_of_java_png=_JAVA + bytes(500),
        jpeg_png=lambda: jpeg(10, 10),
        drawing_png=b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        png_jpg=lambda: png(10, 10),
        page_jpg=b"<html><body onload='alert(1)'>",
        heic_jpg=lambda: heic(10, 10),
        tiff_heic=lambda: tiff(10, 10),
        pdf_tif=good_pdf,
        page_txt=b"<html><body>x",
        page_of_old_txt=b"<!DOCTYPE html><html>",
        page_in_utf_16_txt="<html><script>alert(1)</script>".encode("utf-16"),
        page_behind_a_mark_txt=b"\xef\xbb\xbf<iframe src='//evil.example'>",
        program_txt=b"MZ\x90",
        rich_text_txt=b"{\\rtf1}",
        postscript_txt=b"%!PS-Adobe-3.0\n",
        archive_txt=lambda: zipped({"a": "b"}),
        tar_txt=tar,
        pdf_txt=good_pdf,
        nul_txt=b"a\0b",
        script_csv=b"<script>alert(1)</script>",
        script_behind_lines_csv=b"\n\n   <ScRiPt>alert(1)</sCrIpT>",
        program_csv=_ELF + bytes(500),
        script_of_a_shell_csv=b"#!/usr/bin/python\nimport os\n",
        table_xml=b"a;b\n1;2\n",
        packed_xml=lambda: gzip.compress(b"<a/>"),
        nothing_xml=b"   \n",
        comment_xml=b"<!-- facture -->",
        drawing_of_old_xml=b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"><svg/>',
        drawing_with_prefix_xml=b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
        drawing_in_utf_16_xml='<?xml version="1.0"?><svg/>'.encode("utf-16"),
        script_inside_xml=b'<a><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></a>',
        pdf_docx=good_pdf,
        letter_of_another_office_docx=_odt,
        archive_of_another_kind_docx=_SEVEN + bytes(50),
        rich_text_docx=b"{\\rtf1}",
        archive_of_nothing_docx=lambda: zipped({}),
        letter_without_types_docx=lambda: zipped({"word/document.xml": "x"}),
        letter_of_20000_parts_docx=lambda: ooxml(WORD, {f"word/{number}.xml": "" for number in range(20_000)}),
        entries_locked_docx=entries_locked,
        head_of_an_archive_xlsx=b"PK\x03\x04",
        letter_xlsx=lambda: ooxml(WORD),
        archive_of_another_kind_odt=_RAR + bytes(50),
        letter_ods=_odt,
    ),
    *_each(
        "broken",
        zeros_pdf=b"%PDF-1.7\n" + bytes(5000),
        lists_without_end_pdf=nested_pdf,
        bomb_pdf=pdf_bomb,
    ),
    *_each(
        "oversized",
        absurd_heic=lambda: heic(100_000, 100_000),
        absurd_of_the_other_order_tif=lambda: tiff_of_the_other_order(100_000, 100_000),
        absurdly_high_png=lambda: png(1, 2**32 - 1),
    ),
    *_each(
        "macros_not_allowed",
        template_docx=lambda: ooxml("application/vnd.ms-word.template.macroEnabled"),
        scripts_odt=lambda: zipped({"mimetype": ODT, "Scripts/python/x.py": "x"}),
        macro_behind_capitals_xlsx=lambda: ooxml(SHEET, {"xl/VBAPROJECT.BIN": "x"}),
    ),
    *_each("expands_too_much", size_lied_about_docx=size_lied_about),
    # Several things at once, the first of which is what the name says: taken as that, byte for byte, and given out so.
    *_each(
        None,
        pdf_before_an_archive_pdf=lambda: good_pdf() + zipped({"a": "b"}),
        picture_before_an_archive_jpg=lambda: whole("JPEG") + zipped({"a": "b"}),
        picture_before_a_page_png=lambda: whole("PNG") + b"<script>alert(1)</script>",
        photo_heic=lambda: heic(4000, 3000),
        entry_above_docx=lambda: ooxml(WORD, {"../../evil.sh": "x"}),
        commands_txt=b"@echo off\r\nformat c:\r\n",
    ),
    *_each(
        "infected",
        virus_in_an_archive_in_a_pdf=lambda: pdf_with(zipped({"a": zipped({"b": EICAR})})),
        virus_in_a_letter_in_a_letter_docx=lambda: ooxml(WORD, {"word/embeddings/a.docx": ooxml(WORD, {"a": EICAR})}),
        virus_behind_a_photo_jpg=lambda: whole("JPEG") + zipped({"a": EICAR}),
    ),
)
