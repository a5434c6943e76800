"""What `connect-ops verify` finds a document to be."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from catalog.chain import next_link
from catalog.model import Archive, Document
from chassis.s3 import ObjectMissing
from connect_ops.__main__ import main
from connect_ops.verify import Ged
from contracts.audit import archive_evidence
from contracts.values import Location

from tests.suites.catalog_events import at
from tests.suites.catalog_journal import entry
from tests.suites.catalog_room import ONE, archived_room

CONTENT = b"%PDF-1.7 facture"
SHA = hashlib.sha256(CONTENT).hexdigest()
PLACE = Location(bucket="ged", key=f"14/earl-du-chene/{ONE}")


class Store:
    """One version of one object; None: it is away."""

    def __init__(self, content: bytes | None = CONTENT) -> None:
        self.content = content

    async def read(self, key: str, **parameters: str) -> AsyncIterator[bytes]:
        assert (key, parameters) == (PLACE.key, {"VersionId": "v1"})
        if self.content is None:
            raise ObjectMissing("object_missing")
        for start in range(0, len(self.content), 7):
            yield self.content[start : start + 7]


class Records:
    """The catalog's records of one document, one answer a time, the last for good."""

    def __init__(self, *known: Document | None) -> None:
        self._known = list(known)

    async def get(self, document: str) -> Document | None:
        assert document == ONE
        return self._known.pop(0) if len(self._known) > 1 else self._known[0]


class Bare:
    """The records as they lie in the database."""

    def __init__(self, is_erased: bool) -> None:
        self._is_erased = is_erased

    async def find_one(self, wanted: dict[str, Any], _: object) -> dict[str, Any] | None:
        assert wanted["_id"] == ONE
        return wanted if self._is_erased else None


async def stored(**changes: Any) -> Document:
    known = await (await archived_room()).documents.get(ONE)
    assert known
    return replace(known, sha256=SHA, archive=Archive(at(1), PLACE), **changes)


def told(**changes: Any) -> dict[str, Any]:
    """The journal's record."""
    evidence = archive_evidence(ONE, PLACE, version="v1", sha256=SHA)
    link = next_link(entry(ONE, action="archived", version="v1", evidence=evidence), None)
    record = {"_id": link.seq, "entry": dict(link.entry), "previous": link.previous, "hash": link.hash}
    record["entry"].update(changes)  # type: ignore[attr-defined]
    return record


async def state(
    *known: Document | None, content: bytes | None = CONTENT, is_erased: bool = False, **changes: Any
) -> str:
    none: Any = None
    ged = Ged(none, cast(Any, Records(*known)), cast(Any, Bare(is_erased)), cast(Any, Store(content)))
    return await ged.state_of(told(**changes))


async def test_what_is_as_it_was_is_whole() -> None:
    assert await state(await stored()) == "whole"


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b" ", b"%PDF-1.7 Facture"])
async def test_other_bytes_are_found(content: bytes) -> None:
    assert await state(await stored(), content=content) == "other bytes in the GED"


async def test_what_is_away_is_found_unless_it_was_withdrawn_meanwhile() -> None:
    here = await stored()
    assert await state(here, content=None) == "missing in the GED"
    assert await state(here, replace(here, erased_at=at(9)), content=None) == "erased"


async def test_a_record_that_was_changed_to_fit_other_bytes_is_found() -> None:
    other = hashlib.sha256(b"other").hexdigest()
    forged = replace(await stored(), sha256=other)
    assert await state(forged, content=b"other") == "the record is not the one that the journal has"


async def test_a_journal_that_was_changed_as_well_is_found() -> None:
    other = hashlib.sha256(b"other").hexdigest()
    evidence = archive_evidence(ONE, PLACE, version="v1", sha256=other)
    found = await state(replace(await stored(), sha256=other), content=b"other", evidence=evidence)
    assert found == "the journal's entry was changed"


async def test_an_archived_document_without_a_record_is_found() -> None:
    assert await state(None) == "no record of where it lies"


async def test_of_an_erased_client_s_document_nothing_is_missed() -> None:
    assert await state(None, is_erased=True) == "erased"


@pytest.mark.parametrize(
    "wrong",
    [
        *(["--sample", count] for count in ("0", "x", "100001")),
        ["--night", "soon"],
        ["--night", "--sample", "3"],
        ["--since", "soon"],
        ["--document"],
    ],
)
def test_a_wrong_command_line_ends_with_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *wrong])
    assert ended.value.code == 2
