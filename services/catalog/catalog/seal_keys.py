"""The keys that sign seals: Ed25519, in a folder that all replicas share.

`current.pem` (private) signs. Any other `*.pem` there, private or public, is a key that signed before: seals stay for
good, so no public key is ever taken away.
"""

from pathlib import Path
from typing import Any, Self

from contracts.audit import Seal
from contracts.canonical import canonical
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from catalog.signing import ALGORITHM, load_private_key


class SealKeys:
    """Signs seals, and tells whether a signature is ours. A key's `kid` is its RFC 7638 thumbprint."""

    def __init__(self, *, current: OKPKey, others: tuple[OKPKey, ...] = ()) -> None:
        self._current = current
        self._public = KeySet([OKPKey.import_key(key.as_dict(private=False)) for key in (current, *others)])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The keys in a folder. Raises OSError when there is no current one, ValueError when one is no Ed25519 key."""
        current = folder / "current.pem"
        others = (path for path in sorted(folder.glob("*.pem")) if path != current)
        return cls(current=load_private_key(current), others=tuple(map(_any_key, others)))

    def signed(self, facts: dict[str, Any]) -> Seal:
        """A seal of these facts: all its fields but `kid` and `signature`."""
        kid = self._current.thumbprint()
        unsigned = Seal.model_validate({**facts, "kid": kid, "signature": ""})
        header = {"alg": ALGORITHM, "kid": kid}
        signature = jws.serialize_compact(header, _payload(unsigned), self._current, algorithms=[ALGORITHM])
        return unsigned.model_copy(update={"signature": signature})

    def has_signed(self, seal: Seal) -> bool:
        """Whether the seal says what one of these keys has signed."""
        try:
            signed = jws.deserialize_compact(seal.signature, self._public, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            return False
        return signed.payload == _payload(seal)

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        return {"keys": self._public.as_dict(private=False, alg=ALGORITHM, use="sig")["keys"]}


def _payload(seal: Seal) -> bytes:
    return canonical(seal.model_dump(mode="json", exclude={"signature"}))


def _any_key(path: Path) -> OKPKey:
    try:
        return OKPKey.import_key(path.read_bytes())
    except (JoseError, ValueError, TypeError):
        raise ValueError(f"{path} is not an Ed25519 key in PEM form") from None
