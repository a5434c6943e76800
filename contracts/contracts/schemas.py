"""JSON Schemas (Draft 2020-12) of the events, one an event: the envelope with its data typed."""

import inspect
import json
from typing import Any

from contracts.envelope import CONTENT_TYPE
from contracts.registry import ALL_EVENTS, EventType

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def schema_of(event: EventType) -> Schema:
    """The schema of one event as it travels. What it does not name is to be ignored."""
    data = event.model.model_json_schema(mode="validation", ref_template="#/$defs/{model}")
    definitions = data.pop("$defs", {})
    definitions[event.model.__name__] = data
    return {
        "$schema": DIALECT,
        "$id": f"urn:fr.cerfrance.connect:schema:{event.key}.v{event.version}",
        "title": event.type,
        "description": inspect.cleandoc(event.model.__doc__ or ""),
        "type": "object",
        "required": ["specversion", "id", "type", "source", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid", "description": "Same happening, same id: deduplicate by it."},
            "type": {"const": event.type},
            "source": {"type": "string", "format": "uri-reference", "examples": [event.source]},
            "subject": {"type": "string", "description": "The document's or deposit's id."},
            "time": {"type": "string", "format": "date-time", "description": "When it happened, UTC."},
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "W3C trace context."},
            "data": {"$ref": f"#/$defs/{event.model.__name__}"},
        },
        "$defs": dict(sorted(definitions.items())),
    }


def file_name(event: EventType) -> str:
    """Where a schema lies in its folder."""
    return f"{event.key}.v{event.version}.json"


def schema_files() -> dict[str, str]:
    """Every schema's file name and text."""
    return {file_name(event): _text(schema_of(event)) for event in ALL_EVENTS}


def headers_schema() -> Schema:
    """The headers that every event has."""
    return {
        "type": "object",
        "required": ["Nats-Msg-Id", "Content-Type"],
        "properties": {
            "Nats-Msg-Id": {"type": "string", "format": "uuid", "description": "The event's `id`."},
            "Content-Type": {"const": CONTENT_TYPE},
        },
    }


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
