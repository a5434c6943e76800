"""When a process is traced, and what it costs when it is not."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from chassis.tracing import _Tracing, span, start_tracing, traceparent

_ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    # Nobody takes what is left.
    _Tracing.provider = None


@pytest.mark.parametrize("env", [{}, {**_ON, "OTEL_SDK_DISABLED": "true"}, {**_ON, "OTEL_TRACES_EXPORTER": "none"}])
def test_nothing_is_traced_unless_the_variables_ask_for_it(env: dict[str, str]) -> None:
    start_tracing(service="test", env=env)
    with span("step", parent=_PARENT) as step:
        assert (step, traceparent()) == (None, None)


def test_a_process_that_is_not_traced_loads_nothing_for_it() -> None:
    asked = "import sys, chassis.service, chassis.tracing as t; t.start_tracing(service='x', env={});"
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf")
    told = f"print([name for name in sys.modules if name.startswith({heavy})])"
    run = subprocess.run([sys.executable, "-c", asked + told], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_start_without_the_libraries_says_which_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    start_tracing(service="test", env={})
    with pytest.raises(SystemExit) as ended:
        start_tracing(service="test", env=_ON)
    assert str(ended.value).startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")
    assert "requirements/tracing.txt" in str(ended.value)


def test_what_goes_on_from_a_step_is_of_the_trace_it_came_with() -> None:
    start_tracing(service="test", env=_ON)
    assert traceparent() is None
    with span("outer", parent=_PARENT):
        outer = traceparent() or ""
        with span("inner"):
            inner = traceparent() or ""
    assert outer.split("-")[1] == inner.split("-")[1] == _PARENT.split("-")[1]
    assert len({_PARENT, outer, inner}) == 3
    assert traceparent() is None


def test_one_that_is_no_parent_begins_a_trace() -> None:
    start_tracing(service="test", env=_ON)
    with span("step", parent="nonsense"):
        assert (traceparent() or "").startswith("00-")
