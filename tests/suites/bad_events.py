"""Messages that are no event of the contract, made of its examples: each with the code of its dead letter."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.registry import ALL_EVENTS, EventType

from tests.contract.examples import CONTRACTS

Code = Literal["not_an_event", "unknown_type", "wrong_subject", "invalid_data"]
ENVELOPE = ("specversion", "id", "type", "source", "subject", "time", "data")
# Nearly as much as the broker takes.
HUGE = 900_000
_IDS = ("document", "deposit", "office", "sha256", "root")


@dataclass(frozen=True)
class BadEvent:
    """One message on an event's subject."""

    name: str
    code: Code
    payload: bytes


def good(event: EventType, *, office: str) -> dict[str, Any]:
    """The contract's own example of an event, of another office and about something of its own."""
    content: dict[str, Any] = json.loads((CONTRACTS / "examples" / f"{event.key}.json").read_text("utf-8"))
    content["data"]["office"] = office
    for about in ("document", "deposit"):
        if isinstance(content["data"].get(about), str):
            content["data"][about] = str(uuid.uuid4())
    return content


def bad_events(event: EventType, *, office: str) -> tuple[BadEvent, ...]:
    """Everything that is wrong on this event's subject."""
    example = good(event, office=office)
    other = next(each for each in ALL_EVENTS if each.root == event.root and each.name != event.name)
    return (
        *_no_event(example),
        *_of_another_type(example, good(other, office=office)),
        *_with_other_data(event, example),
    )


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _no_event(example: Mapping[str, Any]) -> Iterator[BadEvent]:
    texts: Mapping[str, bytes] = {
        "nothing": b"",
        "no text": b"\xff\xfe\x00\x01",
        "text": b"facture.pdf",
        "null": b"null",
        "a number": b"1e999",
        "a string": b'"deposited"',
        "a list": _json([example]),
        "half of it": _json(example)[:-30],
        "twice": _json(example) * 2,
        "brackets without end": b"[" * 100_000,
        "objects without end": b'{"data":' * 20_000,
        "UTF-16": json.dumps(example).encode("utf-16"),
        "half a pair": _json({**example, "note": "x"}).replace(b'"x"', b'"\\ud800"'),
        "nearly the most bytes": b'"' + b"x" * HUGE + b'"',
    }
    for name, text in texts.items():
        yield BadEvent(name, "not_an_event", text)
    for field in ENVELOPE:
        if field != "data":
            yield BadEvent(f"no {field}", "not_an_event", _json({**example, field: None}))
    missing = {name: {key: value for key, value in example.items() if key != name} for name in ENVELOPE}
    for name, content in missing.items():
        yield BadEvent(f"without {name}", "not_an_event", _json(content))
    for name, changes in (
        ("another envelope", {"specversion": "0.3"}),
        ("a time in words", {"time": "yesterday"}),
        ("a time without zone", {"time": "2026-03-26T14:05:09"}),
        ("data of another kind", {"datacontenttype": "application/xml"}),
        ("a time after all time", {"time": "9999-12-31T23:59:59-14:00"}),
        ("a time before all time", {"time": "0001-01-01T00:00:00+14:00"}),
        ("an id that is a number", {"id": 7}),
        ("a type that is a list", {"type": [example["type"]]}),
    ):
        yield BadEvent(name, "not_an_event", _json({**example, **changes}))


def _of_another_type(example: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[BadEvent]:
    for name, type_ in (
        ("no type", ""),
        ("a version to come", str(example["type"]).replace(".v1", ".v2")),
        ("a family of its own", "com.example.deposited.v1"),
        ("a type and a new line", f"{example['type']}\n"),
        ("a type of 10,000 letters", "x" * HUGE),
    ):
        yield BadEvent(name, "unknown_type", _json({**example, "type": type_}))
    yield BadEvent("another event", "wrong_subject", _json(other))
    yield BadEvent("an event of another office", "wrong_subject", _json(_with(example, {"office": "elsewhere"})))


def _with_other_data(event: EventType, example: Mapping[str, Any]) -> Iterator[BadEvent]:
    wholes: Mapping[str, object] = {"null": None, "a list": [], "a number": 7, "text": "x", "nothing in it": {}}
    for name, value in wholes.items():
        yield BadEvent(f"data is {name}", "invalid_data", _json({**example, "data": value}))
    for field, info in event.model.model_fields.items():
        changed: dict[str, object] = {"nested": {"$gt": [[[]]]}}
        if field in _IDS:
            changed |= {"huge": "x" * 20_000, "with NUL": "a\0b", "of every subject": ">", "above": "../14"}
        for name, value in changed.items():
            if field in example["data"]:
                yield BadEvent(f"{field} {name}", "invalid_data", _json(_with(example, {field: value})))
        if info.is_required():
            missing = {name: value for name, value in example["data"].items() if name != field}
            yield BadEvent(f"data without {field}", "invalid_data", _json({**example, "data": missing}))


def _with(example: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    return {**example, "data": {**example["data"], **changes}}
