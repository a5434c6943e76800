"""What subscribers read of the registry: `python -m deploy.events` writes the tables of docs/events.md, between their
marks, and docs/asyncapi.html, the page of the AsyncAPI description."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from contracts.asyncapi import asyncapi
from contracts.registry import ALL_EVENTS, EVENTS, EventType
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.schemas import file_name, schema_of

DOCS = Path(__file__).parents[1] / "docs"
_BEGIN, _END = "<!-- Made by `make events`: begin -->", "<!-- Made by `make events`: end -->"
_BOUNDS = {"minLength": "at least {}", "maxLength": "at most {}", "minItems": "at least {}", "maxItems": "at most {}"}


class Field(NamedTuple):
    """One field of an event's data."""

    name: str
    kind: str
    is_required: bool


def documents() -> dict[str, str]:
    """Each file's name and its text."""
    before, _, rest = (DOCS / "events.md").read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return {"events.md": f"{before}{_BEGIN}\n\n{_tables()}\n{_END}{after}", "asyncapi.html": _page()}


def fields_of(event: EventType) -> Iterator[Field]:
    """The fields of an event's data, as its published schema has them."""
    schema = schema_of(event)
    definitions = schema["$defs"]
    data = _resolved(schema["properties"]["data"], definitions)
    for name, each in data["properties"].items():
        yield Field(name, _kind(each, definitions), name in data["required"])


def _tables() -> str:
    rows = "\n".join(
        f"| `{each.name}` | {each.source.removeprefix('/connect/')} | {_told(each)[0]} | {each.made_of} |"
        for each in EVENTS
    )
    return f"| Event | From | What happened | Id made of |\n|---|---|---|---|\n{rows}\n\n{_sections()}"


def _sections() -> str:
    return "\n".join(
        f"### `{each.name}`\n\n"
        f"`{each.type}`: [schema](../contracts/schemas/{file_name(each)}), "
        f"[example](../contracts/examples/{each.name}.json)\n\n"
        "| `data.` | What it is | |\n|---|---|---|\n"
        + "".join(f"| `{f.name}` | {f.kind} | {'always' if f.is_required else ''} |\n" for f in fields_of(each))
        for each in EVENTS
    )


def _page() -> str:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    events = [
        {"event": each, "told": _told(each), "fields": list(fields_of(each)), "schema": file_name(each)}
        for each in ALL_EVENTS
    ]
    page: str = templates.get_template("asyncapi.html.j2").render(document=asyncapi(), events=events)
    return page + "\n"


def _told(event: EventType) -> list[str]:
    return inspect.cleandoc(event.model.__doc__ or "").splitlines()


def _kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    schema = _resolved(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(_kind(each, definitions) for each in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        bounds = [words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema]
        return ", ".join([f"list of {_kind(schema['items'], definitions)}", *bounds])
    if schema["type"] == "object":
        return "{" + ", ".join(schema["properties"]) + "}"
    return str(schema.get("format", schema["type"]))


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def main() -> None:
    """Write them."""
    for name, text in documents().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
