"""The depositor's receipt as a page to print or keep."""

import unicodedata
from collections.abc import Container, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chassis.french import PARIS, megabytes, whole

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "pt sans"
_CODED = "Un code entre crochets tient lieu d’un caractère que cette police ne sait pas dessiner."


def receipt_pdf(receipt: Mapping[str, Any]) -> bytes:
    """A one-page PDF of a receipt (its fields: `contracts.values.Receipt`). To be called in a thread."""
    # It takes a quarter of the time this service needs to start, and few ask for a page.
    from fpdf.enums import WrapMode  # noqa: PLC0415

    received = datetime.fromisoformat(receipt["received_at"])
    page, letters = _empty(received)
    lines = [(label, drawable(value, letters)) for label, value in _lines(receipt, received)]
    page.set_font(_FONT, "B", 20)
    page.cell(0, 16, "Accusé de dépôt", new_x="LMARGIN", new_y="NEXT")
    for label, value in lines:
        page.set_font(_FONT, "B", 10)
        page.cell(0, 7, label, new_x="LMARGIN", new_y="NEXT")
        page.set_font("Courier" if label.startswith(("Empreinte", "Signature")) else _FONT, "", 11)
        page.multi_cell(0, 6, value, new_x="LMARGIN", new_y="NEXT", wrapmode=WrapMode.CHAR)
        page.ln(2)
    if any("[U+" in value for _, value in lines):
        page.set_font(_FONT, "", 9)
        page.multi_cell(0, 6, _CODED)
    return bytes(page.output())


def drawable(text: str, letters: Container[int]) -> str:
    """The text in letters a font has; any other is shown by its code (`[U+1F600]`) rather than left out."""
    # Few fonts have the narrow space that stands between thousands.
    composed = unicodedata.normalize("NFC", text).replace("\u202f", "\u00a0")
    return "".join(letter if ord(letter) in letters else f"[U+{ord(letter):04X}]" for letter in composed)


def _empty(received: datetime) -> "tuple[FPDF, Container[int]]":
    """A page, and the letters its font has."""
    import fontpkg  # type: ignore[import-untyped]  # noqa: PLC0415  # it comes without types
    from fpdf import FPDF  # noqa: PLC0415
    from fpdf.fonts import TTFFont  # noqa: PLC0415

    page = FPDF(format="A4")
    page.set_title("Accusé de dépôt")
    page.set_lang("fr-FR")
    page.set_creation_date(received)
    page.set_margin(20)
    page.add_page()
    page.add_font(_FONT, "", fontpkg.path("PT Sans", weight=400))
    page.add_font(_FONT, "B", fontpkg.path("PT Sans", weight=700))
    font = page.fonts[_FONT]
    assert isinstance(font, TTFFont)
    return page, font.cmap


def _lines(receipt: Mapping[str, Any], received: datetime) -> list[tuple[str, str]]:
    local = received.astimezone(PARIS)
    return [
        ("Document", receipt["name"]),
        ("Taille", f"{megabytes(receipt['size'])} ({whole(receipt['size'])} octets)"),
        ("Reçu le", f"{local:%d/%m/%Y à %H:%M:%S} (heure de Paris), soit {received:%Y-%m-%dT%H:%M:%SZ}"),
        ("Déposé par", f"{receipt['depositor']['name']}, pour {receipt['client']['name']}"),
        ("Empreinte SHA-256", receipt["sha256"]),
        ("Référence", receipt["document"]),
        (f"Signature (Ed25519, clé {receipt['kid']})", receipt["signature"]),
    ]
