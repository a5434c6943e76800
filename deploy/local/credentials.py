"""This stack's own secrets: made at the first run, kept under `secrets/` with mode 0600, never in the tree."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict

from .plan import SERVICES, Plan

OPS = "ops"
S3_IDENTITIES = (OPS, "upload", "ged-mover-staging", "ged-mover-ged", "catalog-staging", "catalog-ged")


class S3Key(BaseModel):
    """One identity of the object store."""

    model_config = ConfigDict(frozen=True)
    access_key: str
    secret_key: str


class Credentials(BaseModel):
    """Passwords by user, object-store keys by identity, and what the services and the store encrypt with."""

    model_config = ConfigDict(frozen=True)
    mongo: dict[str, str]
    nats: dict[str, str]
    s3: dict[str, S3Key]
    s3_encryption_key: str
    oidc_client_secret: str


def load_or_make(plan: Plan) -> Credentials:
    """The credentials of this run folder. What is missing is made; what is there stays as it is."""
    plan.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("session/current", "session/next", "receipt", "audit/current"):
        _make_signing_key(plan.secrets / f"{name}.pem")
    keyfile = plan.secrets / "mongo.key"
    if not keyfile.exists():
        write_private(keyfile, base64.b64encode(secrets.token_bytes(96)).decode())
    path = plan.secrets / "credentials.json"
    if not path.exists():
        write_private(path, _make().model_dump_json(indent=2))
    return Credentials.model_validate_json(path.read_bytes())


def receipt_public_key(plan: Plan) -> str:
    """The PEM with which anybody can verify a receipt of this stack."""
    key = load_pem_private_key((plan.secrets / "receipt.pem").read_bytes(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def write_private(path: Path, text: str) -> None:
    """Writes a file only its owner can read; a reader never sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _make_signing_key(path: Path) -> None:
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem.decode())


def _make() -> Credentials:
    users = (OPS, *SERVICES)
    return Credentials(
        mongo={user: secrets.token_urlsafe(24) for user in users},
        nats={user: secrets.token_urlsafe(24) for user in users},
        s3={name: S3Key(access_key=secrets.token_hex(10), secret_key=secrets.token_hex(20)) for name in S3_IDENTITIES},
        s3_encryption_key=secrets.token_hex(32),
        oidc_client_secret=secrets.token_urlsafe(24),
    )
