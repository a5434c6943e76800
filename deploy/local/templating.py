"""Templates of the servers' configuration files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.registry import ALL_EVENTS
from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates_of(*further: Path) -> Environment:
    """The templates beside this module, and those of `further` folders."""
    templates = Environment(
        loader=FileSystemLoader([Path(__file__).with_name("templates"), *further]),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (configuration files, not pages)
        keep_trailing_newline=True,
    )
    templates.filters["quoted"] = _quoted_for_nats
    templates.filters["escape_percent"] = _escape_percent
    templates.filters["command_line"] = _command_line
    templates.filters["environment"] = _environment
    return templates


def topics_of(service: str) -> list[str]:
    """The subjects of the events that a service publishes, of all offices."""
    return [event.topic("*") for event in ALL_EVENTS if event.source == f"/connect/{service}"]


def _quoted_for_nats(value: str) -> str:
    """As JSON. Jinja's own filter escapes `<`, `>` and `&` by number, which nats-server doesn't take."""
    return json.dumps(value, ensure_ascii=False)


def _escape_percent(value: object) -> str:
    return str(value).replace("%", "%%")


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return _escape_percent(f'"{escaped}"')


def _command_line(argv: Sequence[str]) -> str:
    return " ".join(_quote(argument) for argument in argv)


def _environment(variables: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_quote(value)}" for name, value in variables.items())
