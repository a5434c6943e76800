"""Where the places differ about a document, and who is told what of it."""

from dataclasses import replace
from typing import Any

import pytest
from connect_ops.comparing import Standings
from connect_ops.standing import Difference, Ledger, Standing, Telling, differences

from tests.suites.catalog_events import at

EVENTS = {"deposited": 1, "archived": 2, "alerted": 3}
WHOLE = Standing(
    "d",
    "14",
    "earl",
    upload="settled",
    catalog=True,
    archived=True,
    ledger=Ledger(archived=True),
    events=EVENTS,
    sequences=[1, 2, 3],
    versions=1,
)


def found(**changes: Any) -> list[Difference]:
    return differences(replace(WHOLE, **changes), generation=4)


def tells(subscription: str, *sequences: int, service: str = "ged-mover") -> Telling:
    return Telling(service, subscription, sequences)


def test_a_document_that_stands_everywhere_differs_nowhere() -> None:
    assert found() == []
    # Intake forgets what ended 90 days ago.
    assert found(upload=None) == []
    taken = {**EVENTS, "taken": 5, "retained": 6}
    assert found(events=taken, decision="taken", ledger=Ledger(archived=True, locked=True)) == []


@pytest.mark.parametrize(
    ("changes", "kind", "mend"),
    [
        ({"events": {}}, "unannounced", "announce"),
        ({"events": {}, "versions": 0, "is_staged": True}, "unannounced", "announce"),
        ({"events": {}, "versions": 0}, "lost", None),
        ({"events": {}, "versions": 0, "upload": None, "is_staged": True}, "orphan", None),
        ({"events": {}, "versions": 0, "upload": None}, "remnant", None),
        ({"catalog": False}, "not_in_catalog", tells("catalog-projection-g4", 1, 2, 3, service="catalog")),
        ({"archived": False}, "not_in_catalog", tells("catalog-projection-g4", 1, 2, 3, service="catalog")),
        ({"ledger": None}, "not_in_ledger", tells("ged-mover-moves", 1)),
        ({"ledger": Ledger()}, "not_in_ledger", tells("ged-mover-moves", 1)),
        ({"events": {"published": 7}, "archived": False}, "not_in_ledger", tells("ged-mover-moves", 7)),
        ({"is_staged": True}, "left_in_staging", tells("ged-mover-cleanup", 2)),
        ({"versions": 0, "is_staged": True}, "not_moved", tells("ged-mover-moves", 1)),
        ({"versions": 0, "is_staged": True, "ledger": Ledger(given_up=True)}, "given_up", None),
        ({"versions": 0}, "lost", None),
        ({"events": {**EVENTS, "taken": 5}}, "not_locked", tells("ged-mover-retention", 5)),
        ({"events": {**EVENTS, "withdrawn": 6}}, "still_there", tells("ged-mover-erasures", 6)),
        (
            {"events": {**EVENTS, "taken": 5}, "ledger": Ledger(archived=True, locked=True)},
            "not_locked",
            tells("ged-mover-retention", 5),
        ),
        ({"events": {"deposited": 1}}, "not_in_ledger", tells("ged-mover-moves", 1)),
        ({"events": {**EVENTS, "withdrawn": 6}, "versions": 0}, "untold", tells("ged-mover-erasures", 6)),
        ({"decision": "taken"}, "untold", None),
        ({"decision": "returned"}, "untold", None),
        ({"ledger": Ledger(withdrawn=True)}, "still_there", None),
        ({"decision": "withdrawn", "versions": 0, "is_staged": True}, "still_there", None),
    ],
)
def test_one_difference_is_found_and_told_to_the_one_who_lacks_it(
    changes: dict[str, Any], kind: str, mend: Telling | str | None
) -> None:
    (difference,) = found(**changes)
    assert (difference.kind, difference.mend) == (kind, mend)


def test_what_was_withdrawn_is_nowhere_and_misses_nothing() -> None:
    assert found(events={"deposited": 1, "withdrawn": 2, "erased": 3}, versions=0, catalog=False, ledger=None) == []
    assert found(events={"erased": 3}, versions=0) == []


@pytest.mark.parametrize("state", ["receiving", "assembled", "checked", "refused", "abandoned"])
def test_what_is_no_document_is_intake_s_own(state: str) -> None:
    assert found(upload=state, events={}, versions=0, is_staged=True, catalog=False, ledger=None) == []


@pytest.mark.parametrize("state", ["receiving", "assembled", "checked"])
def test_what_the_ged_has_was_finished_whatever_an_older_record_of_intake_says(state: str) -> None:
    (difference,) = found(upload=state, events={}, catalog=False, ledger=None)
    assert (difference.kind, difference.mend) == ("unannounced", "announce")


def test_what_changed_before_the_reading_s_end_is_left_alone() -> None:
    nowhere: Any = None
    standings = Standings(nowhere, office=None)
    standings.began_at = at(10)
    times = {"old": at(8), "young": at(9.5), "during": at(11), "unknown": None}
    standings.found = {name: replace(WHOLE, document=name, latest=time) for name, time in times.items()}
    assert [each.document for each in standings.settled(60)] == ["old", "unknown"]
    assert [each.document for each in standings.settled(0)] == ["old", "young", "unknown"]
