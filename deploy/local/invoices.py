"""Invoices to deposit: real PDFs, with or without the structured Factur-X invoice inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from facturx import generate_from_binary  # type: ignore[import-untyped]  # it ships none
from fpdf import FPDF
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

_TEMPLATES = Path(__file__).with_name("templates")
_VAT = Decimal("0.20")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """What was sold. `price` is that of one unit, in euros without VAT."""

    what: str
    quantity: Decimal
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.price).quantize(_CENT)


@dataclass(frozen=True)
class Invoice:
    """An invoice of one of the farm's suppliers."""

    number: str
    issued: date
    seller: str
    siren: str
    vat_number: str
    buyer: str
    lines: Sequence[Line]

    @property
    def net(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def vat(self) -> Decimal:
        return (self.net * _VAT).quantize(_CENT)

    @property
    def total(self) -> Decimal:
        return self.net + self.vat


def pdf_of(invoice: Invoice) -> bytes:
    """One A4 page."""
    page = FPDF()
    page.set_title(f"Facture {invoice.number}")
    page.set_author(invoice.seller)
    page.add_page()
    _heading(page, invoice)
    _table(page, invoice)
    return bytes(page.output())


def factur_x_of(invoice: Invoice) -> bytes:
    """The same page with the invoice as XML inside (Factur-X, profile MINIMUM), checked against its schema."""
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=True)
    xml = templates.get_template("factur-x.xml.j2").render(invoice=invoice)
    pdf: bytes = generate_from_binary(pdf_of(invoice), xml.encode(), flavor="factur-x", level="minimum", lang="fr-FR")
    return pdf


def _heading(page: FPDF, invoice: Invoice) -> None:
    # A grained band gives the page the weight of a scanned one.
    page.image(Image.effect_noise((600, 90), 60), w=page.epw, h=14)
    page.set_font("Helvetica", "B", 18)
    page.cell(0, 14, invoice.seller, new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=10)
    for line in (f"SIREN {invoice.siren} - TVA {invoice.vat_number}", f"Client : {invoice.buyer}"):
        page.cell(0, 6, line, new_x="LMARGIN", new_y="NEXT")
    page.ln(8)
    page.set_font("Helvetica", "B", 14)
    title = f"Facture {invoice.number} du {invoice.issued:%d/%m/%Y}"
    page.cell(0, 10, title, new_x="LMARGIN", new_y="NEXT")
    page.ln(4)


def _table(page: FPDF, invoice: Invoice) -> None:
    page.set_font("Helvetica", size=10)
    with page.table(col_widths=(90, 30, 35, 35), text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT")) as table:
        table.row(("Désignation", "Quantité", "Prix unitaire", "Montant HT"))
        for line in invoice.lines:
            table.row((line.what, str(line.quantity), _euros(line.price), _euros(line.amount)))
        for label, amount in (("Total HT", invoice.net), ("TVA 20 %", invoice.vat), ("Total TTC", invoice.total)):
            table.row((label, "", "", _euros(amount)))


def _euros(amount: Decimal) -> str:
    return f"{amount:.2f} EUR".replace(".", ",")
