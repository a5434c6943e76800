"""Files that a person can look at: a PDF with words on it, a photograph, and texts of each kind."""

from __future__ import annotations

import io
import uuid
from typing import Any, Literal

from fpdf import FPDF
from pikepdf import Dictionary, Name, Pdf, Stream, String
from PIL import Image, ImageDraw

from .samples import Sample

STANDARD = ("Helvetica", "Times-Roman", "Courier-Bold", "Symbol", "ZapfDingbats")
"""Fonts that every reader of PDFs must have."""


def printed(label: str, *, pages: int = 1, pictured: bool = False) -> Sample:
    """A PDF with its own name and the page's number on each page; `pictured` with a third of a megabyte on each."""
    name = _name(label, "pdf")
    paper = FPDF(format="A4")
    for number in range(1, pages + 1):
        paper.add_page()
        paper.set_font("Helvetica", size=24)
        paper.multi_cell(0, 14, f"{name}\nFeuillet {number}", new_x="LMARGIN", new_y="NEXT")
        paper.set_font("Helvetica", size=11)
        for line in range(1, 25):
            paper.cell(0, 8, f"Article {line}  -  {line * number},00 euros", new_x="LMARGIN", new_y="NEXT", border="B")
        if pictured:
            paper.image(Image.effect_noise((600, 600), 80), x=120, y=20, w=60)
    return Sample(name, bytes(paper.output()))


def photograph(label: str, *, kind: str = "JPEG", size: tuple[int, int] = (1200, 900)) -> Sample:
    """A picture of lines on paper, JPEG or PNG."""
    picture = Image.new("RGB", size, "#f4efe2")
    draw = ImageDraw.Draw(picture)
    draw.text((40, 40), label, fill="#203040", font_size=60)
    for line in range(160, size[1] - 60, 44):
        draw.line((40, line, size[0] - 40, line), fill="#9aa6a0", width=3)
    content = io.BytesIO()
    picture.save(content, kind)
    # Bytes after a picture's end are not looked at: no two files are alike.
    unlike = content.getvalue() + uuid.uuid4().bytes
    return Sample(_name(label, kind.lower()), unlike, f"image/{kind.lower()}")


def scanned(label: str, *, coding: Literal["JPEG 2000", "fax"]) -> Sample:
    """A PDF that is one picture of a page, packed as scanners pack them."""
    picture = Image.new("1" if coding == "fax" else "L", (800, 1120), 1 if coding == "fax" else 255)
    ImageDraw.Draw(picture).rectangle((200, 200, 600, 600), fill=0)
    packed = io.BytesIO()
    if coding == "fax":
        picture.save(packed, "TIFF", compression="group4", strip_size=1 << 30)
        tags: Any = Image.open(packed).tag_v2  # type: ignore[attr-defined]  # a TIFF has them
        content = packed.getvalue()[tags[273][0] :][: tags[279][0]]
        facts = {"Filter": Name.CCITTFaxDecode, "BitsPerComponent": 1}
        # Group 4; TIFF's own sense of black and white.
        facts["DecodeParms"] = Dictionary(K=-1, Columns=800, Rows=1120, BlackIs1=tags[262] == 0)
    else:
        picture.save(packed, "JPEG2000")
        content, facts = packed.getvalue(), {"Filter": Name.JPXDecode, "BitsPerComponent": 8}
    paper = Pdf.new()
    paper.add_blank_page(page_size=(595, 842))
    image = Stream(
        paper,
        content,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=800,
        Height=1120,
        **{"ColorSpace": Name.DeviceGray, **facts},
    )
    paper.pages[0].Resources = Dictionary(XObject=Dictionary(Scan=image))
    paper.pages[0].Contents = Stream(paper, b"595 0 0 842 0 0 cm /Scan Do")
    written_out = io.BytesIO()
    paper.save(written_out, deterministic_id=False)
    return Sample(_name(label, "pdf"), written_out.getvalue())


def lettered(words: str = "") -> Sample:
    """A PDF that has none of its fonts in it: the standard ones, a line each, or Japanese for these words."""
    paper = Pdf.new()
    paper.add_blank_page(page_size=(595, 842))
    if words:
        system = Dictionary(Registry=String("Adobe"), Ordering=String("Japan1"), Supplement=2)
        base: dict[str, Any] = {"Type": Name.Font, "BaseFont": Name("/HeiseiMin-W3")}
        own = Dictionary(**base, Subtype=Name.CIDFontType0, CIDSystemInfo=system)
        fonts = [Dictionary(**base, Subtype=Name.Type0, Encoding=Name("/90ms-RKSJ-H"), DescendantFonts=[own])]
    else:
        fonts = [Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name(f"/{name}")) for name in STANDARD]
    drawn = (words or "abc").encode("cp932").hex()
    paper.pages[0].Resources = Dictionary(Font=Dictionary({f"/F{at}": font for at, font in enumerate(fonts)}))
    lines = (f"BT /F{at} 40 Tf 60 {760 - 120 * at} Td <{drawn}> Tj ET" for at in range(len(fonts)))
    paper.pages[0].Contents = Stream(paper, "\n".join(lines).encode())
    written_out = io.BytesIO()
    paper.save(written_out, deterministic_id=False)
    return Sample(_name("polices", "pdf"), written_out.getvalue())


def written(label: str, extension: str, content: str) -> Sample:
    """A text file (`txt`, `csv`, `xml`) with these words, and its own name in them."""
    name = _name(label, extension)
    types = {"txt": "text/plain", "csv": "text/csv", "xml": "application/xml"}
    return Sample(name, content.replace("NOM", name).encode(), types[extension])


def _name(label: str, extension: str) -> str:
    return f"{label}_{uuid.uuid4().hex[:8]}.{extension}"
