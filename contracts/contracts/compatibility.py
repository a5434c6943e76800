"""What in a newer schema breaks a reader of the older one, or makes older events unreadable.

Readers written against the older schema must find what it promised: a writer may promise more, never less. And whoever
reads by the newer schema meets the events from before, which stay in the stream for good: it may ask of them no more
than the older did. So an optional field may come, and words may be said better. Any other change needs a new version of
the event, beside the old.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT = ("type", "const", "format", "pattern")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """One line a change that breaks, with the place and the reason; empty when readers are safe."""
    readers = _Comparison(reader=old, writer=new).compare(old, new, "event")
    rereading = _Rereading(reader=new, writer=old).compare(new, old, "event")
    # A value that became another breaks both ways, and is told once.
    return list(dict.fromkeys([*readers, *rereading]))


class _Comparison:
    """Whether what a writer says is what a reader knows; told as a change from the reader's schema to the writer's."""

    def __init__(self, *, reader: Schema, writer: Schema) -> None:
        self._readers = reader.get("$defs", {})
        self._writers = writer.get("$defs", {})

    def compare(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        reader, writer = _resolved(reader, self._readers), _resolved(writer, self._writers)
        for keyword in _EXACT:
            if keyword in reader and reader[keyword] != writer.get(keyword):
                yield self._changed(place, keyword, repr(reader[keyword]), repr(writer.get(keyword)))
        yield from self._bounds(reader, writer, place)
        if "enum" in reader and (unknown := set(writer.get("enum", ["anything"])) - set(reader["enum"])):
            yield self._unknown(place, ", ".join(sorted(map(str, unknown))))
        yield from self._alternatives(reader, writer, place)
        yield from self._properties(reader, writer, place)
        if "items" in reader:
            yield from self.compare(reader["items"], writer.get("items", {}), f"{place}[]")

    def _bounds(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        for keyword in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
            sign = 1 if keyword in _LOWER_BOUNDS else -1
            if keyword in reader and sign * writer.get(keyword, sign * float("-inf")) < sign * reader[keyword]:
                yield self._changed(place, keyword, str(reader[keyword]), str(writer.get(keyword, "open")))

    def _properties(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        said, required = writer.get("properties", {}), reader.get("required", ())
        for name in required:
            if name not in writer.get("required", ()):
                yield self._lacking(f"{place}.{name}")
        for name, schema in reader.get("properties", {}).items():
            if name in said:
                yield from self.compare(schema, said[name], f"{place}.{name}")
            elif name not in required:
                yield from self._unsaid(f"{place}.{name}")

    def _alternatives(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        known = reader.get("anyOf")
        if known is None:
            if "anyOf" in writer:
                yield self._unknown(place, "of several kinds")
            return
        for kind in writer.get("anyOf", [writer]):
            # One of the kinds that the reader knows must cover it.
            if all(any(True for _ in self.compare(each, kind, place)) for each in known):
                yield self._unknown(place, str(_resolved(kind, self._writers).get("type", "anything")))

    def _changed(self, place: str, keyword: str, reader: str, writer: str) -> str:
        return f"{place}: {keyword} was {reader}, is {writer}"

    def _unknown(self, place: str, values: str) -> str:
        return f"{place}: may now be {values}, which readers do not know"

    def _lacking(self, place: str) -> str:
        return f"{place}: was always there, may now be missing"

    def _unsaid(self, place: str) -> Iterator[str]:
        yield f"{place}: is gone"


class _Rereading(_Comparison):
    """The same of a reader of the newer schema and the events from before."""

    def _changed(self, place: str, keyword: str, reader: str, writer: str) -> str:
        return super()._changed(place, keyword, writer, reader)

    def _unknown(self, place: str, values: str) -> str:
        return f"{place}: may no longer be {values}, which events from before carry"

    def _lacking(self, place: str) -> str:
        return f"{place}: is now required, and events from before may lack it"

    def _unsaid(self, place: str) -> Iterator[str]:
        """A field that is new and optional asks nothing of them."""
        yield from ()


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return definitions[str(reference).rpartition("/")[2]]
