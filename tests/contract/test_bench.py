"""What the benchmarks say, and what they seed, is right; how fast anything is, is not looked at."""

from __future__ import annotations

import json

import pytest
from catalog.projection import document_of
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.bench.heard import ALERTED, ARCHIVED, LISTED, Heard
from tests.bench.measuring import Aim, Row, side_by_side
from tests.bench.records import copied, history, owner_of, record_of, records
from tests.suites.catalog_events import CLIENT, alerted, archived, document_id


def test_a_ratio_is_of_the_same_round_and_a_figure_without_reference_stands_for_itself() -> None:
    compared = Row("", "", Aim(1), against="another", ours=[2.0, 9.0], reference=[4.0, 3.0])
    assert compared.judged == [0.5, 3.0]
    assert Row("", "", Aim(1), ours=[2.0]).judged == [2.0]


@pytest.mark.parametrize(("value", "at_least", "at_most"), [(0.9, False, True), (1.0, True, True), (1.1, True, False)])
def test_an_aim_is_met_at_its_bound_and_on_its_own_side(value: float, at_least: bool, at_most: bool) -> None:
    assert (Aim(1.0).met_by(value), Aim(1.0, at_most=True).met_by(value)) == (at_least, at_most)


def test_the_median_decides_not_the_best_nor_the_worst_round() -> None:
    assert not Row("", "", Aim(2), ours=[9.0, 1.0, 1.0]).is_met
    assert Row("", "", Aim(2), ours=[0.0, 2.0, 3.0]).is_met


async def test_who_is_measured_first_changes_from_round_to_round() -> None:
    order: list[str] = []

    async def note(who: str) -> float:
        order.append(who)
        return float(len(order))

    row = await side_by_side(Row("", "", Aim(1), against="b"), lambda: note("a"), lambda: note("b"), rounds=3)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert (row.ours, row.reference) == ([2.0, 3.0, 6.0], [1.0, 4.0, 5.0])


def test_a_seeded_record_is_what_the_projection_makes_of_its_events() -> None:
    of_own = record_of(history(17, client="exploitation-0003"), first=35)
    made = copied(record_of(history(0), first=1), 17, client="exploitation-0003")
    assert {**made, "log": of_own["log"], "changed_at": of_own["changed_at"]} == of_own
    assert [each.event for each in document_of(made).history] == ["deposited", "archived"]


def test_seeded_records_are_one_clients_among_the_others() -> None:
    seeded = list(records(mine=10, total=100))
    documents = [document_of(each) for each in seeded]
    assert len({each.id for each in documents}) == len({each.name for each in documents}) == 100
    assert sum(each.client.id == CLIENT for each in documents) == 10
    assert owner_of(0, mine=10, total=100) == CLIENT != owner_of(1, mine=10, total=100)


async def test_what_becomes_of_a_document_is_heard_once_each_and_only_the_first_time_counts() -> None:
    heard = Heard()
    hint = json.dumps({"id": document_id(1), "state": "deposited"}).encode()
    for payload in (hint, archived(1).encode(), alerted(1, 2).encode()):
        await heard.note(Msg(_client=Client(), data=payload))
    before = {what: dict(at) for what, at in heard.at.items()}
    await heard.note(Msg(_client=Client(), data=hint))
    assert heard.at == before
    assert {what: set(at) for what, at in before.items()} == {
        LISTED: {document_id(1)},
        ARCHIVED: {document_id(1)},
        ALERTED: {document_id(1), document_id(2)},
    }
    assert await heard.all_of([document_id(1)], LISTED, ARCHIVED) == before[ARCHIVED][document_id(1)]
