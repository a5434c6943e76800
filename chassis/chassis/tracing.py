"""OpenTelemetry traces, off unless the standard variables ask for them.

On where OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and neither OTEL_SDK_DISABLED=true
nor OTEL_TRACES_EXPORTER=none. Its libraries are imported only then. Spans name routes, subscriptions and events, and
nobody.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from os import environ
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

TRACEPARENT = "traceparent"
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class _Tracing:
    provider: "TracerProvider | None" = None


def start_tracing(*, service: str, env: Mapping[str, str] = environ) -> None:
    """Trace this process where `env` asks for it.

    Raises SystemExit with `tracing_fault`."""
    if fault := tracing_fault(env):
        raise SystemExit(fault)
    if not _asked(env):
        return
    # Here and below: only a process that traces has these libraries, and pays for them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (where traced)
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (where traced)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (where traced)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 (where traced)

    named = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": service}
    _Tracing.provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    _Tracing.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def tracing_fault(env: Mapping[str, str] = environ) -> str | None:
    """What is wrong where `env` asks for traces, in a line that begins with the variable's name."""
    asked = _asked(env)
    if asked is None or _has_libraries():
        return None
    return f"{asked}: traces need what requirements/tracing.txt names; an image is built with TRACING=yes for them"


def stop_tracing() -> None:
    """Send what is left."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
        _Tracing.provider = None


@contextmanager
def span(name: str, *, parent: str | None = None, **attributes: str) -> Iterator["Span | None"]:
    """One step of a trace: under `parent` (a W3C traceparent) where that is one, else under the step at work."""
    if _Tracing.provider is None:
        yield None
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 (where traced)

    context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}) if parent else None
    # An error's message may hold what is personal: its type is in the logs.
    with _Tracing.provider.get_tracer("chassis").start_as_current_span(
        name, context=context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as step:
        yield step


def traceparent() -> str | None:
    """The step at work, for whoever goes on from here; None while nothing is traced."""
    if _Tracing.provider is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 (where traced)

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT)


def _asked(env: Mapping[str, str]) -> str | None:
    """The variable that asks for traces, where none turns them off."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return next((name for name in _ENDPOINTS if env.get(name)), None)


def _has_libraries() -> bool:
    try:
        return find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False  # nor a package above it
