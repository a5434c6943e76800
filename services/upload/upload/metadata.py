"""`Upload-Metadata`: what the sender says about a file. Reasons are French, for the person who deposits."""

import re
import unicodedata
import uuid
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.values import DEPOSIT_FOLDERS, Space

from upload.errors import Malformed, Unprocessable

_KEY = re.compile(r"^[!-+\--~]+$")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Hold the letters of some scripts, and emoji, together.
_JOINERS = re.compile("[\u200c\u200d\U000e0020-\U000e007f]")
# Make a text read as another one: `facture\u202efdp.exe` shows as `factureexe.pdf`.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Kept word for word with the upload, so it has an end: all that is read fits in many times.
_HEADER_LIMIT = 16 * 1024
_NAME_LIMIT, _LABEL_LIMIT, _ALERT_LIMIT = 255, 64, 50
# Files of one deposit.
DEPOSIT_LIMIT = 10_000


@dataclass(frozen=True)
class Metadata:
    """What was said, checked for its form alone. `raw` is the header, word for word."""

    raw: str
    name: str
    folder: str
    space: Space
    client: str | None
    deposit: str | None
    deposit_size: int | None
    alert: tuple[str, ...]
    sha256: str | None
    file: str | None
    replaces: str | None


def metadata_of(header: str) -> Metadata:
    """Read the header. Raises Malformed for one that is no such header, Unprocessable for a value."""
    values = _decoded(header)
    space = _space(values)
    return Metadata(
        raw=header,
        name=_name(values),
        folder=_folder(values, space),
        space=space,
        client=_token(values, "client"),
        deposit=_uuid(values, "deposit"),
        deposit_size=_size(values),
        alert=_alert(values),
        sha256=_sha256(values),
        file=_uuid(values, "file"),
        replaces=_uuid(values, "replaces"),
    )


def _decoded(header: str) -> dict[str, str]:
    values: dict[str, str] = {}
    if len(header) > _HEADER_LIMIT:
        raise Malformed("malformed_metadata", "L’en-tête Upload-Metadata est trop long.")
    for pair in filter(None, (each.strip() for each in header.split(","))):
        key, _, encoded = pair.partition(" ")
        if not _KEY.match(key) or key in values:
            raise Malformed("malformed_metadata", "L’en-tête Upload-Metadata est mal formé.")
        try:
            values[key] = b64decode(encoded.strip(), validate=True).decode()
        except ValueError:  # no base64, or no UTF-8
            raise Malformed("malformed_metadata", f"La valeur « {key} » est mal encodée.") from None
    return values


def _invalid(key: str, reason: str) -> Unprocessable:
    return Unprocessable(f"invalid_{key}", reason)


def _name(values: Mapping[str, str]) -> str:
    # Some senders give a path, of either system; macOS decomposes accents.
    name = _shown(re.split(r"[/\\]", values.get("filename", ""))[-1])
    if not 1 <= len(name) <= _NAME_LIMIT or not _is_plain(name):
        raise _invalid("filename", f"Le nom du fichier manque ou n’est pas valable ({_NAME_LIMIT} caractères au plus).")
    return name


def _shown(text: str) -> str:
    """The text composed, and without what shows nothing: whoever copied a soft hyphen along never saw it."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        char for char in composed if unicodedata.category(char) != "Cf" or _JOINERS.match(char) or _TURNING.match(char)
    )
    return "".join(kept).strip()


def _is_plain(text: str) -> bool:
    """One line that reads as it is written. Characters too new for Python's tables are as good as any."""
    return not _TURNING.search(text) and all(unicodedata.category(char) not in ("Cc", "Zl", "Zp") for char in text)


def _space(values: Mapping[str, str]) -> Space:
    spaces: dict[str, Literal["deposits", "published"]] = {"deposits": "deposits", "published": "published"}
    space = spaces.get(values.get("space", "deposits"))
    if space is None:
        raise _invalid("space", "L’espace de destination n’est pas valable.")
    return space


def _folder(values: Mapping[str, str], space: Space) -> str:
    folder = _shown(values.get("folder", ""))
    if space == "deposits":
        if folder not in DEPOSIT_FOLDERS:
            raise _invalid("folder", "Choisissez le dossier de destination : Comptable ou Conseil.")
    elif not 1 <= len(folder) <= _LABEL_LIMIT or not _is_plain(folder):
        raise _invalid("folder", f"Le dossier de destination manque ou dépasse {_LABEL_LIMIT} caractères.")
    return folder


def _token(values: Mapping[str, str], key: str) -> str | None:
    value = values.get(key) or None
    if value is not None and not _TOKEN.fullmatch(value):
        raise _invalid(key, f"La valeur « {key} » n’est pas valable.")
    return value


def _uuid(values: Mapping[str, str], key: str) -> str | None:
    value = values.get(key)
    if not value:
        return None
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise _invalid(key, f"La valeur « {key} » doit être un UUID.") from None


def _size(values: Mapping[str, str]) -> int | None:
    value = values.get("deposit_size")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= DEPOSIT_LIMIT and len(value) <= 5):
        raise _invalid("deposit_size", f"Un dépôt compte de 1 à {DEPOSIT_LIMIT} fichiers.")
    return int(value)


def _alert(values: Mapping[str, str]) -> tuple[str, ...]:
    contacts = tuple(dict.fromkeys(filter(None, (each.strip() for each in values.get("alert", "").split(",")))))
    if len(contacts) > _ALERT_LIMIT or not all(map(_TOKEN.fullmatch, contacts)):
        raise _invalid("alert", "La liste des contacts à alerter n’est pas valable.")
    return contacts


def _sha256(values: Mapping[str, str]) -> str | None:
    value = values.get("sha256", "").lower() or None
    if value is not None and not _SHA256.fullmatch(value):
        raise _invalid("sha256", "L’empreinte SHA-256 n’est pas valable.")
    return value
