"""Merkle trees as in RFC 6962, 2.1: one hash for many entries, and for each entry a short path to it. All in hex."""

import hashlib
from collections.abc import Sequence


def leaf(said: bytes) -> str:
    """The hash of one entry."""
    return hashlib.sha256(b"\x00" + said).hexdigest()


def root(leaves: Sequence[str]) -> str:
    """The hash of all of them, of which there is at least one."""
    if len(leaves) == 1:
        return leaves[0]
    half = _split(len(leaves))
    return _node(root(leaves[:half]), root(leaves[half:]))


class Tree:
    """A tree that grows by a leaf at a time, and holds no more than one hash for each of its full parts."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, str]] = []

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return sum(size for size, _ in self._parts)

    @property
    def root(self) -> str:
        """The hash of all of them, of which there is at least one."""
        *rest, (_, found) = self._parts
        for _, part in reversed(rest):
            found = _node(part, found)
        return found

    def add(self, hashed: str) -> None:
        """One more leaf, by its hash."""
        size = 1
        while self._parts and self._parts[-1][0] == size:
            hashed, size = _node(self._parts.pop()[1], hashed), 2 * size
        self._parts.append((size, hashed))


def path(leaves: Sequence[str], index: int) -> list[str]:
    """What leads from the leaf at an index (from 0) to the root: its neighbours, from the leaf upwards."""
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*path(leaves[:half], index), root(leaves[half:])]
    return [*path(leaves[half:], index - half), root(leaves[:half])]


def _split(count: int) -> int:
    """The largest power of two below the count."""
    return 1 << (count - 1).bit_length() - 1


def _node(left: str, right: str) -> str:
    return hashlib.sha256(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()
