"""Every name in docs/journey.md is the code's."""

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest
from contracts.registry import EVENTS

_TEXT = (Path(__file__).parents[2] / "docs" / "journey.md").read_text(encoding="utf-8")
_NAMES = sorted(set(re.findall(r"`([a-z_]+/[a-z_]+)\.py(?::([\w.]+))?`", _TEXT)))


def test_the_journey_names_something_of_every_service() -> None:
    packages = {module.split("/")[0] for module, _ in _NAMES}
    assert packages == {"chassis", "upload", "catalog", "ged_mover", "notify"}


@pytest.mark.parametrize(("module", "name"), _NAMES)
def test_a_step_names_what_is_there(module: str, name: str) -> None:
    found = importlib.import_module(module.replace("/", "."))
    if name:
        assert callable(reduce(getattr, name.split("."), found))


def test_every_event_has_its_step() -> None:
    assert {event.name for event in EVENTS} <= set(re.findall(r"`(\w+)`", _TEXT))
