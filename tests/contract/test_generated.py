"""The generated files are those of the models, and AsyncAPI's references hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from contracts.__main__ import FOLDER, differences, generated, main
from contracts.registry import EVENTS


def _document() -> Any:
    return yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def test_the_committed_files_are_those_of_the_models() -> None:
    assert differences(FOLDER) == []


def test_a_stale_a_missing_and_a_surplus_file_are_found(tmp_path: Path) -> None:
    assert main("generate", tmp_path) == 0
    assert differences(tmp_path) == []
    (tmp_path / "schemas" / "taken.v1.json").write_text("{}", encoding="utf-8")
    (tmp_path / "schemas" / "erased.v1.json").unlink()
    (tmp_path / "schemas" / "shredded.v1.json").write_text("{}", encoding="utf-8")
    assert differences(tmp_path) == [
        "schemas/erased.v1.json: is missing",
        "schemas/shredded.v1.json: belongs to no event",
        "schemas/taken.v1.json: differs from the models",
    ]
    assert main("check", tmp_path) == 1


def test_generating_twice_gives_the_same() -> None:
    assert generated() == generated()


def test_the_description_is_asyncapi_3_with_only_fields_it_knows() -> None:
    document = _document()
    known = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert document["asyncapi"] == "3.0.0"
    assert {key for key in document if not key.startswith("x-")} <= known
    assert {"title", "version"} <= document["info"].keys()
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert {key for key in operation if not key.startswith("x-")} <= {"action", "channel", "messages"}
    for channel in document["channels"].values():
        assert {key for key in channel if not key.startswith("x-")} <= {"address", "messages", "parameters"}
        assert re.findall(r"{(\w+)}", channel["address"]) == list(channel["parameters"])


def test_every_reference_leads_somewhere() -> None:
    document = _document()
    references = list(_references(document))
    assert len(references) > 3 * len(EVENTS)
    for reference in references:
        file, _, pointer = reference.partition("#")
        if file:
            assert (FOLDER / file).is_file(), reference
            continue
        target = document
        for token in pointer.strip("/").split("/"):
            target = target[token]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_has_its_channel_message_and_operation(event: Any) -> None:
    document = _document()
    assert document["channels"][event.name]["address"] == f"connect.v1.documents.{event.name}.{{office}}"
    assert document["components"]["messages"][event.name]["name"] == event.type
    assert document["operations"][f"send_{event.name}"]["x-publisher"] == event.source
