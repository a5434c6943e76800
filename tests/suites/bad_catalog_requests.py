"""Requests that the catalog must refuse: one line each, with the status and the code that must come back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

NOWHERE = "0192f3a1-0000-4000-8000-000000000001"
_LONG = "x" * 4000


@dataclass(frozen=True)
class Ask:
    """A request by somebody of the office and what must come back. `{document}` is a deposit in the GED, `{staged}` one
    on its way there, `{office}` the office."""

    name: str
    method: str
    path: str
    status: int
    code: str
    who: str = "client"
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _list(name: str, query: str, code: str = "invalid_request", status: int = 422) -> Ask:
    return Ask(f"list {name}", "GET", f"/api/documents?{query}", status, code)


def _cursor(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _json(  # noqa: PLR0917  # in the order of `Ask`
    name: str, method: str, path: str, status: int, code: str, content: bytes | object, who: str = "accountant"
) -> Ask:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Ask(name, method, path, status, code, who, body, {"Content-Type": "application/json"})


_CURSORS: Mapping[str, str] = {
    "in words": "x",
    "of nothing": _cursor([]),
    "of one": _cursor(["2026-03-26"]),
    "of three": _cursor(["a", "b", "c"]),
    "of an object": _cursor({"t": "x"}),
    "of a number": _cursor("7"),
    "of null": _cursor([None, NOWHERE]),
    "of a selection": _cursor([{"$gt": ""}, NOWHERE]),
    "of a list for an id": _cursor([{"t": "2026-03-26T09:00:00+00:00"}, ["x"]]),
    "of a number for an id": _cursor([{"t": "2026-03-26T09:00:00+00:00"}, 7]),
    "of half a pair": _cursor('[{"t": "2026-03-26T09:00:00+00:00"}, "\\ud800"]'),
    "of a name where a date belongs": _cursor(["facture.pdf", NOWHERE]),
    "of a number beyond numbers": _cursor([2**64, NOWHERE]),
    "of a number without end": _cursor(f"[{'9' * 1400}, {json.dumps(NOWHERE)}]"),
    "of infinity": _cursor("[Infinity, 7]"),
    "of brackets without end": _cursor("[" * 1500),
    "of a time that never was": _cursor([{"t": "2026-02-30T09:00:00+00:00"}, NOWHERE]),
    "of a time before time": _cursor([{"t": "0001-01-01T00:00:00+14:00"}, NOWHERE]),
    "no text": "_____w",
    "with accents": "%C3%A9t%C3%A9",
    "with NUL": "%00",
}

_ACCOUNTS = ("*", "%00", "%FF", "garage-du-pont", "$ne", "../14")

LISTS = (
    *(_list(f"limit {value or 'empty'}", f"limit={value}") for value in ("", "0", "-1", "201", "x", "1.5", "9" * 30)),
    _list("limit twice, once wrong", "limit=x&limit=x"),
    _list("of an unknown kind", "unknown=1"),
    _list("of an operator", "$where=sleep(1000)"),
    _list("of an operator in brackets", "client[$ne]=x"),
    _list("space of its own", "space=ged"),
    _list("state of its own", "state=lost"),
    _list("one state good, one not", "state=taken&state=lost"),
    _list("fingerprint in words", "sha256=x"),
    _list("fingerprint in capitals", f"sha256={'A' * 64}"),
    _list("fingerprint and a new line", f"sha256={'a' * 64}%0a"),
    _list("words too many", f"q={'x' * 201}"),
    _list("folder too long", f"folder={'x' * 65}"),
    _list("client too long", f"client={'x' * 65}"),
    _list("sort too long", f"sort={'x' * 33}"),
    _list("cursor too long", f"cursor={'x' * 2049}"),
    _list("sort of its own", "sort=sha256", "unknown_sort"),
    _list("sort by an operator", "sort=$natural", "unknown_sort"),
    _list("sort by nothing", "sort=", "unknown_sort"),
    _list("sort both ways", "sort=--name", "unknown_sort"),
    _list("changed since yesterday", "changed_since=yesterday"),
    _list("changed since a time without zone", "changed_since=2026-03-26T09:00:00"),
    _list("changed since a day that never was", "changed_since=2026-02-30T09:00:00Z"),
    _list("changed since the year 99999", "changed_since=99999-01-01T00:00:00Z"),
    _list("changed after all time", "changed_since=9999-12-31T23:59:59-14:00"),
    _list("changed before all time", "changed_since=0001-01-01T00:00:00%2B14:00"),
    *(_list(f"of the account {client}", f"client={client}", "not_found", 404) for client in _ACCOUNTS),
    _list("inbox maybe", "inbox=maybe"),
    _list("inbox of a client", "inbox=true", "not_your_role", 403),
    *(_list(f"cursor {name}", f"cursor={text}", "unknown_cursor") for name, text in _CURSORS.items()),
    *(
        Ask(f"history cursor {name}", "GET", f"/api/history?cursor={text}", 422, "unknown_cursor")
        for name, text in _CURSORS.items()
    ),
    Ask("history limit", "GET", "/api/history?limit=0", 422, "invalid_request"),
    Ask("history of an unknown kind", "GET", "/api/history?state=taken", 422, "invalid_request"),
)  # fmt: skip

# Strange and not wrong.
ODD_LISTS = tuple(
    f"/api/documents?{query}"
    for query in (
        "q=%00", "q=((((", "q=.*", "q=[", "q=%5C", "q=$where", "q=%F0%9F%98%80", "q=%ED%A0%80", "q=%FF", "q=%E2%80%AE",
        "folder=%00", "folder=../ged", "folder=$ne", f"sha256={'0' * 64}", f"q={quote('é' * 100)}",
        "changed_since=9999-12-31T23:59:59Z", "changed_since=0001-01-01T00:00:00Z",
    )
)  # fmt: skip

_IDS: Mapping[str, str] = {
    "in words": "x",
    "of nobody": NOWHERE,
    "with NUL": "%00",
    "with a new line": "{document}%0a",
    "above": "..%2f{document}",
    "that selects": "%7B%22$gt%22:%22%22%7D",
    "no text": "%ff",
    "of 4,000 letters": _LONG,
}
_REASON = {"reason": "Page 2 illisible."}
_DOCUMENT = "/api/documents/{document}"


def _return(name: str, code: str, content: bytes | object, status: int = 422) -> Ask:
    return _json(f"return {name}", "POST", f"{_DOCUMENT}/return", status, code, content)


def _withdraw(name: str, content: bytes | object) -> Ask:
    return _json(f"withdrawal {name}", "DELETE", _DOCUMENT, 422, "invalid_request", content, "client")


def _bare(method: str, name: str, path: str, status: int = 404, code: str = "not_found", **headers: str) -> Ask:
    return Ask(name, method, path, status, code, headers=headers)


ON_DOCUMENTS = (
    *(Ask(f"one of an id {name}", "GET", f"/api/documents/{id_}", 404, "not_found") for name, id_ in _IDS.items()),
    *(_bare("GET", f"content of an id {name}", f"/api/documents/{id_}/content") for name, id_ in _IDS.items()),
    *(_bare("DELETE", f"withdrawal of an id {name}", f"/api/documents/{id_}") for name, id_ in _IDS.items()),
    *(
        _json(f"{verb} of an id {name}", "POST", f"/api/documents/{id_}/{verb}", 404, "not_found", _REASON)
        for name, id_ in _IDS.items()
        for verb in ("take", "return", "retry")
    ),
    _bare("GET", "content in a way of its own", f"{_DOCUMENT}/content?disposition=x", 422, "invalid_request"),
    Ask("receipt as a picture", "GET", "/api/documents/{document}/receipt?format=png", 422, "invalid_request"),
    _bare("GET", "content beyond its end", f"{_DOCUMENT}/content", 416, "range_not_satisfiable", Range="bytes=99-"),
    _bare("GET", "content of no last bytes", f"{_DOCUMENT}/content", 416, "range_not_satisfiable", Range="bytes=-0"),
    Ask("put of one", "PUT", "/api/documents/{document}", 405, "method_not_allowed"),
    Ask("patch of one", "PATCH", "/api/documents/{document}", 405, "method_not_allowed"),
    Ask("post of a list", "POST", "/api/documents", 405, "method_not_allowed"),
    Ask("nothing of that name", "GET", "/api/nothing", 404, "not_found"),
    Ask("a page of no name", "GET", "/nulle-part", 404, "not_found"),
    Ask("a script above", "GET", "/static/x/..%2f..%2fsecret", 404, "not_found"),
    Ask("above the root", "GET", "/api/..%2f..%2fetc%2fpasswd", 404, "not_found"),
    _return("without body", "invalid_request", b""),
    _return("with no JSON", "invalid_request", b"reason"),
    _return("with half a JSON", "invalid_request", b'{"reason": "'),
    _return("with no text", "bad_request", b"\xff\xfe\xfd", 400),
    _return("with brackets without end", "bad_request", b"[" * 100_000, 400),
    _return("with a list", "invalid_request", [_REASON]),
    _return("with a number", "invalid_request", {"reason": 7}),
    _return("with an operator", "invalid_request", {"reason": {"$ne": 1}}),
    _return("with an empty reason", "invalid_request", {"reason": ""}),
    _return("with a blank reason", "invalid_request", {"reason": " \n\t "}),
    _return("with 1,001 letters", "invalid_request", {"reason": "x" * 1001}),
    _return("with NUL", "invalid_request", {"reason": "a\0b"}),
    _return("with an escape", "invalid_request", {"reason": "\x1b[31m"}),
    _return("with half a pair", "invalid_request", b'{"reason": "\\ud800"}'),
    _return("without reason", "reason_required", {}),
    _return("with null", "reason_required", {"reason": None}),
    _json("return of what is on its way", "POST", "/api/documents/{staged}/return", 409, "not_archived_yet", _REASON),
    _json("take of what is on its way", "POST", "/api/documents/{staged}/take", 409, "not_archived_yet", b""),
    _json("take by a client", "POST", "/api/documents/{document}/take", 403, "not_your_role", b"", "client"),
    _withdraw("with a list", []),
    _withdraw("with no JSON", b"x"),
    _withdraw("with a reason of 1,001 letters", {"reason": "x" * 1001}),
    Ask("retry without trouble", "POST", "/api/documents/{document}/retry", 409, "not_in_trouble"),
    *(
        _json(f"archive of {name}", "POST", "/api/documents/archive", status, code, content, "client")
        for name, status, code, content in (
            ("nothing", 422, "invalid_request", b""),
            ("no JSON", 422, "invalid_request", b"ids"),
            ("no text", 400, "bad_request", b"\xff\xfe\xfd"),
            ("brackets without end", 400, "bad_request", b"[" * 100_000),
            ("null", 422, "invalid_request", None),
            ("a list", 422, "invalid_request", [NOWHERE]),
            ("no ids", 422, "invalid_request", {}),
            ("none", 422, "invalid_request", {"ids": []}),
            ("words", 422, "invalid_request", {"ids": ["x"]}),
            ("numbers", 422, "invalid_request", {"ids": [7]}),
            ("operators", 422, "invalid_request", {"ids": {"$gt": ""}}),
            ("an id and a new line", 422, "invalid_request", {"ids": [NOWHERE + "\n"]}),
            ("1,001 ids", 422, "invalid_request", {"ids": [NOWHERE] * 1001}),
            ("what is nobody's", 404, "not_found", {"ids": [NOWHERE]}),
            ("theirs and nobody's", 404, "not_found", {"ids": ["{document}", NOWHERE]}),
        )
    ),
)  # fmt: skip

_OFFICE = {"name": "CERFRANCE NOUVEAU", "inbox": "accueil@o.example"}
_NO_ADDRESSES: tuple[object, ...] = (
    "", "no address", "a@b", "@b.example", "a@", "a@b.example, c@d.example", "a@b.example\nBcc: c@d.example",
    "Nom <a@b.example>", "a b@c.example", "a@b..example.", "x" * 65 + "@b.example", '"a"@b.example', 7, None, [],
)  # fmt: skip
_COLLEAGUE = {"name": "CAMILLE MARTIN", "email": "camille@o.example", "role": "collaborator"}
_PERSON = {"sub": "pont", "name": "PONT", "email": "pont@o.example"}


def _client(name: str, status: int = 422, code: str = "invalid_request", **content: object) -> Ask:
    return _put(f"client with {name}", "clients/{office}/pont", {"name": "X", **content}, status, code)


def _put(name: str, path: str, content: bytes | object, status: int = 422, code: str = "invalid_request") -> Ask:
    return _json(f"directory {name}", "PUT", f"/api/directory/{path}", status, code, content, "admin")


DIRECTORY = (
    _put("with nothing", "offices/{office}", b""),
    _put("with no JSON", "offices/{office}", b"CERFRANCE"),
    _put("with no text", "offices/{office}", b"\xff\xfe\xfd", 400, "bad_request"),
    _put("with brackets without end", "offices/{office}", b"[" * 100_000, 400, "bad_request"),
    _put("with a list", "offices/{office}", [_OFFICE]),
    _put("with null", "offices/{office}", None),
    _put("office without inbox", "offices/{office}", {"name": "X"}),
    _put("office without name", "offices/{office}", {"inbox": "a@b.example"}),
    _put("office with a blank name", "offices/{office}", {**_OFFICE, "name": "   "}),
    _put("office with a name of 256", "offices/{office}", {**_OFFICE, "name": "x" * 256}),
    _put("office with a number for a name", "offices/{office}", {**_OFFICE, "name": 14}),
    _put("office with half a pair for a name", "offices/{office}", b'{"name": "\\ud800", "inbox": "a@b.example"}'),
    _put("office with more than it has", "offices/{office}", {**_OFFICE, "boite": "x"}),
    *(
        _put(f"office with the inbox {ascii(inbox)[:30]}", "offices/{office}", {**_OFFICE, "inbox": inbox})
        for inbox in _NO_ADDRESSES
    ),
    _put("colleague as a client", "people/{office}/x", {**_COLLEAGUE, "role": "client"}),
    _put("colleague without role", "people/{office}/x", {"name": "X", "email": "a@b.example"}),
    _put("colleague of 256 letters", f"people/{{office}}/{'x' * 256}", _COLLEAGUE),
    _put("colleague who is a client", "people/{office}/client-{office}", _COLLEAGUE, 409, "sub_elsewhere"),
    _put("colleague elsewhere", "people/elsewhere/x", _COLLEAGUE, 404, "not_found"),
    _put("office elsewhere", "offices/elsewhere", _OFFICE, 404, "not_found"),
    _put("office with a dot", "offices/{office}.x", _OFFICE, 404, "not_found"),
    _put("office of every subject", "offices/%3E", _OFFICE, 404, "not_found"),
    _put("client with a space in its id", "clients/{office}/a b", {"name": "X"}),
    _put("client with a dot in its id", "clients/{office}/a.b", {"name": "X"}),
    _put("client of every subject", "clients/{office}/*", {"name": "X"}),
    _put("client of 65 letters", f"clients/{{office}}/{'x' * 65}", {"name": "X"}),
    _client("a misspelt field", contact=[]),
    _client("an object for people", people={}),
    _client("words for people", people=["x"]),
    _client("somebody without sub", people=[{**_PERSON, "sub": ""}]),
    _client("somebody without address", people=[{**_PERSON, "email": "x"}]),
    _client("somebody twice", 409, "sub_twice", people=[_PERSON] * 2),
    _client("a contact without role", contacts=[_PERSON]),
    _client("a contact of another role", contacts=[{**_PERSON, "role": "chef"}]),
    _client("a contact twice", 409, "contact_twice", contacts=[{**_PERSON, "role": "autre"}] * 2),
    _client("the inbox as contact", 409, "contact_reserved", contacts=[{**_PERSON, "id": "inbox", "role": "autre"}]),
    _client("a colleague for an owner", 409, "sub_elsewhere", people=[{**_PERSON, "sub": "admin-{office}"}]),
)  # fmt: skip

# Pages for people: what goes wrong there is a page too.
PAGES = (
    ("client", "/documents?cursor=x"), ("client", "/documents?sort=$where"), ("client", "/documents?unknown=%00"),
    ("client", "/documents/x"), ("client", "/documents/%00"), ("client", "/documents/%ff"),
    ("client", "/historique?before=x"), ("client", "/historique?cursor=W10"), ("accountant", "/a-traiter?cursor=W10"),
    ("accountant", "/a-traiter?state=lost"), ("accountant", "/a-traiter?before=%00"),
    ("accountant", "/publies?cursor=x"), ("client", "/a-traiter"),
    ("client", "/connecte"),
)  # fmt: skip
