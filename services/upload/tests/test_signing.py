"""Receipts can be verified by whoever has the public key, also after the database kept them."""

import json
from pathlib import Path

import pytest
from contracts.values import Receipt
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, OKPKey
from upload.signing import ReceiptSigner, canonical

from tests.suites.uploads import an_upload


@pytest.fixture
def signer(tmp_path: Path) -> ReceiptSigner:
    file = tmp_path / "receipt.pem"
    file.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    return ReceiptSigner(file)


@pytest.fixture
def receipt(signer: ReceiptSigner) -> Receipt:
    return signer.receipt(an_upload(sha256="a" * 64))


def test_the_signature_covers_every_other_field(signer: ReceiptSigner, receipt: Receipt) -> None:
    keys = KeySet.import_key_set(signer.public_keys())  # type: ignore[arg-type]
    proof = jws.deserialize_compact(receipt.signature, keys, algorithms=["Ed25519"])
    assert proof.payload == canonical(receipt)
    assert set(json.loads(proof.payload)) == set(Receipt.model_fields) - {"signature"}


def test_a_receipt_read_back_with_milliseconds_is_the_one_signed(receipt: Receipt) -> None:
    assert receipt.received_at.microsecond % 1000 == 0


def test_another_key_does_not_verify_it(receipt: Receipt) -> None:
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(receipt.signature, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])


def test_the_published_key_holds_nothing_private(signer: ReceiptSigner, receipt: Receipt) -> None:
    (key,) = signer.public_keys()["keys"]
    assert "d" not in key
    assert key["kid"] == receipt.kid
