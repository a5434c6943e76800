"""Nothing of an id is left out, however narrow the terminal."""

import io
from datetime import UTC, datetime

from connect_ops.telling import plain, table_of
from rich.console import Console

ID = "585122ef-74db-4705-9880-4a35ace26aed"


def told(width: int, *columns: str) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table_of(columns, [[ID, "connect-projection-g1"]]))
    return out.getvalue()


def test_what_does_not_fit_goes_on_in_the_next_line() -> None:
    narrow = told(40, "document", "consumer")
    assert "…" not in narrow
    first = "".join(line.split()[0] for line in narrow.splitlines()[1:] if line[1:2].strip())
    assert first == ID
    assert ID in told(200, "document", "consumer")


def test_facts_have_no_head() -> None:
    assert len(told(200, "", "").splitlines()) == 1


def test_times_are_utc_for_programs_too() -> None:
    assert plain({"at": [datetime(2026, 11, 25, tzinfo=UTC)], "n": None}) == {"at": ["2026-11-25T00:00:00Z"], "n": None}
