"""What the office reads of a document's journal."""

from collections.abc import Sequence
from typing import Any

import pytest
from catalog.chain import Link
from catalog.journal_views import journal_of
from contracts.registry import JOURNALED

from tests.suites.catalog_journal import FakeJournal, entry

NAMES = {"jeanny-jerome": "JEANNY JEROME"}


async def links(*entries: dict[str, Any]) -> Sequence[Link]:
    journal = FakeJournal()
    for each in entries:
        await journal.write(each)
    return journal.links


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"action": "deposited"}, "JEANNY JEROME a déposé le document"),
        ({"action": "published"}, "JEANNY JEROME a mis le document à disposition"),
        ({"action": "archived", "actor": "/connect/ged-mover"}, "Le document a rejoint la GED sécurisée"),
        ({"action": "viewed", "what": "content"}, "JEANNY JEROME a consulté le document"),
        ({"action": "viewed", "what": "receipt"}, "JEANNY JEROME a consulté l’accusé de dépôt"),
        ({"action": "downloaded", "what": "content"}, "JEANNY JEROME a téléchargé le document"),
        ({"action": "downloaded", "what": "archive"}, "JEANNY JEROME a téléchargé le document avec d’autres"),
        ({"action": "downloaded", "what": "receipt"}, "JEANNY JEROME a téléchargé l’accusé de dépôt"),
        ({"action": "taken"}, "JEANNY JEROME a pris le document en charge"),
        ({"action": "returned"}, "JEANNY JEROME a demandé à revoir le document"),
        ({"action": "withdrawn"}, "JEANNY JEROME a supprimé le document"),
        ({"action": "withdrawn", "opened": False}, "JEANNY JEROME a retiré le document"),
        ({"action": "taken", "actor": "left"}, "Quelqu’un qui n’est plus dans l’annuaire a pris le document en charge"),
    ],
)
async def test_each_action_is_said_in_a_sentence(facts: dict[str, Any], text: str) -> None:
    (line,) = journal_of(await links(entry(**facts)), person_of=NAMES.get).lines
    assert line.text == text
    assert facts["action"] in {event.name for event in JOURNALED}


async def test_the_latest_come_first_and_the_rest_is_counted() -> None:
    entries = [entry(what="content", at=f"2026-03-26T09:{minute:02}:00Z") for minute in range(30)]
    view = journal_of(await links(*entries), person_of=NAMES.get)
    assert (view.entries, len(view.lines)) == (30, 20)
    assert [line.at.minute for line in view.lines] == list(range(29, 9, -1))
