"""The AsyncAPI 3.0 description: a channel, a message and an operation an event, and JetStream's facts as extensions.

The NATS binding of AsyncAPI knows no streams, hence the `x-jetstream` extensions.
"""

import inspect
from typing import Any

from contracts.envelope import CONTENT_TYPE
from contracts.registry import ALL_EVENTS, EventType
from contracts.schemas import file_name, headers_schema
from contracts.streams import AUDIT, DOCUMENTS
from contracts.subjects import AUDIT_ROOT
from contracts.subscribers import API_PREFIX, heard_by, inbox_of, may_publish

Part = dict[str, Any]

_PROMISE = """\
Delivery is at least once and in no promised order: deduplicate by `id`, order a document's decisions by
`data.revision`, ignore unknown fields, and erase what you hold of a document on `erased`.
"""


def asyncapi() -> Part:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Connect Documents",
            "version": "1.0.0",
            "description": _PROMISE,
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {event.key: _channel(event) for event in ALL_EVENTS},
        "operations": {f"send_{event.key}": _operation(event) for event in ALL_EVENTS},
        "components": {
            "messages": {event.key: _message(event) for event in ALL_EVENTS},
            "parameters": {"office": {"description": "The association of the network, such as `14`."}},
        },
        "x-jetstream": {
            "stream": DOCUMENTS.name,
            "subjects": list(DOCUMENTS.subjects),
            "duplicate_window_seconds": int(DOCUMENTS.duplicate_window),
            "retention": "limits, without any: a message leaves the stream only when its document is erased",
            "consumer": {
                "kind": "durable pull consumer, explicit acknowledgement, declared by the platform's operator",
                "name": "<user>",
                "filter": heard_by("<office>"),
                "api_prefix": API_PREFIX,
                "inbox_prefix": inbox_of("<user>"),
                "may_publish": may_publish("<user>"),
            },
        },
    }


def _channel(event: EventType) -> Part:
    return {
        "address": event.topic("{office}"),
        "messages": {event.key: {"$ref": f"#/components/messages/{event.key}"}},
        "parameters": {"office": {"$ref": "#/components/parameters/office"}},
        "x-jetstream": {"stream": (AUDIT if event.root == AUDIT_ROOT else DOCUMENTS).name},
    }


def _operation(event: EventType) -> Part:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{event.key}"},
        "messages": [{"$ref": f"#/channels/{event.key}/messages/{event.key}"}],
        "x-publisher": event.source,
    }


def _message(event: EventType) -> Part:
    return {
        "name": event.type,
        "summary": inspect.cleandoc(event.model.__doc__ or ""),
        "contentType": CONTENT_TYPE,
        "headers": headers_schema(),
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schemas/{file_name(event)}"},
        },
    }
