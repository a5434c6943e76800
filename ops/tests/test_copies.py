"""Which copies of the streams stay: room for the next one, and never none that is whole."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from connect_ops import copies, snapshots

NOW = datetime(2026, 11, 30, 14, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_copy(folder: Path, name: str, *, whole: bool = True, touched: datetime = NOW - HOUR) -> None:
    """A copy of two streams; one that is not whole was interrupted in the second."""
    for stream, files in (("CONNECT_DOCUMENTS", 2), ("KV_DIRECTORY", 2 if whole else 1)):
        (folder / name / stream).mkdir(parents=True)
        for file in ("stream.tar.s2", "backup.json")[:files]:
            (folder / name / stream / file).write_text("{}")
    for each in (*(folder / name).rglob("*"), folder / name):
        os.utime(each, (touched.timestamp(), touched.timestamp()))


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_of_an_hourly_copy_a_day_and_a_week_stay() -> None:
    begun = [NOW - hours * HOUR for hours in range(24 * 30)]
    stay = copies.kept(begun, hourly=24, daily=7)
    lasts = {NOW.replace(hour=23) - days * DAY for days in range(1, 7)}
    assert stay == {*begun[:24], *lasts}
    # As many as the volume is for, and the one that is being written.
    assert len(stay) <= 24 + 7


def test_of_an_hour_and_of_a_day_the_last_copy_stays() -> None:
    by_hand = NOW - timedelta(minutes=8)
    assert copies.kept([by_hand, NOW, NOW - HOUR], hourly=1, daily=0) == {NOW}
    assert copies.kept([by_hand, NOW, NOW - HOUR], hourly=0, daily=1) == {NOW}


def test_hours_and_days_without_a_copy_do_not_count() -> None:
    long_ago = [NOW - 300 * DAY, NOW - 200 * DAY]
    assert copies.kept(long_ago, hourly=2, daily=0) == set(long_ago)


def test_what_is_no_longer_kept_goes_and_is_named(tmp_path: Path) -> None:
    for name in ("2026-11-29T2310", "2026-11-30T1210", "2026-11-30T131007"):
        a_copy(tmp_path, name)
    assert copies.thin(tmp_path, hourly=1, daily=2, now=NOW) == ["2026-11-30T1210"]
    assert names(tmp_path) == {"2026-11-29T2310", "2026-11-30T131007"}


@pytest.mark.parametrize("interrupted", ["2026-11-30T121000.partial", "2026-11-30T1210"])
def test_what_was_interrupted_goes_once_nobody_writes_it(tmp_path: Path, interrupted: str) -> None:
    a_copy(tmp_path, interrupted, whole=False, touched=NOW - timedelta(minutes=2))
    assert copies.thin(tmp_path, hourly=1, daily=0, now=NOW) == []
    assert copies.thin(tmp_path, hourly=1, daily=0, now=NOW + timedelta(minutes=8)) == [interrupted]


def test_one_that_ended_between_two_streams_is_not_whole(tmp_path: Path) -> None:
    a_copy(tmp_path, "2026-11-30T121000.partial")
    assert copies.thin(tmp_path, hourly=1, daily=0, now=NOW) == ["2026-11-30T121000.partial"]


def test_the_last_whole_copy_stays_whatever_came_after_it(tmp_path: Path) -> None:
    a_copy(tmp_path, "2026-01-01T0010")
    for name in ("2026-11-29T2310", "2026-11-30T121000.partial", "2026-11-30T131000.partial"):
        a_copy(tmp_path, name, whole=False)
    copies.thin(tmp_path, hourly=1, daily=0, now=NOW)
    assert names(tmp_path) == {"2026-01-01T0010"}


def test_what_is_no_copy_is_left_alone(tmp_path: Path) -> None:
    a_copy(tmp_path, "2026-11-30T1310")
    others = {"lost+found", "2026-11-25", "before-the-move", "2026-11-01T0010 kept for the auditor"}
    for name in others:
        a_copy(tmp_path, name, whole=False, touched=NOW - 99 * DAY)
    (tmp_path / "2026-11-01T0010").write_text("a note")
    assert copies.thin(tmp_path, hourly=1, daily=1, now=NOW) == []
    assert names(tmp_path) == others | {"2026-11-30T1310", "2026-11-01T0010"}


def test_a_copy_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    with copies.new(tmp_path, now=NOW) as folder:
        a_copy(tmp_path, folder.name)
        assert names(tmp_path) == {"2026-11-30T141000.partial"}
    assert names(tmp_path) == {"2026-11-30T141000"}


def test_of_a_copy_that_fails_nothing_is_left(tmp_path: Path) -> None:
    def interrupted() -> None:
        with copies.new(tmp_path, now=NOW) as folder:
            a_copy(tmp_path, folder.name, whole=False)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_thinned_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(snapshots.NotWritten, match=r"file: File exists"):
        copies.thin(tmp_path / "file", hourly=1, daily=0, now=NOW)
