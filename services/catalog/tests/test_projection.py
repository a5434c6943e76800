"""The state shown is a function of the set of events, whatever their order and repetition."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from catalog.model import Document, State
from catalog.projection import Numbered, document_of, merged, operations
from contracts.envelope import Envelope
from contracts.registry import EVENTS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.suites import catalog_events as events
from tests.suites.fake_records import FakeRecords

ALL = [
    events.announced(1),
    events.announced(2, replaces=events.document_id(1), space="deposits"),
    events.announced(3, space="published", folder="Bilan"),
    # One event told twice, after a crash: same id, another time.
    events.archived(1, minutes=60),
    events.archived(1, minutes=61),
    events.archived(2),
    events.transfer_failed(1, attempt=1, retrying=True),
    events.transfer_failed(1, attempt=2, retrying=False),
    events.transfer_failed(3, attempt=1, retrying=True),
    events.returned(1, revision=1),
    events.taken(1, revision=2),
    events.withdrawn(1, revision=3),
    events.withdrawn(2, revision=1, replaces=events.document_id(1)),
    events.withdrawn(3, revision=1),
    events.retained(2),
    events.erased(1),
    events.alerted(1, 2),
    events.alerted(1, kind="returned", recipient="p1", failed=True),
    events.rejected(7),
    events.abandoned(8),
    events.closed(1, 2),
]
NUMBERED = [Numbered(event, sequence) for sequence, event in enumerate(ALL, start=1)]


def projected(numbered: Iterable[Numbered]) -> dict[str, dict[str, Any]]:
    """The records that these events make."""
    fake = FakeRecords()
    for each in numbered:
        fake.apply(operations(each))
    return comparable(fake.records)


def comparable(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The records, with what is a set made comparable."""
    for record in records.values():
        for name in ("sequences", "replaced", "stood_down"):
            record[name] = sorted(record.get(name, ()), key=str)
    return records


def document(number: int, seen: Sequence[Envelope]) -> Document:
    return document_of(projected(Numbered(event, None) for event in seen)[events.document_id(number)])


def test_the_order_of_every_event_is_tried() -> None:
    assert {event.name for event in ALL} == {event.key for event in EVENTS}


@settings(deadline=None)  # whatever else this machine does
@given(st.data())
def test_any_order_and_repetition_of_the_same_events_gives_the_same_records(data: st.DataObject) -> None:
    # Nearly all of them, for only pairs that are both there can get in each other's way.
    missing = data.draw(st.sets(st.sampled_from(range(1, len(NUMBERED) + 1)), max_size=5))
    seen = [each for each in NUMBERED if each.sequence not in missing]
    again = data.draw(st.permutations(seen + data.draw(st.lists(st.sampled_from(seen)))))
    assert projected(again) == projected(seen)


@settings(deadline=None)  # whatever else this machine does
@given(st.data())
def test_operations_merged_in_whatever_batches_give_the_same_records(data: st.DataObject) -> None:
    again = data.draw(st.permutations(NUMBERED + data.draw(st.lists(st.sampled_from(NUMBERED)))))
    fake = FakeRecords()
    while again:
        size = data.draw(st.integers(1, len(again)))
        fake.apply(merged(one for each in again[:size] for one in operations(each)))
        again = again[size:]
    assert comparable(fake.records) == projected(NUMBERED)


def test_of_operations_on_one_record_one_is_left_but_where_the_database_has_to_compare() -> None:
    several = [events.announced(1), events.archived(1), events.alerted(1)]
    (one,) = merged(made for number, event in enumerate(several) for made in operations(Numbered(event, number)))
    assert one.update["$addToSet"] == {"sequences": {"$each": [0, 1, 2]}}
    assert {f"log.{each.id}" for each in several} < one.update["$min"].keys()
    decided = [events.returned(1, revision=1), events.taken(1, revision=2), events.archived(1)]
    assert len(merged(made for event in decided for made in operations(Numbered(event, None)))) == 2


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([events.announced(1)], "deposited"),
        ([events.archived(1), events.announced(1)], "archived"),
        ([events.returned(1, revision=1), events.announced(1), events.archived(1)], "returned"),
        ([events.taken(1, revision=2), events.returned(1, revision=1), events.announced(1)], "taken"),
        ([events.announced(1), events.withdrawn(1, revision=1), events.archived(1)], "withdrawn"),
        ([events.erased(1), events.withdrawn(1, revision=1), events.archived(1), events.announced(1)], "erased"),
    ],
)
def test_the_state_is_erased_else_the_highest_revisions_else_archived_else_deposited(
    seen: list[Envelope], state: State
) -> None:
    assert document(1, seen).state == state


