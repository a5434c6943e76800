"""The keys that sign sessions: Ed25519, in PEM files that all replicas share.

`current.pem` signs. `next.pem` is published already, so that whoever caches the keys knows it before it signs. To
rotate: move `current.pem` to `previous.pem`, `next.pem` to `current.pem`, make a new `next.pem`, and restart the
replicas; `previous.pem` is optional and keeps the sessions it signed valid until they expire.
"""

from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

ALGORITHM = "Ed25519"
_REQUIRED, _OPTIONAL = ("current", "next"), ("previous",)


class SigningKeys:
    """Signs tokens, and gives the public keys to verify them. A key's `kid` is its RFC 7638 thumbprint."""

    def __init__(self, *, current: OKPKey, others: tuple[OKPKey, ...] = ()) -> None:
        self._current = current
        self._public = KeySet([OKPKey.import_key(key.as_dict(private=False)) for key in (current, *others)])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The keys in a folder. Raises OSError when one is missing, ValueError when one is no Ed25519 private key."""
        optional = tuple(name for name in _OPTIONAL if (folder / f"{name}.pem").exists())
        current, *others = (load_private_key(folder / f"{name}.pem") for name in (*_REQUIRED, *optional))
        return cls(current=current, others=tuple(others))

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed JWT of these claims, as they are."""
        header = {"alg": ALGORITHM, "kid": self._current.thumbprint()}
        return jwt.encode(header, claims, self._current, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        public = self._public.as_dict(private=False, alg=ALGORITHM, use="sig")
        return {"keys": public["keys"]}

    @property
    def public(self) -> KeySet:
        """The keys that verify what `sign` has signed."""
        return self._public

    async def keys(self, *, kid: str) -> KeySet:
        """The public keys: this process needs to ask nobody for them."""
        return self._public


def load_private_key(path: Path) -> OKPKey:
    """An Ed25519 private key. Raises OSError when there is no file, ValueError when it is none."""
    try:
        key = OKPKey.import_key(path.read_bytes())
    except (JoseError, ValueError, TypeError):
        raise ValueError(f"{path} is not an Ed25519 private key in PEM form") from None
    if not key.is_private or key.curve_name != ALGORITHM:
        raise ValueError(f"{path} is not an Ed25519 private key in PEM form")
    return key
