"""A single document's proof: its receipt, its record in the GED, its entries and what leads from them to the seals.

It can be checked by `docs/proof/verify_proof.py` without this platform. It shows that what it holds is so, not that it
holds all: entries that are not yet sealed are left out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.audit import Seal

from catalog import merkle, ports
from catalog.chain import Link
from catalog.errors import Conflict
from catalog.model import Document, receipt_of

_RECEIVED = ("deposited", "published")
# Of so many seals; a leaf takes about 120 bytes, so of days with 20,000 entries some 20 MB.
_KEPT = 8


class Proofs:
    """Makes proofs. What the entries of a seal hash to is read once, and kept for the last few seals."""

    def __init__(self, journal: ports.Journal, seals: ports.Seals) -> None:
        self._journal = journal
        self._seals = seals
        self._kept: dict[str, list[str]] = {}

    async def of(self, document: Document) -> Mapping[str, Any]:
        """The proof as JSON. Raises Gone (it was withdrawn), Conflict (reception not sealed yet), Unavailable."""
        receipt = receipt_of(document)
        links = await self._journal.of(document.id)
        closed = await self._seals.over([link.seq for link in links])
        leaves = {seal.number: await self._leaves(seal) for seal in closed}
        return await asyncio.to_thread(_proof, document, receipt, links, closed, leaves)

    async def _leaves(self, seal: Seal) -> list[str]:
        leaves = self._kept.pop(seal.signature, None)
        if leaves is None:
            leaves = []
            async for links in self._journal.read(first=seal.first, last=seal.last):
                leaves += await asyncio.to_thread(_leaves_of, links)
        self._kept[seal.signature] = leaves
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return leaves


def _leaves_of(links: Sequence[Link]) -> list[str]:
    return [merkle.leaf(link.said) for link in links]


def _proof(
    document: Document,
    receipt: Mapping[str, Any],
    entries: Sequence[Link],
    closed: Sequence[Seal],
    leaves: Mapping[int, Sequence[str]],
) -> Mapping[str, Any]:
    links = [(link, seal) for link in entries if (seal := _over(link, closed))]
    if not any(link.entry["action"] in _RECEIVED for link, _ in links):
        raise Conflict("not_sealed_yet", "Le journal de ce document n’est pas encore scellé. Réessayez demain.")
    return {
        "document": document.id,
        "receipt": receipt,
        "archive": _archive(document, [link for link, _ in links]),
        "entries": [
            {
                "seq": link.seq,
                "entry": link.entry,
                "previous": link.previous,
                "hash": link.hash,
                "seal": seal.number,
                "path": merkle.path(leaves[seal.number], link.seq - seal.first),
            }
            for link, seal in links
        ],
        "seals": [seal.model_dump(mode="json") for seal in closed],
    }


def _over(link: Link, closed: Sequence[Seal]) -> Seal | None:
    return next((seal for seal in closed if seal.first <= link.seq <= seal.last), None)


def _archive(document: Document, links: Sequence[Link]) -> Mapping[str, Any] | None:
    """What the `archived` entry is evidence of (see `contracts.audit.archive_evidence`)."""
    version = next((link.entry["version"] for link in links if link.entry["action"] == "archived"), None)
    if document.archive is None or version is None:
        return None
    place = document.archive.location.model_dump()
    return {"document": document.id, **place, "version": version, "sha256": document.sha256}
