"""Check a document's proof (`GET /api/documents/{id}/proof`) without the platform: `pip install cryptography`, and

    python verify_proof.py proof.json audit-keys.json receipt-keys.json [--file FILE] [--seal SEAL.json]

The key files are the published ones, from where you trust them, not from whoever gave you the proof; a key of receipts
proves no seal. --file compares the document with what was received, --seal a seal as it was mailed with the proof's.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def require(holds, what):
    if not holds:
        raise ValueError(what)


def check_signed(signed, keys, what):
    """`signed` less its signature is what a published key has signed (compact JWS, RFC 7515, Ed25519)."""
    header, payload, signature = signed["signature"].split(".")
    said = {name: value for name, value in signed.items() if name != "signature"}
    require(b64(payload) == canonical(said), f"{what}: not what was signed")
    known = {key["kid"]: key["x"] for key in keys["keys"]}
    require(json.loads(b64(header))["kid"] == signed["kid"] and signed["kid"] in known, f"{what}: an unknown key")
    Ed25519PublicKey.from_public_bytes(b64(known[signed["kid"]])).verify(b64(signature), f"{header}.{payload}".encode())


def root_of(leaf, index, size, path):
    """Where a Merkle path leads (RFC 9162, 2.1.3.2)."""
    found, last = hashlib.sha256(b"\0" + leaf).digest(), size - 1
    for neighbour in map(bytes.fromhex, path):
        require(last > 0, "a path that is too long")
        if index % 2 or index == last:
            found = hashlib.sha256(b"\1" + neighbour + found).digest()
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + neighbour).digest()
        index, last = index >> 1, last >> 1
    require(last == 0, "a path that is too short")
    return found.hex()


def check(proof, audit_keys, receipt_keys, content=None, mailed=None):
    seals, actions = {seal["number"]: seal for seal in proof["seals"]}, {}
    for seal in proof["seals"]:
        check_signed(seal, audit_keys, f"seal {seal['number']}")
    for held in proof["entries"]:
        what, seal, entry = f"entry {held['seq']}", seals[held["seal"]], held["entry"]
        said = canonical({"seq": held["seq"], "entry": entry, "previous": held["previous"]})
        require(held["hash"] == sha256(said), f"{what}: its hash is another")
        require(seal["first"] <= held["seq"] <= seal["last"], f"{what}: not under its seal")
        root = root_of(said, held["seq"] - seal["first"], seal["last"] - seal["first"] + 1, held["path"])
        require(root == seal["root"], f"{what}: its path does not lead to the seal")
        require(entry["document"] == proof["document"], f"{what}: of another document")
        actions[entry["action"]] = entry
    receipt, archive = proof["receipt"], proof["archive"]
    check_signed(receipt, receipt_keys, "receipt")
    received = actions.get("deposited") or actions.get("published")
    require(received and received["evidence"] == sha256(receipt["signature"].encode()), "receipt: not the sealed one")
    require(receipt["document"] == proof["document"], "receipt: of another document")
    if archive or "archived" in actions:
        require(sha256(canonical(archive)) == actions["archived"]["evidence"], "archive: not the sealed record")
        require(archive["sha256"] == receipt["sha256"], "archive: other bytes than were received")
    require(content is None or sha256(content) == receipt["sha256"], "file: other bytes than were received")
    require(mailed is None or mailed in proof["seals"], "seal: the mailed one is another, or not in this proof")
    return sorted(actions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("proof", "audit_keys", "receipt_keys", "--file", "--seal"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    try:
        files = (given.proof, given.seal, given.audit_keys, given.receipt_keys)
        proof, mailed, audit, receipts = (path and json.loads(path.read_text("utf-8")) for path in files)
        proven = check(proof, audit, receipts, given.file and given.file.read_bytes(), mailed)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature) as wrong:
        sys.exit(f"NOT PROVEN: {wrong or 'a signature does not hold'}")
    sys.stdout.write(f"Proven: {', '.join(proven)}.\n")
