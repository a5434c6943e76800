"""One word for one thing, in pages, mails, errors and receipts: the guide's own, else the plainest."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is not said → what is.
OTHER_WORDS = {
    r"récépissé": "accusé de dépôt",
    r"rubrique|libellé": "dossier",
    r"\bouvert par\b": "consulté par",
    r"dossier de\b(?! (destination|dépôt))|dossier ne vous est": "compte",
    r"courriel|’e-?mails?\b|\b(adresse|aux?|cet|des|les|leur|par|un|vos|votre) e-?mails?\b": "mail",
    r"agence cerfrance": "votre CERFRANCE",
    r"votre rôle": "votre profil",
    r"\d ?[MK]o\b|\} ?[MK]o\b": "MB",
}
SHOWN = (
    "services/catalog/catalog/templates/*.html",
    "services/catalog/portal/src/**/*.js",
    "services/notify/notify/templates/*",
    "services/*/*/*.py",
    "chassis/chassis/*.py",
)


def lines() -> Iterator[tuple[str, str]]:
    for pattern in SHOWN:
        for path in ROOT.glob(pattern):
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                yield f"{path.relative_to(ROOT)}:{number}", line


def other_words(line: str) -> list[tuple[str, str]]:
    """What is not said in a line, and what is said instead."""
    found = ((re.search(other, line, re.IGNORECASE), word) for other, word in OTHER_WORDS.items())
    return [(match[0], word) for match, word in found if match]


def test_there_is_one_word_for_one_thing() -> None:
    shown = list(lines())
    assert len(shown) > 5000
    found = [f"{where}: {other!r}, not {word!r}" for where, line in shown for other, word in other_words(line)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("said", ["un e-mail", "par email", "l’e-mail", "votre adresse e-mail", "des e-mails"])
def test_a_mail_is_called_nothing_else(said: str) -> None:
    assert [word for _, word in other_words(f"Vous recevrez {said}.")] == ["mail"]


def test_quotes_are_never_parted_from_their_words() -> None:
    """By the end of a line: French has a space inside them."""
    pages = [(where, line) for where, line in lines() if re.search(r"\.(html|js):", where)]
    assert any("«&nbsp;" in line for _, line in pages)
    assert [where for where, line in pages if re.search("« | »", line)] == []
