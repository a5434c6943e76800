"""The committed examples of events."""

import json
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).parents[2] / "contracts"
VALID = sorted((CONTRACTS / "examples").glob("*.json"))
# Named for the code with which a reader refuses them: `<code>.<case>.json`.
INVALID = sorted((CONTRACTS / "examples" / "invalid").glob("*.json"))


def event_name(path: Path) -> str:
    """The event that an example's file is about."""
    return path.name.split(".")[0]


def loaded(path: Path) -> Any:
    """The example as JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
