"""Copies of the streams beside each other in one folder, each named for when it was begun: which of them stay.

A copy is written under a name that says so, and gets its own once it is whole.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from pathlib import Path

from connect_ops import snapshots

_NAME = "%Y-%m-%dT%H%M%S"
_UNFINISHED = ".partial"
# Without the seconds where `date` named it.
_NAMED = re.compile(rf"\d{{4}}-\d\d-\d\dT\d{{4}}(\d\d)?({re.escape(_UNFINISHED)})?")
NOBODY_WRITES = timedelta(seconds=4 * snapshots.PATIENCE)
"""After so long without a byte: whoever writes has given up sooner, for the server has two waits before its first."""


def thin(folder: Path, *, hourly: int, daily: int, now: datetime) -> list[str]:
    """Remove what is no longer kept; returns the names. Of whole copies the last of each of the last so many hours and
    days that have any stay, so the newest one does if either number is above 0; what is not whole goes once nobody
    writes it. Raises NotWritten."""
    with snapshots.written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        found = [each for each in folder.iterdir() if each.is_dir() and _NAMED.fullmatch(each.name)]
        whole = {each: _begun(each) for each in found if _is_whole(each)}
        stay = kept(whole.values(), hourly=hourly, daily=daily)
        gone = [each for each, begun in whole.items() if begun not in stay]
        gone += [each for each in found if each not in whole and now - _last_written(each) > NOBODY_WRITES]
        for each in gone:
            shutil.rmtree(each)
    return sorted(each.name for each in gone)


def kept(begun: Iterable[datetime], *, hourly: int, daily: int) -> set[datetime]:
    """Those that stay."""
    in_order = sorted(begun)
    hours = {each.replace(minute=0, second=0): each for each in in_order}
    days = {each.date(): each for each in in_order}
    return {*nlargest(hourly, hours.values()), *nlargest(daily, days.values())}


@contextmanager
def new(folder: Path, *, now: datetime) -> Iterator[Path]:
    """A copy's folder to write it in: if that fails nothing is left of it. Raises NotWritten."""
    copy = folder / now.strftime(_NAME)
    unfinished = copy.with_name(f"{copy.name}{_UNFINISHED}")
    try:
        yield unfinished
        with snapshots.written(copy):
            unfinished.rename(copy)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _begun(copy: Path) -> datetime:
    return datetime.fromisoformat(copy.name).replace(tzinfo=UTC)


def _is_whole(copy: Path) -> bool:
    # Before copies were renamed at their end, an unfinished one had its own name.
    streams: Sequence[Path] = list(copy.iterdir())
    return not copy.name.endswith(_UNFINISHED) and bool(streams) and all(map(snapshots.is_whole, streams))


def _last_written(copy: Path) -> datetime:
    seen = max(each.stat().st_mtime for each in (copy, *copy.rglob("*")))
    return datetime.fromtimestamp(seen, UTC)
