"""`make dev` restarts those whose code is another, and all where it is what they share."""

from pathlib import Path

import pytest

from deploy.local.dev import changed_services, times_of
from deploy.local.plan import SERVICES

ROOT = Path("/project")
BEFORE = {ROOT / "services/upload/upload/tus.py": 1, ROOT / "chassis/chassis/bus.py": 1}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"services/upload/upload/tus.py": 2}, ["upload"]),
        ({"services/ged-mover/ged_mover/new.py": 2}, ["ged-mover"]),
        ({"chassis/chassis/bus.py": 2}, list(SERVICES)),
    ],
)
def test_who_is_restarted(changes: dict[str, int], wanted: list[str]) -> None:
    after = {**BEFORE, **{ROOT / name: at for name, at in changes.items()}}
    assert changed_services(BEFORE, after, ROOT) == wanted


def test_every_service_s_code_is_looked_at() -> None:
    looked_at = {path.parts[-2] for path in times_of()}
    assert {"upload", "catalog", "notify", "ged_mover", "chassis", "contracts", "templates"} <= looked_at
