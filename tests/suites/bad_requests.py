"""Requests that intake must refuse: one line each, with the status and the code that must come back.

A request that asks for an upload is a good one but for what the line changes; a header that is None is left out.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.intake import MIB, STREAM, said

NOWHERE = "0192f3a1-0000-4000-8000-000000000001"
Headers = Mapping[str, str | bytes | None]


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _checksum(algorithm: str, value: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {_encoded(value)}", **STREAM}


@dataclass(frozen=True)
class Ask:
    """A request and what must come back. `{upload}` is one with 10 of its 100 bytes, `{finished}`, `{cancelled}` and
    `{refused}` are what they are called."""

    name: str
    status: int
    code: str
    headers: Headers = field(default_factory=dict)
    content: bytes = b""
    method: str = "POST"
    path: str = "/uploads"

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _metadata(name: str, status: int, code: str, header: str | bytes | None) -> Ask:
    return Ask(f"metadata {name}", status, code, {"Upload-Metadata": header})


def _said(name: str, code: str, *, status: int = 422, **values: str) -> Ask:
    # No header ends with the space before an empty value.
    return Ask(f"says {name}", status, code, {"Upload-Metadata": said(**values).replace(" ,", ",").strip()})


def _length(name: str, status: int, code: str, value: str | bytes | None) -> Ask:
    return Ask(f"length {name}", status, code, {"Upload-Length": value})


CREATIONS = (
    _length("missing", 400, "malformed_header", None),
    _length("empty", 400, "malformed_header", ""),
    _length("zero", 422, "empty_file", "0"),
    _length("zeros", 422, "empty_file", "000"),
    _length("negative", 400, "malformed_header", "-1"),
    _length("signed", 400, "malformed_header", "+10"),
    _length("fraction", 400, "malformed_header", "1.5"),
    _length("exponent", 400, "malformed_header", "1e3"),
    _length("hexadecimal", 400, "malformed_header", "0x10"),
    _length("grouped", 400, "malformed_header", "1_000"),
    _length("in words", 400, "malformed_header", "many"),
    _length("no number", 400, "malformed_header", "NaN"),
    _length("twice", 400, "malformed_header", "10, 10"),
    _length("wide digits", 400, "malformed_header", "１０".encode()),
    _length("raised digit", 400, "malformed_header", b"\xb2"),
    _length("a byte too many", 413, "file_too_large", str(200 * MIB + 1)),
    _length("fifteen digits", 413, "file_too_large", "9" * 15),
    _length("sixteen digits", 400, "malformed_header", "9" * 16),
    _length("thousands of digits", 400, "malformed_header", "9" * 5000),
    Ask("length to be told later", 400, "length_required", {"Upload-Length": None, "Upload-Defer-Length": "1"}),
    Ask("length told and to be told later", 400, "length_required", {"Upload-Defer-Length": "1"}),
    Ask("version missing", 412, "version_not_supported", {"Tus-Resumable": None}),
    Ask("version of old", 412, "version_not_supported", {"Tus-Resumable": "0.2.2"}),
    Ask("version short", 412, "version_not_supported", {"Tus-Resumable": "1"}),
    Ask("version to come", 412, "version_not_supported", {"Tus-Resumable": "2.0.0"}),
    Ask("versions", 412, "version_not_supported", {"Tus-Resumable": "1.0.0, 0.2.2"}),
    Ask("nobody", 401, "unauthenticated", {"Authorization": None}),
    Ask("no token", 401, "unauthenticated", {"Authorization": "Bearer"}),
    Ask("a password", 401, "unauthenticated", {"Authorization": "Basic ZWFybDplYXJs"}),
    Ask("token of three words", 401, "unauthenticated", {"Authorization": "Bearer a.b.c"}),
    Ask("token of nested brackets", 401, "unauthenticated", {"Authorization": f"Bearer {_encoded(b'[' * 9000)}.e30.x"}),
    Ask("token no text", 401, "unauthenticated", {"Authorization": b"Bearer \xff\xfe.\xff.\xff"}),
    _metadata("missing", 422, "invalid_filename", None),
    _metadata("empty", 422, "invalid_filename", ""),
    _metadata("of commas", 422, "invalid_filename", ",,, ,,"),
    _metadata("a name without value", 422, "invalid_filename", "filename"),
    _metadata("no base64", 400, "malformed_metadata", "filename *"),
    _metadata("half of a base64", 400, "malformed_metadata", "filename YQ"),
    _metadata("base64 for addresses", 400, "malformed_metadata", "filename _-8="),
    _metadata("two values", 400, "malformed_metadata", "filename YS5w ZGY="),
    _metadata("a key twice", 400, "malformed_metadata", f"{said()},{said()}"),
    _metadata("semicolons", 400, "malformed_metadata", said().replace(",", ";")),
    _metadata("equals signs", 400, "malformed_metadata", "filename=YS5wZGY=,folder=Y29tcHRhYmxl é".encode("latin-1")),
    _metadata("JSON", 400, "malformed_metadata", json.dumps({"filename": "a.pdf", "folder": "comptable"})),
    _metadata("key with accents", 400, "malformed_metadata", f"{said()},clé YQ==".encode()),
    _metadata("name in Latin-1", 400, "malformed_metadata", f"filename {_encoded('été.pdf'.encode('latin-1'))}"),
    _metadata("name in UTF-16", 400, "malformed_metadata", f"filename {_encoded('été.pdf'.encode('utf-16'))}"),
    _metadata("half of a pair", 400, "malformed_metadata", f"filename {_encoded(b'a' + bytes([237, 160, 128]))}"),
    _metadata("overlong slash", 400, "malformed_metadata", f"filename {_encoded(b'..' + bytes([0xC0, 0xAF]) + b'x')}"),
    _metadata("of 20,000 keys", 400, "malformed_metadata", ",".join([said(), *(f"k{n} YQ==" for n in range(20_000))])),
    _metadata("of a mebibyte", 400, "malformed_metadata", f"{said()},note {_encoded(bytes(MIB))}"),
    _said("no folder", "invalid_folder", folder=""),
    _said("a folder of its own", "invalid_folder", folder="direction"),
    _said("a capital", "invalid_folder", folder="Comptable"),
    _said("a folder above", "invalid_folder", folder="../ged"),
    _said("a folder with NUL", "invalid_folder", folder="comptable\0"),
    _said("no space", "invalid_space", space=""),
    _said("a space of its own", "invalid_space", space="ged"),
    _said("a space in capitals", "invalid_space", space="PUBLISHED"),
    _said("published by a client", "publishing_not_allowed", status=403, space="published"),
    _said("the account of another", "unknown_client", status=404, client="garage-du-pont"),
    _said("an account of nobody", "unknown_client", status=404, client="nobody"),
    _said("any account", "invalid_client", client="*"),
    _said("an account above", "invalid_client", client="../14"),
    _said("a subject as account", "invalid_client", client="earl.du.>"),
    _said("an account and a new line", "invalid_client", client="earl-du-chene\n"),
    _said("an account of 65 letters", "invalid_client", client="x" * 65),
    _said("a deposit in words", "invalid_deposit", deposit="x"),
    _said("a deposit too short", "invalid_deposit", deposit=NOWHERE[:-1]),
    _said("a deposit that selects", "invalid_deposit", deposit='{"$gt": ""}'),
    _said("a deposit of no file", "invalid_deposit_size", deposit_size="0"),
    _said("a deposit of less", "invalid_deposit_size", deposit_size="-1"),
    _said("a deposit of too many", "invalid_deposit_size", deposit_size="10001"),
    _said("a deposit of half", "invalid_deposit_size", deposit_size="1.5"),
    _said("a deposit of many", "invalid_deposit_size", deposit_size="many"),
    _said("a deposit of Arabic digits", "invalid_deposit_size", deposit_size="٣"),
    _said("a deposit of endless digits", "invalid_deposit_size", deposit_size="1" * 5000),
    _said("51 contacts", "invalid_alert", alert=",".join(f"c{n}" for n in range(51))),
    _said("a contact of two words", "invalid_alert", alert="jeanny jerome"),
    _said("a contact's address", "invalid_alert", alert="j@cerfrance.example"),
    _said("a contact of 65 letters", "invalid_alert", alert="x" * 65),
    _said("a contact in two lines", "invalid_alert", alert="jeanny\r\nBcc: x"),
    _said("no fingerprint", "invalid_sha256", sha256="x"),
    _said("another fingerprint", "invalid_sha256", sha256="d41d8cd98f00b204e9800998ecf8427e"),
    _said("a fingerprint too long", "invalid_sha256", sha256="a" * 65),
    _said("a fingerprint and a new line", "invalid_sha256", sha256="a" * 64 + "\n"),
    _said("a file in words", "invalid_file", file="x"),
    _said("a file that selects", "invalid_file", file='{"$ne": null}'),
    _said("to replace words", "invalid_replaces", replaces="x"),
    _said("to replace nothing known", "not_replaceable", replaces=NOWHERE),
    *(
        _said(f"the name {name}", "type_not_allowed", filename=name)
        for name in (
            "programme.exe", "facture.pdf.exe", "script.js", "script.vbs", "script.ps1", "script.bat", "script.sh",
            "page.html", "page.htm", "dessin.svg", "archive.zip", "archive.rar", "archive.7z", "archive.tar.gz",
            "lettre.docm", "classeur.xlsm", "lettre.doc", "classeur.xls", "lien.lnk", "disque.iso", "courrier.eml",
            "image.gif", "image.webp", "applet.jar", "facture", "facture.", ".pdf", "pdf", "facture.pdf.", "..",
            "facture.pdf:flux.exe", "facture.pdf;.exe", "facture.pdƒ", "facture.pdf .", "facture.РDF",
        )
    ),
    Ask("checksum of a kind not offered", 400, "malformed_checksum", _checksum("md5", bytes(16)), b"0123456789"),
    Ask("checksum of no kind", 400, "malformed_checksum", _checksum("sha-256", bytes(32)), b"0123456789"),
    Ask("checksum too short", 400, "malformed_checksum", _checksum("sha256", bytes(31)), b"0123456789"),
    Ask("checksum of the other kind", 400, "malformed_checksum", _checksum("sha1", bytes(32)), b"0123456789"),
    Ask("checksum empty", 400, "malformed_checksum", {"Upload-Checksum": "", **STREAM}, b"0123456789"),
    Ask("checksum alone", 400, "malformed_checksum", {"Upload-Checksum": "sha256", **STREAM}, b"0123456789"),
    Ask("checksum in hexadecimal", 400, "malformed_checksum", {"Upload-Checksum": "sha256 " + "ab" * 32}, b""),
)  # fmt: skip


def _patch(name: str, status: int, code: str, content: bytes = b"x", *, at: str = "{upload}", **changed: str) -> Ask:
    named = {key.replace("_", "-"): value for key, value in changed.items()}
    headers: Headers = {**STREAM, "Upload-Offset": "10", **named}
    return Ask(f"patch {name}", status, code, headers, content, "PATCH", f"/uploads/{at}")


def _offset(name: str, status: int, code: str, value: str) -> Ask:
    return _patch(f"offset {name}", status, code, Upload_Offset=value)


def _close(name: str, status: int, code: str, content: bytes, deposit: str = "{deposit}") -> Ask:
    kind = {"Content-Type": "application/json"}
    return Ask(f"close {name}", status, code, kind, content, "POST", f"/uploads/deposits/{deposit}/close")


def _override(name: str, status: int, code: str, meant: str, **headers: str) -> Ask:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Ask(f"override {name}", status, code, {"X-HTTP-Method-Override": meant, **named}, b"", "POST", _UPLOAD)


def _bare(method: str, name: str, status: int, code: str, at: str) -> Ask:
    return Ask(f"{method} {name}", status, code, {}, b"", method, f"/uploads/{at}")


_UPLOAD = "/uploads/{upload}"
_IDS = {
    "in words": "x",
    "of nobody": NOWHERE,
    "in capitals": "{UPLOAD}",
    "above": "..%2f{upload}",
    "with NUL": "{upload}%00",
    "with a new line": "{upload}%0a",
    "that selects": "%7B%22$gt%22:%22%22%7D",
    "no text": "%ff%fe",
    "of 4,000 letters": "x" * 4000,
}

ON_AN_UPLOAD = (
    _offset("empty", 400, "malformed_header", ""),
    _offset("negative", 400, "malformed_header", "-1"),
    _offset("signed", 400, "malformed_header", "+10"),
    _offset("fraction", 400, "malformed_header", "10.0"),
    _offset("exponent", 400, "malformed_header", "1e1"),
    _offset("hexadecimal", 400, "malformed_header", "0x0a"),
    _offset("twice", 400, "malformed_header", "10, 10"),
    _offset("in words", 400, "malformed_header", "end"),
    _offset("sixteen digits", 400, "malformed_header", "9" * 16),
    _offset("behind", 409, "offset_mismatch", "9"),
    _offset("at the start", 409, "offset_mismatch", "0"),
    _offset("ahead", 409, "offset_mismatch", "11"),
    _offset("at the end", 409, "offset_mismatch", "100"),
    _offset("beyond the end", 409, "offset_mismatch", "101"),
    _offset("fifteen digits", 409, "offset_mismatch", "9" * 15),
    Ask("patch without offset", 400, "malformed_header", STREAM, b"x", "PATCH", _UPLOAD),
    Ask("patch without type", 415, "offset_stream_required", {"Upload-Offset": "10"}, b"x", "PATCH", _UPLOAD),
    _patch("of another type", 415, "offset_stream_required", Content_Type="application/octet-stream"),
    _patch("of JSON", 415, "offset_stream_required", b"{}", Content_Type="application/json"),
    _patch("of a form", 415, "offset_stream_required", b"a=b", Content_Type="multipart/form-data; boundary=x"),
    _patch("of another version", 412, "version_not_supported", Tus_Resumable="0.2.2"),
    _patch("by another client", 404, "not_found", Authorization="second-client"),
    _patch("of a checksum not offered", 400, "malformed_checksum", Upload_Checksum=f"md5 {_encoded(bytes(16))}"),
    _patch("of a checksum cut short", 400, "malformed_checksum", Upload_Checksum="sha256 YQ=="),
    _patch("of two checksums", 400, "malformed_checksum", Upload_Checksum="sha1 YQ==, sha256 YQ=="),
    _patch("of a wrong SHA-1", 460, "checksum_mismatch", Upload_Checksum=f"sha1 {_encoded(bytes(20))}"),
    _patch("of a wrong SHA-256", 460, "checksum_mismatch", Upload_Checksum=f"sha256 {_encoded(bytes(32))}"),
    _patch("of a byte too many", 413, "too_many_bytes", bytes(91)),
    _patch("of megabytes too many", 413, "too_many_bytes", bytes(3 * MIB)),
    *(_patch(f"of an id {name}", 404, "not_found", at=path) for name, path in _IDS.items()),
    _patch("of a cancelled one", 410, "cancelled", at="{cancelled}"),
    _patch("of a refused one", 422, "type_mismatch", at="{refused}"),
    _patch("of a finished one", 409, "offset_mismatch", at="{finished}"),
    *(_bare("DELETE", f"of an id {name}", 404, "not_found", path) for name, path in _IDS.items()),
    Ask("delete of a cancelled one", 410, "ended", {}, b"", "DELETE", "/uploads/{cancelled}"),
    Ask("delete of a refused one", 410, "ended", {}, b"", "DELETE", "/uploads/{refused}"),
    Ask("delete of a finished one", 409, "finished", {}, b"", "DELETE", "/uploads/{finished}"),
    Ask("delete by another client", 404, "not_found", {"Authorization": "second-client"}, b"", "DELETE", _UPLOAD),
    *(_bare("HEAD", f"of an id {name}", 404, "", path) for name, path in _IDS.items()),
    Ask("head of a cancelled one", 410, "", {}, b"", "HEAD", "/uploads/{cancelled}"),
    Ask("head of a refused one", 410, "", {}, b"", "HEAD", "/uploads/{refused}"),
    Ask("receipt of an unfinished one", 409, "not_finished", {}, b"", "GET", _UPLOAD + "/receipt"),
    Ask("receipt of an id in words", 404, "not_found", {}, b"", "GET", "/uploads/x/receipt"),
    Ask("receipt of an id with NUL", 404, "not_found", {}, b"", "GET", "/uploads/%00/receipt"),
    _override("by nothing", 405, "method_not_allowed", ""),
    _override("by GET", 405, "method_not_allowed", "GET"),
    _override("by PUT", 405, "method_not_allowed", "PUT"),
    _override("by two", 405, "method_not_allowed", "PATCH, DELETE"),
    _override("by PATCH without type", 415, "offset_stream_required", "PATCH", Upload_Offset="10"),
    Ask("get of all", 405, "method_not_allowed", {}, b"", "GET", "/uploads"),
    Ask("get of one", 405, "method_not_allowed", {}, b"", "GET", _UPLOAD),
    Ask("put of one", 405, "method_not_allowed", {}, b"x", "PUT", _UPLOAD),
    Ask("trace", 405, "method_not_allowed", {}, b"", "TRACE", _UPLOAD),
    Ask("elsewhere", 404, "not_found", {}, b"", "GET", "/uploads/a/b/c/d"),
    Ask("above the root", 404, "not_found", {}, b"", "GET", "/uploads/..%2f..%2fetc%2fpasswd"),
    _close("with nothing", 422, "invalid_request", b""),
    _close("with no JSON", 422, "invalid_request", b"documents"),
    _close("with half a JSON", 422, "invalid_request", b'{"documents": ['),
    _close("with no text", 400, "bad_request", b"\xff\xfe\xfd"),
    _close("with brackets without end", 400, "bad_request", b"[" * 200_000),
    _close("with a list", 422, "invalid_request", b"[]"),
    _close("with null", 422, "invalid_request", b"null"),
    _close("with a number for a list", 422, "invalid_request", b'{"documents": 7}'),
    _close("with words for ids", 422, "invalid_request", b'{"documents": ["x"]}'),
    _close("with an id and a new line", 422, "invalid_request", json.dumps({"documents": [NOWHERE + "\n"]}).encode()),
    _close("with numbers for ids", 422, "invalid_request", b'{"documents": [1e999]}'),
    _close("with half a pair", 422, "invalid_request", b'{"documents": ["\\ud800"]}'),
    _close("with 10,001 ids", 422, "invalid_request", json.dumps({"documents": [NOWHERE] * 10_001}).encode()),
    _close("with what is not of it", 422, "unknown_documents", json.dumps({"documents": [NOWHERE]}).encode()),
    _close("of nobody's deposit", 404, "not_found", b'{"documents": []}', str(uuid.UUID(int=7))),
    _close("of a deposit in words", 404, "not_found", b'{"documents": []}', "x"),
    _close("of a deposit with NUL", 404, "not_found", b'{"documents": []}', "%00"),
)  # fmt: skip
