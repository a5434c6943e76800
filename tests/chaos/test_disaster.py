"""What `docs/backup.md` promises, on a few documents; `make drill` is the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drill.drill import Drill

DOCUMENTS = 4


@pytest.mark.timeout(600)
def test_what_was_lost_comes_back_and_nobody_is_mailed_again(tmp_path: Path, tell: Callable[[str], None]) -> None:
    drill = Drill(tmp_path, documents=DOCUMENTS, tell=tell)
    drill.run()
    assert drill.faults == []
