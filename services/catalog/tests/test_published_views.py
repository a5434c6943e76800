"""What was published, as its office and its client see it. No sockets."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from catalog.model import Document
from catalog.projection import Numbered
from catalog.publish_pages import PublishedQuery
from catalog.published_views import by_label_and_year, labels_of, published_row
from contracts.envelope import Envelope, envelop

from contracts import events as e
from tests.suites import catalog_events as events
from tests.suites.fake_catalog import FakeDocuments


@dataclass(frozen=True)
class Line:
    folder: str
    when: datetime


def line(label: str, year: int, month: int, day: int = 1, hour: int = 12) -> Line:
    return Line(label, datetime(year, month, day, hour, tzinfo=UTC))


async def told(*made: Envelope) -> Document:
    documents = FakeDocuments()
    for event in made:
        await documents.apply(Numbered(event, 1))
    found = await documents.get(events.document_id(1))
    assert found is not None
    return found


def published(**changes: object) -> Envelope:
    return events.announced(1, space="published", folder="Bilan", depositor=events.ACCOUNTANT, **changes)


def withdrawn() -> Envelope:
    about = {"document": events.document_id(1), "office": events.OFFICE, "client": events.CLIENT}
    why = {"space": "published", "revision": 1, "by": events.ACCOUNTANT, "at": events.at(100), "reason": "doublon"}
    return envelop(e.Withdrawn.model_validate({**about, **why}))


def test_groups_have_one_label_and_one_year_and_the_newest_stands_first() -> None:
    rows = [line("Paie", 2026, 11), line("Bilan", 2026, 6), line("Paie", 2026, 5), line("Bilan", 2025, 6)]
    groups = by_label_and_year(rows)
    assert [(group.label, group.year, len(group.rows)) for group in groups] == [
        ("Paie", 2026, 2),
        ("Bilan", 2026, 1),
        ("Bilan", 2025, 1),
    ]
    assert groups[0].rows == [rows[0], rows[2]]


def test_groups_stand_in_the_same_order_however_their_rows_are_sorted() -> None:
    rows = [line("Bilan", 2025, 6), line("Bilan", 2026, 6), line("Paie", 2026, 5), line("Paie", 2026, 11)]
    assert [(group.label, group.year) for group in by_label_and_year(rows)] == [
        ("Paie", 2026),
        ("Bilan", 2026),
        ("Bilan", 2025),
    ]
    assert by_label_and_year([]) == []


def test_the_year_is_the_one_of_paris() -> None:
    (group,) = by_label_and_year([line("Paie", 2025, 12, day=31, hour=23)])
    assert group.year == 2026


def test_the_usual_labels_come_first_then_those_in_use() -> None:
    assert labels_of({"contrats", "Bilan", "Baux"}) == ["Bilan", "Paie", "Fiscal", "Social", "Baux", "contrats"]


async def test_the_office_sees_who_published_what_to_whom_and_when_it_was_opened() -> None:
    document = await told(published(), events.archived(1))
    row = published_row(document, client="EARL du Chêne", opened_at=events.at(90))
    assert (row.client, row.label, row.by, row.when) == ("EARL du Chêne", "Bilan", "JEANNY JEROME", events.at(1))
    assert (row.state_name, row.opened_at, row.withdrawal) == ("Mis à disposition", events.at(90), None)


async def test_after_the_erasure_the_office_still_sees_who_withdrew_it_why_and_whether_it_had_been_opened() -> None:
    document = await told(published(), withdrawn(), events.erased(1))
    row = published_row(document, client="EARL du Chêne", opened_at=None)
    assert (row.name, row.by, row.state_name) == ("", "", "Retiré")
    assert row.withdrawal is not None
    assert (row.withdrawal.by, row.withdrawal.reason, row.withdrawal.at) == ("JEANNY JEROME", "doublon", events.at(100))


def test_an_address_says_only_what_is_chosen_and_starts_another_list_at_its_beginning() -> None:
    assert PublishedQuery().address() == "/publies"
    query = PublishedQuery(client="c", label="Baux & contrats", q="été", cursor="abc")
    assert query.address(state="withdrawn") == (
        "/publies?client=c&label=Baux+%26+contrats&state=withdrawn&q=%C3%A9t%C3%A9"
    )
    assert query.filtered
    assert not PublishedQuery(cursor="abc").filtered


def test_an_unknown_state_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="state"):
        PublishedQuery.model_validate({"state": "taken"})
