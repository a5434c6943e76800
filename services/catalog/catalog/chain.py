"""The journal as a chain: each entry is hashed together with its number and the hash of the entry before.

So nobody changes, removes, inserts or swaps entries without giving all later ones another hash. Only the end can be cut
off unseen; the seals are there for that (see `seals`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.canonical import canonical
from contracts.envelope import Envelope
from contracts.registry import BY_TYPE

# What the first entry, and the first seal, follow.
GENESIS = "0" * 64

Entry = Mapping[str, Any]


class Broken(Exception):
    """The journal is not whole; `str()` names the first entry or seal that is not as it was written, and why."""


@dataclass(frozen=True)
class Link:
    """An entry in its place. Numbers begin with 1; `hash` is hex."""

    seq: int
    entry: Entry
    previous: str
    hash: str

    @property
    def said(self) -> bytes:
        """What is hashed."""
        return canonical({"seq": self.seq, "entry": self.entry, "previous": self.previous})

    def check_follows(self, before: "Link | None") -> None:
        """Raises Broken unless this is the next one after `before` (None: the first), as it was written."""
        seq, previous = (before.seq + 1, before.hash) if before else (1, GENESIS)
        if self.seq != seq:
            raise Broken(f"entry {seq} is missing: entry {self.seq} comes in its place")
        if self.hash != hashlib.sha256(self.said).hexdigest():
            raise Broken(f"entry {seq} was changed: its hash is not that of what it says")
        if self.previous != previous:
            raise Broken(
                f"entry {seq} does not follow entry {seq - 1} as that one is now: one of them was written anew"
            )


def entry_of(event: Envelope) -> Entry:
    """What the journal keeps of an event of the audit trail."""
    data = event.data.model_dump(mode="json", exclude_none=True)
    return {"id": event.id, "action": BY_TYPE[event.type].name, **data}


def next_link(entry: Entry, after: Link | None) -> Link:
    """The entry in the place after the last one (None: the journal is empty)."""
    link = Link(after.seq + 1, entry, after.hash, "") if after else Link(1, entry, GENESIS, "")
    return Link(link.seq, link.entry, link.previous, hashlib.sha256(link.said).hexdigest())
