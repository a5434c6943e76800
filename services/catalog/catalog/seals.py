"""Seals: what closes the journal's entries, each following the one before.

Whoever holds a seal can tell that the entries up to it are as they were when it was made, also against those who could
write the whole chain anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from contracts.audit import Seal, seal_digest
from contracts.canonical import canonical

from catalog import merkle
from catalog.chain import GENESIS, Broken, Link
from catalog.seal_keys import SealKeys


class Closing:
    """The entries that a seal is made over, from the one after `before` on, each looked at in its place."""

    def __init__(self, before: Link | None) -> None:
        self._first = before.seq + 1 if before else 1
        self._last = before
        self._tree = merkle.Tree()

    @property
    def entries(self) -> int:
        """How many there are."""
        return self._tree.size

    @property
    def root(self) -> str:
        """Their Merkle root."""
        return self._tree.root

    def add(self, links: Iterable[Link]) -> None:
        """The next ones. Raises Broken."""
        for link in links:
            link.check_follows(self._last)
            self._tree.add(merkle.leaf(link.said))
            self._last = link

    def facts(self, *, after: Seal | None, at: datetime) -> dict[str, Any]:
        """What the seal of these entries says, after the last one."""
        return {
            "number": after.number + 1 if after else 1,
            "first": self._first,
            "last": self._first + self.entries - 1,
            "root": self.root,
            "previous": hash_of(after) if after else GENESIS,
            # In whole milliseconds: what is signed is read back from a database.
            "at": at.replace(microsecond=at.microsecond // 1000 * 1000),
        }


def said_by(seal: Seal) -> bytes:
    """A seal as it is hashed, and stamped with the time."""
    return canonical(seal.model_dump(mode="json"))


def hash_of(seal: Seal) -> str:
    """What the next seal follows."""
    return seal_digest(seal)


def is_due(*, last: Seal | None, oldest: Link, now: datetime, every: timedelta) -> bool:
    """Whether the entries from `oldest` on have waited for their seal for long enough."""
    since = last.at if last else datetime.fromisoformat(oldest.entry["at"])
    return now - since >= every


def check_follows(seal: Seal, before: Seal | None, *, keys: SealKeys) -> None:
    """Raises Broken unless one of the keys has signed it as the next one after `before` (None: the first)."""
    number, first, previous = (before.number + 1, before.last + 1, hash_of(before)) if before else (1, 1, GENESIS)
    if seal.number != number:
        raise Broken(f"seal {number} is missing")
    if not keys.has_signed(seal):
        raise Broken(f"seal {number} was changed: its signature is none of ours")
    if (seal.first, seal.previous) != (first, previous) or seal.last < first:
        raise Broken(f"seal {number} does not follow the one before")


def check_fits(seal: Seal, root: str) -> None:
    """Raises Broken unless the entries' root is the seal's."""
    if seal.root != root:
        raise Broken(f"seal {seal.number} does not fit entries {seal.first} to {seal.last}")


class Checks:
    """Walks the journal with its seals, from the first entry on. Each method raises Broken."""

    def __init__(self, seals: Iterable[Seal], keys: SealKeys) -> None:
        self._open = iter(seals)
        self._keys = keys
        self._last: Link | None = None
        self._sealed: Seal | None = None
        self._tree = merkle.Tree()
        self.seals = 0
        self._seal = self._next()

    @property
    def entries(self) -> int:
        """How many were walked."""
        return self._last.seq if self._last else 0

    def add(self, links: Iterable[Link]) -> None:
        """The next entries."""
        for link in links:
            link.check_follows(self._last)
            self._last = link
            self._tree.add(merkle.leaf(link.said))
            if self._seal and self._seal.last == link.seq:
                check_fits(self._seal, self._tree.root)
                self._tree = merkle.Tree()
                self._sealed, self.seals = self._seal, self.seals + 1
                self._seal = self._next()

    def end(self) -> None:
        """There are no more."""
        if self._seal:
            raise Broken(f"entry {self.entries + 1} is missing: seal {self._seal.number} was made over it")

    def _next(self) -> Seal | None:
        seal = next(self._open, None)
        if seal:
            check_follows(seal, self._sealed, keys=self._keys)
        return seal
