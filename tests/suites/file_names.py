"""Names that files come with, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """A file's name as it comes, and as it is kept; None for one that is refused with `invalid_filename`."""

    told: str
    kept: str | None

    def __str__(self) -> str:
        return ascii(self.told[:24])


NAMES = (
    Name("C:\\Documents\\facture.pdf", "facture.pdf"),
    Name("/etc/shadow.pdf", "shadow.pdf"),
    Name("../../../facture.pdf", "facture.pdf"),
    Name("..\\..\\facture.pdf", "facture.pdf"),
    Name("a/b\\c/facture.pdf", "facture.pdf"),
    Name("//serveur/partage/facture.pdf", "facture.pdf"),
    Name("file:///facture.pdf", "facture.pdf"),
    Name("%2e%2e%2ffacture.pdf", "%2e%2e%2ffacture.pdf"),
    Name("facture.pdf/", None),
    Name("dossier\\", None),
    Name("", None),
    Name("   ", None),
    Name("\u200b\u00ad", None),
    Name("facture\0.pdf", None),
    Name("facture.pdf\0.exe", None),
    Name("facture\n.pdf", None),
    Name("facture\r\nX-En-tete: x.pdf", None),
    Name("facture\t.pdf", None),
    Name("\x1b[31mfacture.pdf", None),
    Name("facture\x7f.pdf", None),
    Name("facture\x85.pdf", None),
    Name("facture\u2028.pdf", None),
    Name("facture\u2029.pdf", None),
    *(Name(f"facture{turn}fdp.pdf", None) for turn in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
    Name("fac\u200eture\u200f.pdf", "facture.pdf"),
    Name("fac\u200bture\ufeff.pdf", "facture.pdf"),
    Name("fac\u00adture.pdf", "facture.pdf"),
    Name("e\u0301te\u0301.pdf", "été.pdf"),
    Name("nai\u0308ve c\u0327a.pdf", "naïve ça.pdf"),
    Name("e\u0301" * 251 + ".pdf", "é" * 251 + ".pdf"),
    Name("x" * 251 + ".pdf", "x" * 251 + ".pdf"),
    Name("x" * 252 + ".pdf", None),
    Name("x" * 996 + ".pdf", None),
    Name("é" * 996 + ".pdf", None),
    Name("e" + "\u0301" * 1000 + ".pdf", None),
    Name("\U0001f469\u200d\U0001f33e.pdf", "\U0001f469\u200d\U0001f33e.pdf"),
    Name("فاتورة.pdf", "فاتورة.pdf"),
    Name("发票.pdf", "发票.pdf"),
    Name("  facture.pdf  ", "facture.pdf"),
    Name("FACTURE.PDF", "FACTURE.PDF"),
    Name("ﬁche.pdf", "ﬁche.pdf"),
    Name("CON.pdf", "CON.pdf"),
    Name("$(reboot).pdf", "$(reboot).pdf"),
    Name("'; DROP TABLE uploads; --.pdf", "'; DROP TABLE uploads; --.pdf"),
    Name("{{7*7}}.pdf", "{{7*7}}.pdf"),
    Name("=cmd|' .csv", "=cmd|' .csv"),
    Name("<img src=x onerror=alert(1)>.pdf", "<img src=x onerror=alert(1)>.pdf"),
    Name("facture.pdf\uffff.pdf", "facture.pdf\uffff.pdf"),
)
