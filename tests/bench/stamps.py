"""Bytes that are alike but in some places: written once, then printed again and again with other values there."""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# No real record or message is so late, and no number of one so large.
_LATE = datetime(7000, 1, 1, tzinfo=UTC)
_LARGE = 0x6E5D4C00
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Values = dict[bytes, bytes]


class Stamp:
    """`template`, with the places where it has one of these byte strings; where one begins another, the longer one."""

    def __init__(self, template: bytes, places: Collection[bytes]) -> None:
        longest_first = sorted(places, key=len, reverse=True)
        pattern = re.compile(b"(" + b"|".join(map(re.escape, longest_first)) + b")")
        self._pieces = pattern.split(template)
        self._places = self._pieces[1::2]

    def __call__(self, values: Values) -> bytes:
        """The template with the value of each place in it. Raises KeyError."""
        pieces = self._pieces.copy()
        pieces[1::2] = [values[place] for place in self._places]
        return b"".join(pieces)


class Marks:
    """Stands in for the times and numbers of records, which in BSON are bytes that could be anything."""

    def __init__(self) -> None:
        self._times: dict[datetime, datetime] = {}
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """What stands for the number that is called so."""
        return self._numbers.setdefault(name, _LARGE + len(self._numbers))

    def timed(self, value: Any) -> Any:
        """A record, or a part of one, with something else in the place of each time."""
        if isinstance(value, datetime):
            return self._times.setdefault(value, _LATE + timedelta(milliseconds=len(self._times)))
        if isinstance(value, dict):
            return {key: self.timed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.timed(each) for each in value]
        return value

    @property
    def places(self) -> Collection[bytes]:
        """All of it, as it stands in BSON."""
        return {*map(_time_bytes, self._times.values()), *map(_number_bytes, self._numbers.values())}

    def times(self, *, earlier: timedelta) -> Values:
        """The times, so much earlier, in their places."""
        return {_time_bytes(mark): _time_bytes(time - earlier) for time, mark in self._times.items()}

    def numbers(self, values: Mapping[str, int]) -> Values:
        """Numbers in their places, by their names."""
        return {_number_bytes(self._numbers[name]): _number_bytes(value) for name, value in values.items()}


def _time_bytes(time: datetime) -> bytes:
    return struct.pack("<q", (time - _EPOCH) // timedelta(milliseconds=1))


def _number_bytes(number: int) -> bytes:
    # As the driver writes whatever is below 2³¹.
    return struct.pack("<i", number)
