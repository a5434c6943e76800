"""A document's own facts as object metadata, so that the GED alone can be read back into a catalog.

S3 allows 2 KB of metadata, ASCII, in headers. Anything else stands as an RFC 2047 encoded word, which `email.header`
decodes. Of the receipt's signature the JWS header and signature are kept and the payload between them is not: it
is the receipt's fields as canonical JSON, and all of them stand here. Where the names are so long that it does not
fit, what the directory or the stream also has is left out, and `left-out` says what.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from email.header import decode_header, make_header
from typing import Any

from contracts.canonical import canonical
from contracts.events import Announced, Deposited, Published
from pydantic import ValidationError

# Bytes, over keys and values (Amazon S3 user guide, "Working with object metadata").
LIMIT = 2048
_LESS_NEEDED = ("client-name", "depositor-name", "receipt", "receipt-at", "receipt-key", "depositor", "folder")
_LEFT_OUT = "left-out"


class FactsMissing(ValueError):
    """An object's metadata are not those of a document, or some were left out; says which."""


def announced_by(metadata: Mapping[str, str], *, content_type: str, staging: str) -> Announced:
    """What announced a document, from its object's metadata; whom it was to alert is not among them. `staging` is the
    bucket that it came from. Raises FactsMissing."""
    facts = {key: str(make_header(decode_header(value))) for key, value in metadata.items()}
    try:
        detached = facts["receipt"]
        who = {
            "client": {"id": facts["client"], "name": facts["client-name"]},
            "depositor": {"sub": facts["depositor"], "name": facts["depositor-name"]},
        }
        what = {"document": facts["document"], "name": facts["name"], "size": facts["size"], "sha256": facts["sha256"]}
        data = {
            **who,
            **what,
            **{key: facts[key] for key in ("office", "space", "folder")},
            "deposit": {"id": facts["deposit"], "size": facts.get("deposit-size")},
            "content_type": content_type,
            "replaces": facts.get("replaces"),
            "location": {"bucket": staging, "key": facts["document"]},
            "receipt": {
                **who,
                **what,
                "received_at": facts["receipt-at"],
                "kid": facts["receipt-key"],
                "signature": "",
            },
            "deposited_at": facts["deposited-at"],
        }
        announced = (Published if facts["space"] == "published" else Deposited).model_validate(data)
    except KeyError as missing:
        raise FactsMissing(f"{missing.args[0]} is not there") from None
    except ValidationError as error:
        raise FactsMissing("; ".join(".".join(map(str, each["loc"])) for each in error.errors())) from None
    signature = _attached(detached, announced.receipt.model_dump(mode="json", exclude={"signature"}))
    return announced.model_copy(update={"receipt": announced.receipt.model_copy(update={"signature": signature})})


def metadata_of(announced: Announced) -> dict[str, str]:
    """The metadata of the document's object. Sizes are bytes, times RFC 3339 in UTC."""
    facts = {key: _as_ascii(value) for key, value in _facts(announced).items()}
    left_out: list[str] = []
    while _size(facts) > LIMIT:
        left_out.append(next(key for key in _LESS_NEEDED if key in facts))
        del facts[left_out[-1]]
        facts[_LEFT_OUT] = " ".join(left_out)
    return facts


def _facts(announced: Announced) -> dict[str, str]:
    receipt = announced.receipt
    optional = {
        "deposit-size": announced.deposit.size and str(announced.deposit.size),
        "replaces": announced.replaces,
    }
    return {
        "document": announced.document,
        "office": announced.office,
        "client": announced.client.id,
        "client-name": announced.client.name,
        "space": announced.space,
        "folder": announced.folder,
        "name": announced.name,
        "size": str(announced.size),
        "sha256": announced.sha256,
        "deposit": announced.deposit.id,
        "deposited-at": announced.deposited_at.isoformat(),
        "depositor": announced.depositor.sub,
        "depositor-name": announced.depositor.name,
        "receipt": _detached(receipt.signature),
        "receipt-at": receipt.received_at.isoformat(),
        "receipt-key": receipt.kid,
        **{key: value for key, value in optional.items() if value},
    }


def _detached(jws: str) -> str:
    header, _, rest = jws.partition(".")
    return f"{header}..{rest.rpartition('.')[2]}"


def _attached(detached: str, payload: Mapping[str, Any]) -> str:
    header, _, signature = detached.partition("..")
    return f"{header}.{urlsafe_b64encode(canonical(payload)).decode().rstrip('=')}.{signature}"


def _as_ascii(value: str) -> str:
    # A header loses spaces at its ends, and signing folds repeated ones.
    plain = value.isascii() and value.isprintable() and value == " ".join(value.split()) and "=?" not in value
    return value if plain else f"=?utf-8?B?{b64encode(value.encode()).decode()}?="


def _size(metadata: Mapping[str, str]) -> int:
    return sum(len(key) + len(value) for key, value in metadata.items())
