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


@pytest.mark.parametrize("is_private", [True, False])
def test_after_a_rotation_older_receipts_are_verified_by_what_is_published(
    tmp_path: Path, signer: ReceiptSigner, receipt: Receipt, is_private: bool
) -> None:
    current = tmp_path / "receipt.pem"
    former = OKPKey.import_key(current.read_bytes())
    (tmp_path / "receipt-2026.pem").write_bytes(former.as_pem(private=is_private))
    current.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    rotated = ReceiptSigner(current)
    later = rotated.receipt(an_upload(sha256="b" * 64))
    published = rotated.public_keys()
    assert [key["kid"] for key in published["keys"]] == [later.kid, receipt.kid]
    assert not any("d" in key for key in published["keys"])
    for each in (receipt, later):
        keys = KeySet.import_key_set(published)  # type: ignore[arg-type]
        assert jws.deserialize_compact(each.signature, keys, algorithms=["Ed25519"]).payload == canonical(each)


def test_a_key_that_lies_in_the_folder_twice_is_published_once(tmp_path: Path, signer: ReceiptSigner) -> None:
    (tmp_path / "copy.pem").write_bytes((tmp_path / "receipt.pem").read_bytes())
    assert ReceiptSigner(tmp_path / "receipt.pem").public_keys() == signer.public_keys()


@pytest.mark.parametrize("text", ["", "no key", OKPKey.generate_key("X25519").as_pem(private=True).decode()])
@pytest.mark.parametrize("name", ["receipt", "former"])
def test_a_file_that_is_no_key_keeps_the_service_from_starting_and_is_named(
    tmp_path: Path, signer: ReceiptSigner, name: str, text: str
) -> None:
    (tmp_path / f"{name}.pem").write_text(text)
    with pytest.raises(ValueError, match=rf"{name}\.pem is not an Ed25519 key"):
        ReceiptSigner(tmp_path / "receipt.pem")


def test_a_public_key_alone_signs_nothing(tmp_path: Path, signer: ReceiptSigner) -> None:
    file = tmp_path / "receipt.pem"
    file.write_bytes(OKPKey.import_key(file.read_bytes()).as_pem(private=False))
    with pytest.raises(ValueError, match=r"receipt\.pem is not a private key"):
        ReceiptSigner(file)


def test_the_published_key_holds_nothing_private(signer: ReceiptSigner, receipt: Receipt) -> None:
    (key,) = signer.public_keys()["keys"]
    assert "d" not in key
    assert key["kid"] == receipt.kid
