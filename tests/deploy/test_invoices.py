"""The invoices that `make demo` deposits are what they are said to be."""

import io
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

from pypdf import PdfReader

from deploy.local.invoices import Invoice, Line, factur_x_of, pdf_of

INVOICE = Invoice(
    number="VETO-1 & <2>",
    issued=date(2026, 1, 31),
    seller="Cabinet vétérinaire des Haies",
    siren="542051180",
    vat_number="FR76542051180",
    buyer="EARL du Chêne",
    lines=(Line("Visite sanitaire", Decimal(2), Decimal("92.50")),),
)


def test_a_factur_x_has_the_invoice_as_xml_beside_the_page() -> None:
    pdf = PdfReader(io.BytesIO(factur_x_of(INVOICE)))
    assert f"Facture {INVOICE.number} du 31/01/2026" in pdf.pages[0].extract_text()
    ((name, (xml,)),) = pdf.attachments.items()
    assert name == "factur-x.xml"
    invoice = ElementTree.fromstring(xml)  # noqa: S314 (made just now)
    told = [(each.tag.rpartition("}")[2], (each.text or "").strip()) for each in invoice.iter()]
    assert [(tag, text) for tag, text in told if text] == [
        ("ID", "urn:factur-x.eu:1p0:minimum"),
        ("ID", "VETO-1 & <2>"),
        ("TypeCode", "380"),
        ("DateTimeString", "20260131"),
        ("Name", "Cabinet vétérinaire des Haies"),
        ("ID", "542051180"),
        ("CountryID", "FR"),
        ("ID", "FR76542051180"),
        ("Name", "EARL du Chêne"),
        ("InvoiceCurrencyCode", "EUR"),
        ("TaxBasisTotalAmount", "185.00"),
        ("TaxTotalAmount", "37.00"),
        ("GrandTotalAmount", "222.00"),
        ("DuePayableAmount", "222.00"),
    ]


def test_an_ordinary_invoice_has_its_page_alone() -> None:
    pdf = PdfReader(io.BytesIO(pdf_of(INVOICE)))
    assert "222,00 EUR" in pdf.pages[0].extract_text()
    assert not pdf.attachments