def test_what_was_not_announced_belongs_to_nobody() -> None:
    overtaken = [events.archived(1), events.taken(1, revision=1), events.alerted(1), events.closed(1)]
    assert all("owner" not in record for record in projected(Numbered(event, None) for event in overtaken).values())


@pytest.mark.parametrize("last_is_erased", [True, False])
def test_erasure_leaves_nothing_personal_whichever_comes_last(last_is_erased: bool) -> None:
    seen = [events.announced(1), events.archived(1), events.erased(1)]
    records = projected(Numbered(event, None) for event in (seen if last_is_erased else reversed(seen)))
    assert "facture" not in str(records)
    assert "Chêne" not in str(records)


def test_a_move_in_trouble_is_shown_until_it_has_arrived() -> None:
    failed = [events.announced(1), events.transfer_failed(1, attempt=2, retrying=False)]
    trouble = document(1, [*failed, events.transfer_failed(1, attempt=1, retrying=True)]).trouble
    assert trouble is not None
    assert trouble.given_up
    assert document(1, [*failed, events.archived(1)]).trouble is None


def test_two_tellings_of_one_event_count_once_with_the_earlier_time() -> None:
    told = document(1, [events.announced(1), events.archived(1, minutes=61), events.archived(1, minutes=60)])
    assert [each.event for each in told.history] == ["deposited", "archived"]
    assert told.archive is not None
    assert told.archive.at == events.at(60)


def test_a_replacement_counts_only_from_the_same_account() -> None:
    old = events.document_id(1)
    stranger = events.announced(5, replaces=old, client={"id": "somebody-else", "name": "X"})
    assert document(1, [events.announced(1), stranger]).replaced_by is None
    own = events.announced(6, replaces=old)
    assert document(1, [events.announced(1), stranger, own]).replaced_by == events.document_id(6)


@pytest.mark.parametrize("order", [1, -1])
def test_a_replacement_that_was_withdrawn_replaces_nothing_any_more(order: int) -> None:
    old = events.document_id(1)
    first, second = events.announced(6, replaces=old), events.announced(7, replaces=old)
    gone = events.withdrawn(6, revision=1, replaces=old)
    assert document(1, [events.announced(1), first, gone][::order]).replaced_by is None
    assert document(1, [events.announced(1), first, gone, second][::order]).replaced_by == events.document_id(7)


@settings(deadline=None)  # whatever else this machine does
@given(
    # Document n + 2 replaces this one of those before it, if any.
    replaces=st.lists(st.integers(0, 4), min_size=4, max_size=4),
    withdrawn=st.sets(st.integers(1, 5)),
    data=st.data(),
)
def test_a_document_is_replaced_while_anything_stands_in_its_place_directly_or_after_a_withdrawn_one(
    replaces: list[int], withdrawn: set[int], data: st.DataObject
) -> None:
    old = {number: before for number, before in enumerate(replaces, start=2) if 0 < before < number}
    ids = {number: events.document_id(number) if number else None for number in range(6)}
    seen = [
        *(events.announced(number, replaces=ids[old.get(number, 0)]) for number in range(1, 6)),
        *(events.withdrawn(number, revision=1, replaces=ids[old.get(number, 0)]) for number in withdrawn),
    ]

    def standing(number: int) -> set[int]:
        direct = {each for each, before in old.items() if before == number}
        return (direct - withdrawn).union(*(standing(each) for each in direct & withdrawn))

    records = projected(Numbered(event, None) for event in data.draw(st.permutations(seen)))
    for number in range(1, 6):
        found = document_of(records[events.document_id(number)], records)
        assert found.replaced_by == ids[max(standing(number), default=0)]


def test_every_sequence_an_event_was_stored_under_is_kept() -> None:
    event = events.announced(1)
    records = projected([Numbered(event, 4), Numbered(event, 9)])
    assert records[events.document_id(1)]["sequences"] == [4, 9]


def test_retention_is_shown() -> None:
    until = document(1, [events.announced(1), events.retained(1)]).retained_until
    assert until == datetime(2037, 12, 31, tzinfo=UTC)
