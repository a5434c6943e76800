"""What the benchmarks say, and what they seed, is right; how fast anything is, is not looked at."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import bson
import httpx
import pytest
from catalog.projection import document_of
from nats.aio.client import Client
from nats.aio.msg import Msg

from deploy.local.errors import StackError
from tests.bench.__main__ import GROUPS, chosen_of
from tests.bench.growth import Size, Sized
from tests.bench.growth_picture import draw
from tests.bench.heard import ALERTED, ARCHIVED, LISTED, Heard
from tests.bench.measuring import Aim, Row, side_by_side
from tests.bench.records import copied, history, owner_of, record_of, records
from tests.bench.stamps import Marks, Stamp
from tests.bench.year_end import Waits
from tests.suites.catalog_events import CLIENT, DAY, alerted, archived, document_id


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


def test_what_takes_longest_runs_only_when_it_is_asked_for() -> None:
    assert set(GROUPS) - set(chosen_of(None)) == {"growth"}
    assert chosen_of(["growth", "mails"]) == ["growth", "mails"]


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


def test_a_stamp_prints_each_place_and_prefers_the_longer_of_two_that_begin_alike() -> None:
    stamp = Stamp(b"<aa> <a> <b>", {b"a", b"aa"})
    assert stamp({b"a": b"one", b"aa": b"two"}) == b"<two> <one> <b>"


def test_times_and_numbers_of_a_record_are_found_in_its_bson() -> None:
    marks = Marks()
    record = {"_id": "a", "n": marks.number("first"), **marks.timed({"at": DAY, "log": [{"at": DAY}]})}
    values = {**marks.times(earlier=timedelta(hours=1)), **marks.numbers({"first": 70_000})}
    printed: dict[str, Any] = bson.decode(
        Stamp(bson.encode(record), set(marks.places))(values), bson.CodecOptions(tz_aware=True)
    )
    earlier = DAY - timedelta(hours=1)
    assert printed == {"_id": "a", "n": 70_000, "at": earlier, "log": [{"at": earlier}]}


async def test_each_kind_of_failure_of_those_who_wait_is_told_once_with_how_often() -> None:
    waits, answers = Waits(), iter([None, httpx.ReadTimeout("slow"), httpx.ReadTimeout("slow"), StackError("no")])

    async def deed() -> None:
        if error := next(answers):
            raise error

    for _ in range(4):
        await waits.time(deed)
    assert waits.faults("list") == [
        "list failed 2 times: ReadTimeout('slow')",
        "list failed 1 times: StackError('no')",
    ]


def test_the_picture_of_growth_has_each_size_with_its_cost_and_what_costs_more_is_higher() -> None:
    def row(by: str, size: Size, ours: list[float]) -> Sized:
        return Sized("", "ms", Aim(1.3), against="the least", ours=ours, reference=[40.0, 40.0], by=by, size=size)

    rows = [
        row("documents", Size(1_000_000, 200), [80.0, 100.0]),
        row("documents", Size(1_000, 200), [40.0, 40.0]),
        row("clients", Size(10_000, 1), [40.0, 40.0]),
    ]
    picture = ElementTree.fromstring(draw({"rows": [each.told() for each in rows]}))  # noqa: S314 (drawn just now)
    namespace = {"svg": "http://www.w3.org/2000/svg"}
    said = [text.text for text in picture.iterfind(".//svg:text", namespace)]
    assert [each for each in said if each and re.fullmatch(r"[\d,]+|.* ms|[\d.]{4} ×", each)] == [
        *("1.00 ×", "40 ms", "1,000", "2.25 ×", "90 ms", "1,000,000"),
        *("1.00 ×", "40 ms", "1"),
    ]
    heights = [float(point.attrib["cy"]) for point in picture.iterfind(".//svg:circle", namespace)]
    assert heights[1] < heights[0] == heights[2]
    assert "Seeded at every size: 1,000, 1,000,000 documents; 1 clients." in said
