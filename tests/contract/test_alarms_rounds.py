"""What `make alarms` says of an alert, by what Prometheus tells: well is only one that fires as it should, and ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest

from tests.alarms.faults import Expected, Fault
from tests.alarms.prometheus import Firing
from tests.alarms.run import Rounds, Seen
from tests.alarms.stage import Stage

_RIGHT = Firing({"alertname": "A", "job": "upload", "severity": "page"}, {"summary": "upload is away"})


class _Prometheus:
    """Fires `during` its fault, and then `after` it."""

    def __init__(self, *, during: Sequence[Firing], after: Sequence[Firing] = ()) -> None:
        self._during, self._after = during, after
        self.is_under_way = False
        self.http = None

    @property
    def prometheus(self) -> _Prometheus:
        return self

    async def firing(self, _: httpx.AsyncClient) -> list[Firing]:
        return list(self._during if self.is_under_way else self._after)


@asynccontextmanager
async def _strike(stage: Any) -> AsyncIterator[None]:
    stage.is_under_way = True
    yield
    stage.is_under_way = False


@asynccontextmanager
async def _fails(_: Any) -> AsyncIterator[None]:
    raise AssertionError("no such server")
    yield


async def _seen(prometheus: _Prometheus, *, strike: Any = _strike) -> Seen:
    rounds = Rounds(cast(Stage, prometheus), severities={"A": "page"}, tell=lambda _: None)
    [seen] = await rounds.run([Fault("f", strike, (Expected("A", {"job": "upload"}),))])
    return seen


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.alarms.run._PATIENCE", 0.1)
    monkeypatch.setattr("tests.alarms.run._EVERY", 0.01)


async def test_one_that_fires_and_ends_is_well() -> None:
    seen = await _seen(_Prometheus(during=[_RIGHT]))
    assert seen.is_well, seen


@pytest.mark.parametrize(
    ("during", "after", "complaint"),
    [
        ([], [], "did not fire"),
        ([Firing({**_RIGHT.labels, "job": "notify"}, _RIGHT.annotations)], [], "did not fire"),
        ([Firing({**_RIGHT.labels, "severity": "ticket"}, _RIGHT.annotations)], [], "has not the severity page"),
        ([Firing(_RIGHT.labels, {"summary": "<error expanding template>"})], [], "does not say all"),
        ([_RIGHT], [_RIGHT], "does not end"),
    ],
)
async def test_any_other_is_not(during: Sequence[Firing], after: Sequence[Firing], complaint: str) -> None:
    seen = await _seen(_Prometheus(during=during, after=after))
    assert not seen.is_well
    assert seen.complaint.startswith(complaint)


async def test_a_fault_that_cannot_be_caused_is_said_and_nobody_waits_for_it() -> None:
    seen = await _seen(_Prometheus(during=[]), strike=_fails)
    assert not seen.is_well
    assert seen.complaint.endswith("no such server")
