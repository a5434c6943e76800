"""One deposit is one trace through all four services, told to a collector over OTLP."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from deploy.local.plan import SERVICES
from tests.support.eventually import eventually
from tests.support.people import signed_in
from tests.support.running import EVERYTHING, RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """Takes OTLP over HTTP; `spans` are the names of each trace's steps, by service."""

    def __init__(self) -> None:
        self.spans: Mapping[str, Mapping[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector._take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.trace_id.hex()][named["service.name"]].add(span.name)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningStack]:
    """The whole platform, told where the collector is."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    running = RunningStack(tmp_path_factory.mktemp("traced"), only=EVERYTHING)
    running.start()
    try:
        yield running
    finally:
        running.stop()


async def test_a_deposit_is_one_trace_through_all_four_services(traced: RunningStack, collector: Collector) -> None:
    wanted = {
        "upload": {"PATCH /uploads/{document}", "handle upload-settlement"},
        "ged-mover": {"handle ged-mover-moves", "handle ged-mover-cleanup"},
        "notify": {"handle notify-digests", "handle notify-wake-digest"},
        "catalog": {"handle catalog-projection-g1", "handle catalog-audit"},
    }
    assert wanted.keys() == set(SERVICES)
    parent = {"traceparent": f"00-{_TRACE}-00f067aa0ba902b7-01"}
    async with httpx.AsyncClient(timeout=30) as http:
        depositor = await signed_in("earl-du-chene", stack=traced, http=http)
        http.headers.update(parent)
        await depositor.tus.deposit(invoice("trace"), to=Deposit(size=1))

    def missing() -> dict[str, set[str]]:
        seen = collector.spans[_TRACE]
        return {service: steps - seen[service] for service, steps in wanted.items() if steps - seen[service]}

    await eventually(lambda: not missing(), within=30)
