"""Who is behind, and who is missing."""

from typing import Any

from connect_ops.lag import OURS, judged, whose
from contracts.streams import AUDIT, DOCUMENTS


def row(
    consumer: str, *, waiting: int = 0, in_hand: int = 0, oldest: float | None = None, is_ours: bool = True
) -> dict[str, Any]:
    return {
        "consumer": consumer,
        "whose": "ours" if is_ours else "other",
        "waiting": waiting,
        "in_hand": in_hand,
        "oldest": oldest,
    }


EVERYBODY = [row(name) for names in OURS.values() for name in names] + [row("catalog-projection-g2")]


def test_all_level_is_fine() -> None:
    assert judged(EVERYBODY, over=0, older=0) == ([], [])


def test_one_that_is_not_there_is_missing() -> None:
    assert judged(EVERYBODY[1:]) == ([EVERYBODY[0]["consumer"]], [])
    assert judged(EVERYBODY[:-1]) == (["catalog-projection"], [])


def test_one_beyond_a_limit_is_behind_and_without_limits_none_is() -> None:
    late = [*EVERYBODY[1:], row(EVERYBODY[0]["consumer"], waiting=2, in_hand=1, oldest=61)]
    name = EVERYBODY[0]["consumer"]
    assert judged(late) == ([], [])
    assert judged(late, over=3) == ([], [])
    assert judged(late, over=2) == ([], [name])
    assert judged(late, older=60) == ([], [name])
    assert judged(late, older=61) == ([], [])


def test_outsiders_are_not_ours_to_judge() -> None:
    outside = [*EVERYBODY, row("crm", waiting=9, oldest=9e9, is_ours=False)]
    assert judged(outside, over=0, older=0) == ([], [])


def test_only_the_projection_that_serves_is_ours() -> None:
    assert whose(DOCUMENTS.name, "catalog-projection-g3", serving=3) == "ours"
    assert whose(DOCUMENTS.name, "catalog-projection-g2", serving=3) == "other"
    assert whose(DOCUMENTS.name, "catalog-projection-g2", serving=None) == "ours"
    assert whose(DOCUMENTS.name, "crm-catalog-projection-g3", serving=3) == "other"
    assert whose(DOCUMENTS.name, "notify-digests", serving=3) == "ours"
    assert whose(AUDIT.name, "notify-digests", serving=3) == "other"
