"""Receipts: signed Ed25519 (RFC 8037, compact JWS), with a key apart from the session's.

One file's private key signs. Any other `*.pem` beside it, private or public, is a key that signed before: receipts stay
for good, so no public key is ever taken away.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.values import Receipt
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from upload.model import Upload

_ALGORITHM = "Ed25519"


class ReceiptSigner:
    """Signs with one private key; `kid` is its public key's thumbprint (RFC 7638)."""

    def __init__(self, key_file: Path) -> None:
        """Raises ValueError when a file in the key's folder is no Ed25519 key."""
        self._key = _key_in(key_file)
        if not self._key.is_private:
            raise ValueError(f"{key_file} is not a private key: it can sign nothing")
        self._kid = self._key.thumbprint()
        others = (path for path in sorted(key_file.parent.glob("*.pem")) if path != key_file)
        self._public = {key.thumbprint(): key for key in (self._key, *map(_key_in, others))}

    def receipt(self, upload: Upload) -> Receipt:
        """See `Signer.receipt`."""
        unsigned = Receipt.model_validate(
            {
                "document": upload.id,
                "name": upload.name,
                "size": upload.length,
                "sha256": upload.sha256,
                # The database keeps milliseconds, and the signature must still fit what was read back.
                "received_at": _to_milliseconds(datetime.now(UTC)),
                "depositor": upload.depositor,
                "client": upload.client,
                "kid": self._kid,
                "signature": "",
            }
        )
        header = {"alg": _ALGORITHM, "kid": self._kid}
        signature = jws.serialize_compact(header, canonical(unsigned), self._key, algorithms=[_ALGORITHM])
        return unsigned.model_copy(update={"signature": signature})

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWKS (RFC 7517): first that of the key that signs now, then those that did."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": _ALGORITHM}
                for kid, key in self._public.items()
            ]
        }


def canonical(receipt: Receipt) -> bytes:
    """What is signed: every field but the signature, as JSON with sorted keys and no spaces, in UTF-8."""
    facts = receipt.model_dump(mode="json", exclude={"signature"})
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _key_in(path: Path) -> OKPKey:
    try:
        key = OKPKey.import_key(path.read_bytes())
    except (JoseError, ValueError, TypeError):
        raise ValueError(f"{path} is not an Ed25519 key in PEM form") from None
    if key.curve_name != _ALGORITHM:
        raise ValueError(f"{path} is not an Ed25519 key in PEM form")
    return key


def _to_milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
