"""Receipts: signed Ed25519 (RFC 8037, compact JWS), with a key apart from the session's."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.values import Receipt
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey

from upload.model import Upload

_ALGORITHM = "Ed25519"


class ReceiptSigner:
    """Signs with one private key; `kid` is its public key's thumbprint (RFC 7638)."""

    def __init__(self, key_file: Path) -> None:
        self._key = OKPKey.import_key(key_file.read_bytes())
        self._kid = self._key.thumbprint()

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
        """The public key as a JWKS (RFC 7517)."""
        public = {**self._key.as_dict(private=False), "kid": self._kid, "use": "sig", "alg": _ALGORITHM}
        return dict(KeySet.import_key_set({"keys": [public]}).as_dict(private=False))


def canonical(receipt: Receipt) -> bytes:
    """What is signed: every field but the signature, as JSON with sorted keys and no spaces, in UTF-8."""
    facts = receipt.model_dump(mode="json", exclude={"signature"})
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _to_milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
