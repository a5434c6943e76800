"""A change that breaks a reader of the released schemas is told with its reason."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.__main__ import FOLDER, breaks, main
from contracts.compatibility import breaking_changes
from contracts.registry import ALL_EVENTS, BY_NAME

from contracts.schemas import file_name, schema_of

Change = Callable[[dict[str, Any]], object]
ALERTED = schema_of(BY_NAME["alerted"])
RETURNED = schema_of(BY_NAME["returned"])


def _after(schema: dict[str, Any], change: Change) -> list[str]:
    changed = copy.deepcopy(schema)
    change(changed)
    return breaking_changes(schema, changed)


def test_nothing_breaks_a_reader_of_the_released_schemas() -> None:
    assert breaks(FOLDER) == []


def test_every_event_is_released() -> None:
    assert {path.name for path in (FOLDER / "released").glob("*.json")} == {file_name(event) for event in ALL_EVENTS}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s["$defs"]["Alerted"]["required"].remove("recipient"), "recipient: was always there, may now be"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["kind"]["enum"].append("taken"), "kind: may now be taken"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["documents"].update(maxItems=501), "maxItems was 500, is 501"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["documents"].update(minItems=0), "minItems was 1, is 0"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["at"].pop("format"), "at: format was 'date-time', is None"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["office"].update(type="integer"), "office: type was 'string'"),
        (lambda s: s["$defs"]["Alerted"]["properties"]["office"].update(pattern=".*"), "office: pattern was"),
        (lambda s: s["properties"]["type"].update(const="x"), "event.type: const was"),
        (
            lambda s: s["$defs"]["Alerted"]["properties"]["documents"]["items"].update(type="integer"),
            "documents[]: type was 'string'",
        ),
    ],
)
def test_a_change_that_breaks_is_told_with_its_reason(change: Change, reason: str) -> None:
    (told,) = _after(ALERTED, change)
    assert reason in told


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["$defs"]["Alerted"]["properties"].update(batch={"type": "string"}),
        lambda s: s["$defs"]["Alerted"].update(description="Said better."),
    ],
)
def test_a_change_that_says_or_promises_more_breaks_nobody(change: Change) -> None:
    assert _after(ALERTED, change) == []


def test_an_optional_field_that_goes_or_grows_a_kind_breaks() -> None:
    withdrawn = schema_of(BY_NAME["withdrawn"])
    properties = ("$defs", "Withdrawn", "properties")
    assert "opened: is gone" in _after(withdrawn, lambda s: _at(s, properties).pop("opened"))[0]
    grown = {"anyOf": [{"type": "boolean"}, {"type": "null"}, {"type": "string"}]}
    assert "may now be string" in _after(withdrawn, lambda s: _at(s, properties).update(opened=grown))[0]


_OPTIONAL = {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None}


def _archived(change: Change) -> list[str]:
    return _after(schema_of(BY_NAME["archived"]), lambda s: change(s["$defs"]["Archived"]))


def _withdrawn(change: Change) -> list[str]:
    return _after(schema_of(BY_NAME["withdrawn"]), lambda s: change(s["$defs"]["Withdrawn"]))


def test_a_required_field_that_goes_breaks() -> None:
    def go(data: dict[str, Any]) -> None:
        data["properties"].pop("sha256")
        data["required"].remove("sha256")

    assert _archived(go) == ["event.data.sha256: was always there, may now be missing"]


def test_a_type_that_widens_breaks() -> None:
    told = _archived(lambda data: data["properties"].update(version_id=_OPTIONAL))
    assert told
    assert all("event.data.version_id" in line for line in told)


def test_a_field_that_old_events_lack_may_not_become_required() -> None:
    (told,) = _withdrawn(lambda data: data["required"].append("opened"))
    assert "event.data.opened: is now required, and events from before may lack it" in told
    (told,) = _withdrawn(lambda data: (data["properties"].update(x={"type": "string"}), data["required"].append("x")))
    assert "event.data.x: is now required" in told


def test_a_value_that_old_events_carry_may_not_go() -> None:
    (told,) = _after(ALERTED, lambda s: s["$defs"]["Alerted"]["properties"]["kind"]["enum"].remove("returned"))
    assert "event.data.kind: may no longer be returned, which events from before carry" in told


def test_a_bound_that_old_events_may_exceed_may_not_narrow() -> None:
    (told,) = _after(ALERTED, lambda s: s["$defs"]["Alerted"]["properties"]["documents"].update(maxItems=100))
    assert "event.data.documents: maxItems was 500, is 100" in told
    (told,) = _after(ALERTED, lambda s: s["$defs"]["Alerted"]["properties"]["message_id"].update(minLength=1))
    assert "event.data.message_id: minLength was open, is 1" in told


def test_a_kind_that_old_events_carry_may_not_go() -> None:
    told = _withdrawn(lambda data: data["properties"].update(opened={"type": "boolean"}))
    assert "event.data.opened: may no longer be of several kinds, which events from before carry" in told
    several = {"anyOf": [{"type": "boolean"}, {"type": "integer"}], "default": None}
    told = _withdrawn(lambda data: data["properties"].update(opened=several))
    assert "event.data.opened: may no longer be null, which events from before carry" in told


def test_a_pattern_or_a_constant_on_what_was_free_breaks() -> None:
    (told,) = _archived(lambda data: data["properties"]["version_id"].update(pattern="^v"))
    assert "event.data.version_id: pattern was None, is '^v'" in told
    (told,) = _archived(lambda data: data["properties"]["version_id"].update(enum=["1"]))
    assert "event.data.version_id: may no longer be anything, which events" in told


def test_release_refuses_what_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("release", tmp_path) == 0
    stricter = copy.deepcopy(RETURNED)
    stricter["$defs"]["Returned"]["properties"]["reason"]["maxLength"] = 10
    released = tmp_path / "released" / "returned.v1.json"
    released.write_text(json.dumps(stricter), encoding="utf-8")
    assert main("release", tmp_path) == 1
    assert "returned.v1.json: event.data.reason: maxLength was 10, is 1000" in capsys.readouterr().err
    assert json.loads(released.read_text(encoding="utf-8")) == stricter


def test_an_event_that_is_gone_breaks(tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "shredded.v1.json").write_text("{}", encoding="utf-8")
    assert breaks(tmp_path) == ["shredded.v1.json: the event is gone"]


def _at(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        schema = schema[key]
    return schema
