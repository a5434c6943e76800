"""Names, ranges and headers of what is handed out; words, orders and cursors of what is listed."""

import io
from datetime import UTC, datetime

import pytest
from catalog.archive import unique_names
from catalog.content import ByteRange, Unsatisfiable, asked_range, attachment_header
from catalog.errors import Invalid
from catalog.http_content import zip_name
from catalog.listing import Cursor, Sort
from catalog.model import words
from catalog.receipt import receipt_pdf
from pypdf import PdfReader

from tests.suites.catalog_events import announced

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-4", ByteRange(0, 4)),
        ("bytes=5-", ByteRange(5, 9)),
        ("bytes=-3", ByteRange(7, 9)),
        ("bytes=-99", ByteRange(0, 9)),
        ("bytes=4-99", ByteRange(4, 9)),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("bytes=-", None),
        (f"bytes={'9' * 5000}-", None),
        (f"bytes=0-{'9' * 5000}", None),
        ("lines=1-2", None),
        ("", None),
    ],
)
def test_a_range_is_answered_as_asked_or_whole(asked: str, part: ByteRange | None) -> None:
    assert asked_range({"range": asked}, size=10, etag=ETAG) == part


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_beyond_the_end_cannot_be_satisfied(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range({"range": asked}, size=10, etag=ETAG)


def test_a_range_of_another_version_is_answered_whole() -> None:
    asked = {"range": "bytes=0-4", "if-range": '"other"'}
    assert asked_range(asked, size=10, etag=ETAG) is None
    assert asked_range({**asked, "if-range": ETAG}, size=10, etag=ETAG) == ByteRange(0, 4)


def test_a_name_cannot_break_out_of_its_header() -> None:
    header = attachment_header('a"; x=\r\nSet-Cookie: y é.pdf')
    assert header.isascii()
    assert "\r" not in header
    assert header.count('"') == 2


def test_names_in_a_zip_are_safe_and_differ_where_case_is_ignored() -> None:
    names = ["a.pdf", "A.pdf", "a.pdf", "../../etc/passwd", "a (2).pdf", "..", "con\u202efdp.exe"]
    assert unique_names(names) == [
        "a.pdf",
        "A (2).pdf",
        "a (3).pdf",
        "_.._etc_passwd",
        "a (2) (2).pdf",
        "document",
        "con_fdp.exe",
    ]


def test_words_are_found_without_case_and_accents() -> None:
    assert words("Relevé_d’AOÛT-2026 œuvre.pdf") == ["2026", "aout", "d", "pdf", "releve", "œuvre"]


@pytest.mark.parametrize("value", ["Élan.pdf", 12, datetime(2026, 3, 26, tzinfo=UTC)])
def test_a_cursor_survives_its_trip(value: object) -> None:
    assert Cursor.decode(Cursor(value, "id").encode()) == Cursor(value, "id")


@pytest.mark.parametrize("text", ["", "%%%", "e30", "W10", "WzEsMl0", "W251bGwsImEiXQ", "W1tdLCJhIl0", "é"])
def test_a_cursor_nobody_gave_out_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Cursor.decode(text)


def test_an_order_that_does_not_exist_is_refused() -> None:
    assert Sort.parse("-name") == Sort("name", descending=True)
    with pytest.raises(Invalid):
        Sort.parse("owner")


def test_a_receipt_is_drawn_whatever_letters_its_name_has() -> None:
    receipt = announced(1, name="Relevé d’août 発票 😀.pdf").data.receipt.model_dump(mode="json")
    (page,) = PdfReader(io.BytesIO(receipt_pdf(receipt))).pages
    assert "Relevé d’août [U+767A][U+7968] [U+1F600].pdf" in page.extract_text().replace("\n", " ")


def test_a_receipt_says_size_and_time_as_the_portal_does() -> None:
    receipt = announced(1, size=1_234_567).data.receipt.model_dump(mode="json")
    (page,) = PdfReader(io.BytesIO(receipt_pdf(receipt))).pages
    shown = page.extract_text().replace("\u00a0", " ")
    assert "1,23 MB (1 234 567 octets)" in shown
    assert "26/03/2026 à 10:01:00 (heure de Paris)" in shown


@pytest.mark.parametrize(("hour", "day"), [("21:59", "2026-07-14"), ("22:01", "2026-07-15")])
def test_a_zip_is_of_the_day_that_it_is_in_paris(hour: str, day: str) -> None:
    assert zip_name(datetime.fromisoformat(f"2026-07-14T{hour}:00Z")) == f"documents {day}.zip"
