"""Dates, times, sizes and counts as people in France read them: the same in pages, mails, errors and receipts."""

from datetime import datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
# The narrow space that doesn't break, between thousands.
_NARROW = "\u202f"


def day(when: datetime) -> str:
    """`26/03/2020`, as it was in Paris."""
    return when.astimezone(PARIS).strftime("%d/%m/%Y")


def moment(when: datetime) -> str:
    """`26/03/2020 à 14:05`, as it was in Paris."""
    return when.astimezone(PARIS).strftime("%d/%m/%Y à %H:%M")


def whole(number: int) -> str:
    """`10 000`"""
    return f"{number:,}".replace(",", _NARROW)


def megabytes(size: int) -> str:
    """`0,04 MB` of a million bytes each; what is smaller than 0,01 MB is not shown as nothing."""
    return f"{max(size / 1_000_000, 0.01):,.2f} MB".replace(",", _NARROW).replace(".", ",")
