"""Dates, sizes and counts, as people in France read them."""

from datetime import UTC, datetime

import pytest
from chassis.french import day, megabytes, moment, whole


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (40_000, "0,04 MB"),
        (94_999, "0,09 MB"),
        (1, "0,01 MB"),
        (1_000_000, "1,00 MB"),
        (200 * 1024 * 1024, "209,72 MB"),
        (1_234_567_890_123, "1\u202f234\u202f567,89 MB"),
    ],
)
def test_a_size_is_shown_in_millions_of_bytes_with_a_comma(size: int, shown: str) -> None:
    assert megabytes(size) == shown


def test_a_date_is_the_one_of_paris() -> None:
    assert day(datetime(2020, 3, 26, 12, 0, tzinfo=UTC)) == "26/03/2020"
    assert day(datetime(2020, 3, 25, 23, 30, tzinfo=UTC)) == "26/03/2020"
    assert moment(datetime(2020, 7, 1, 12, 5, tzinfo=UTC)) == "01/07/2020 à 14:05"


def test_thousands_stand_apart() -> None:
    assert [whole(number) for number in (0, 999, 10_000, 1_234_567)] == [
        "0",
        "999",
        "10\u202f000",
        "1\u202f234\u202f567",
    ]
