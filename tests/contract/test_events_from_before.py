"""Events as released versions wrote them, which stand in streams for good, are read by every consumer there is."""

import ast
import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest
from contracts.__main__ import FOLDER
from contracts.envelope import MalformedEvent
from contracts.registry import BY_TYPE

RELEASED = FOLDER / "released"
STORED = sorted((RELEASED / "events").glob("*.json"))
# Every module that reads events off a stream.
CONSUMERS = (
    *("upload.main", "upload.erasure", "notify.main", "ged_mover.main"),
    *("catalog.main", "catalog.rebuild", "catalog.nats_trail", "catalog.dead_letters"),
    *("connect_ops.holdings", "connect_ops.recall", "connect_ops.replay", "connect_ops.tracing"),
)


def test_every_released_version_of_an_event_is_stored() -> None:
    versions = {f"{path.name.split('.')[0]}.{path.name.split('.')[1]}" for path in STORED}
    assert versions == {path.stem for path in RELEASED.glob("*.json")}


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_event_is_read_with_what_it_said(consumer: str, path: Path) -> None:
    stored = json.loads(path.read_bytes())
    event = BY_TYPE[stored["type"]]
    read = import_module(consumer).decode(path.read_bytes(), event.topic(stored["data"]["office"]))
    assert isinstance(read.data, event.model)
    assert (read.id, read.subject) == (stored["id"], stored["subject"])
    said = read.data.model_dump(mode="json")
    assert all(said[name] is not None for name, value in stored["data"].items() if name in said and value is not None)


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_version_from_after_is_put_aside_and_not_misread(consumer: str) -> None:
    later = json.loads(STORED[0].read_bytes())
    later["type"] = later["type"].replace(".v1", ".v99")
    with pytest.raises(MalformedEvent) as refused:
        import_module(consumer).decode(json.dumps(later).encode())
    assert refused.value.code == "unknown_type"


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_consumer_says_on_which_subject_an_event_came(consumer: str) -> None:
    """Who may publish on one may not speak for another."""
    source = ast.parse(inspect.getsource(import_module(consumer)))
    calls = [node for node in ast.walk(source) if isinstance(node, ast.Call) and ast.unparse(node.func) == "decode"]
    assert [ast.unparse(call) for call in calls if len(call.args) < 2] == []


def test_every_consumer_is_listed() -> None:
    """Whoever takes `decode` from the contract reads a stream."""
    root = Path(__file__).parents[2]
    sources = [*root.glob("services/*/*/*.py"), *root.glob("ops/connect_ops/*.py")]
    found = {
        f"{path.parent.name}.{path.stem}"
        for path in sources
        if any(
            line.startswith("from contracts.envelope import") and "decode" in line
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    }
    assert {name for name in found if not name.startswith("tests.")} == set(CONSUMERS)
