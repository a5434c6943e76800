"""Records in memory, changed by the MongoDB operators that the catalog's projection uses."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from catalog.projection import Operation

# BSON's order of types, as far as they occur. Source: MongoDB manual, comparison and sort order.
_TYPES: tuple[tuple[type, int], ...] = (
    (type(None), 1),
    (bool, 6),
    (int, 2),
    (str, 3),
    (dict, 4),
    (list, 5),
    (datetime, 7),
)


class FakeRecords:
    """Upserts one record at a time."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}

    def apply(self, operations: Iterable[Operation]) -> None:
        """Apply updates in the order they come in. Raises KeyError for an operator it does not know."""
        for operation in operations:
            record = self.records.setdefault(operation.record, {"_id": operation.record})
            for operator, fields in operation.update.items():
                for path, value in fields.items():
                    _OPERATORS[operator](record, path, stored(value))


def stored(value: Any) -> Any:
    """A value as MongoDB keeps it: times to the millisecond, tuples as lists."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    if isinstance(value, Mapping):
        return {key: stored(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [stored(each) for each in value]
    return value


def order(value: Any) -> Any:
    """A key that sorts values as BSON does: documents by type, name and value of each field in turn."""
    rank = next(rank for kind, rank in _TYPES if isinstance(value, kind))
    if isinstance(value, dict):
        return rank, [(order(each)[0], name, order(each)) for name, each in value.items()]
    if isinstance(value, list):
        return rank, [order(each) for each in value]
    return rank, 0 if value is None else value


def _place(record: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, last = path.split(".")
    for name in parents:
        record = record.setdefault(name, {})
    return record, last


def _set(record: dict[str, Any], path: str, value: Any) -> None:
    place, name = _place(record, path)
    place[name] = value


def _min(record: dict[str, Any], path: str, value: Any) -> None:
    place, name = _place(record, path)
    if name not in place or order(value) < order(place[name]):
        place[name] = value


def _max(record: dict[str, Any], path: str, value: Any) -> None:
    place, name = _place(record, path)
    if name not in place or order(value) > order(place[name]):
        place[name] = value


def _add_to_set(record: dict[str, Any], path: str, value: Any) -> None:
    place, name = _place(record, path)
    members = place.setdefault(name, [])
    for each in value["$each"] if isinstance(value, dict) and "$each" in value else [value]:
        if each not in members:
            members.append(each)


def _stamp(record: dict[str, Any], path: str, value: Any) -> None:
    record[path] = value


_OPERATORS = {"$set": _set, "$min": _min, "$max": _max, "$addToSet": _add_to_set, "$currentDate": _stamp}
