"""Grafana's dashboards: `python -m deploy.observability.dashboards` writes grafana/*.json.

One a service, and `journey`, a deposit's way from left to right."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("grafana")
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _ROW = 24, 8
_METRIC = re.compile(r"\b(up|(?:connect|process)_\w+)\b(\{\}|\{)?")
# Installations of a cluster. Without that label there is none to choose, and `.*` takes what has none.
_NAMESPACE = {
    "name": "namespace",
    "type": "query",
    "datasource": _DATASOURCE,
    "query": 'label_values(up{job=~"upload|catalog|notify|ged-mover"}, namespace)',
    "refresh": 2,
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"text": "All", "value": "$__all"},
}


@dataclass(frozen=True)
class Panel:
    """Lines over time; each query with its legend. `unit` is Grafana's."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"


def _rate(counter: str, by: str) -> str:
    return f"sum by ({by}) (rate({counter}[$__rate_interval]))"


def _quantile(share: float, histogram: str, *, by: str = "", where: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{where}}}[$__rate_interval])))"


def _since(timestamp: str) -> str:
    """Seconds since then; nothing where it is 0, for not yet."""
    return f"time() - max({timestamp} > 0)"


# Requests whose body is a file's bytes: a deposit is closed by a POST too, which has none.
_WITH_BYTES = 'job="upload", method=~"POST|PATCH", route=~"/uploads(/[^/]+)?"'


def _took(title: str, subscription: str, event: str) -> Panel:
    """From an event's publication until one subscription's work on it is done."""
    where = f'subscription="{subscription}", event="{event}"'
    return Panel(
        title,
        [(_quantile(share, "connect_effect_seconds", where=where), f"{share:.0%}") for share in (0.5, 0.95)],
        unit="s",
    )


# Four steps from left to right; each row asks the same question of all of them.
JOURNEY = (
    Panel("1 · Received: files a second", [(_rate("connect_uploads_finished_total", "outcome"), "{{outcome}}")]),
    Panel(
        "2 · Archived: moves a second",
        [
            (
                'sum by (outcome) (rate(connect_handled_total{subscription="ged-mover-moves"}[$__rate_interval]))',
                "{{outcome}}",
            )
        ],
    ),
    Panel("3 · Told: mails a second", [(_rate("connect_mails_total", "outcome"), "{{outcome}}")]),
    Panel(
        "4 · Listed: events a second",
        [('sum by (event) (rate(connect_handled_total{job="catalog"}[$__rate_interval]))', "{{event}}")],
    ),
    Panel(
        "1 · Requests that carry bytes",
        [
            (_quantile(share, "connect_http_request_seconds", where=_WITH_BYTES), f"{share:.0%}")
            for share in (0.5, 0.95)
        ],
        unit="s",
    ),
    _took("2 · Deposit to archive", "ged-mover-moves", "deposited"),
    _took("3 · Deposit to digest", "notify-digests", "deposited"),
    Panel(
        "4 · Event to list",
        [
            (_quantile(share, "connect_effect_seconds", where='subscription=~"catalog-projection-.*"'), f"{share:.0%}")
            for share in (0.5, 0.95)
        ],
        unit="s",
    ),
    *(
        Panel(
            f"{number} · Oldest unfinished",
            [(f'max by (of) (connect_oldest_unfinished_seconds{{job="{job}"}})', "{{of}}")],
            unit="s",
        )
        for number, job in enumerate(("upload", "ged-mover", "notify", "catalog"), 1)
    ),
    *(
        Panel(
            f"{number} · Waiting messages",
            [(f'max by (subscription) (connect_consumer_lag{{job="{job}"}})', "{{subscription}}")],
        )
        for number, job in enumerate(("upload", "ged-mover", "notify", "catalog"), 1)
    ),
    Panel("Dead letters", [("max by (service) (connect_dead_letters) or vector(0)", "{{service}}")]),
    Panel("Oldest event owed", [("max by (job) (connect_owed_oldest_seconds)", "{{job}}")], unit="s"),
    Panel("Waits for what is down", [("max by (subscription) (connect_consumer_suspended)", "{{subscription}}")]),
    Panel("Streams", [("max by (stream) (connect_stream_bytes)", "{{stream}}")], unit="bytes"),
)


def _of_every_service(job: str) -> tuple[Panel, ...]:
    here = f'job="{job}"'
    return (
        Panel("Replicas that answer", [(f"sum by (job) (up{{{here}}})", "up")]),
        Panel("Dependencies", [(f"min by (dependency) (connect_dependency_up{{{here}}})", "{{dependency}}")]),
        Panel("Memory", [(f"process_resident_memory_bytes{{{here}}}", "{{instance}}")], unit="bytes"),
        Panel("Processor", [(f"rate(process_cpu_seconds_total{{{here}}}[$__rate_interval])", "{{instance}}")]),
        Panel(
            "Messages handled a second",
            [
                (
                    f"sum by (subscription, outcome) (rate(connect_handled_total{{{here}}}[$__rate_interval]))",
                    "{{subscription}} {{outcome}}",
                )
            ],
        ),
        Panel(
            "Handlers, 95 %",
            [(_quantile(0.95, "connect_handle_seconds", by="subscription", where=here), "{{subscription}}")],
            unit="s",
        ),
        Panel("Lag", [(f"max by (subscription) (connect_consumer_lag{{{here}}})", "{{subscription}}")]),
        Panel(
            "Oldest unfinished", [(f"max by (of) (connect_oldest_unfinished_seconds{{{here}}})", "{{of}}")], unit="s"
        ),
        Panel("Events owed", [(f"max by (state) (connect_owed_events{{{here}}})", "{{state}}")]),
        Panel(
            "Requests a second",
            [(f"sum by (status) (rate(connect_http_requests_total{{{here}}}[$__rate_interval]))", "{{status}}")],
        ),
        Panel(
            "Requests, 95 %",
            [(_quantile(0.95, "connect_http_request_seconds", by="route", where=here), "{{route}}")],
            unit="s",
        ),
        Panel(
            "Publications a second",
            [(f"{_rate(f'connect_published_total{{{here}}}', 'outcome')} or vector(0)", "{{outcome}}")],
        ),
    )


def _told_to_wait(job: str) -> Panel:
    limited = _rate(f'connect_limited_total{{job="{job}"}}', "limit, of")
    return Panel("Told to wait", [(f"{limited} or vector(0)", "{{limit}} {{of}}")])


_OWN: dict[str, tuple[Panel, ...]] = {
    "upload": (
        Panel(
            "Bytes a second", [("sum(rate(connect_upload_received_bytes_total[$__rate_interval]))", "received")], "Bps"
        ),
        Panel("Files that came to an end", [(_rate("connect_uploads_finished_total", "outcome"), "{{outcome}}")]),
        Panel(
            "Verdicts of the scanner",
            [(f"{_rate('connect_upload_scans_total', 'outcome')} or vector(0)", "{{outcome}}")],
        ),
        Panel("Scans, 95 %", [(_quantile(0.95, "connect_upload_scan_seconds"), "seconds")], unit="s"),
        Panel("Scanner present", [("min(connect_upload_scanner_present)", "present")]),
        _told_to_wait("upload"),
        Panel(
            "Unreadable records", [("max by (bucket) (connect_bucket_unreadable_entries) or vector(0)", "{{bucket}}")]
        ),
    ),
    "catalog": (
        _told_to_wait("catalog"),
        Panel(
            "Journal's entries",
            [
                ("max(connect_catalog_journal_entries)", "entries"),
                ("max(connect_catalog_journal_sealed_entries)", "sealed"),
            ],
        ),
        Panel("Journal broken", [("max(connect_catalog_journal_broken)", "broken")]),
        Panel("Since the last seal", [(_since("connect_catalog_journal_sealed_timestamp_seconds"), "age")], unit="s"),
        Panel("Since the last check", [(_since("connect_verified_journal_timestamp_seconds"), "age")], unit="s"),
        Panel("Entries checked", [("max(connect_verified_journal_entries)", "entries")]),
    ),
    "notify": (Panel("Mails a second", [(_rate("connect_mails_total", "outcome"), "{{outcome}}")]),),
    "ged-mover": (
        Panel(
            "Bytes to the GED a second",
            [("sum(rate(connect_ged_moved_bytes_total[$__rate_interval]))", "moved")],
            "Bps",
        ),
        Panel("Moves given up", [("sum by (code) (connect_ged_given_up_total) or vector(0)", "{{code}}")]),
        Panel("Moves told to be in trouble", [("sum(connect_ged_overdue_total)", "overdue")]),
    ),
}


def dashboards() -> dict[str, dict[str, Any]]:
    """Each dashboard by its file's name."""
    services = {f"{job}.json": _dashboard(job, (*own, *_of_every_service(job))) for job, own in _OWN.items()}
    return {"journey.json": _dashboard("journey", JOURNEY), **services}


def text(dashboard: dict[str, Any]) -> str:
    """As it is written."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"


def _dashboard(name: str, panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": f"connect-{name}",
        "title": f"Connect Documents · {name}",
        "tags": ["connect-documents"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}, _NAMESPACE]},
        "panels": list(_placed(panels)),
    }


def _chosen(query: str) -> str:
    """The query, of the installations that are chosen."""
    return _METRIC.sub(lambda found: f'{found[1]}{{namespace=~"$namespace"{", " if found[2] == "{" else "}"}', query)


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """Four in a row."""
    width = _WIDTH // 4
    for number, panel in enumerate(panels):
        row, column = divmod(number, 4)
        yield {
            "id": number + 1,
            "type": "timeseries",
            "title": panel.title,
            "datasource": _DATASOURCE,
            "gridPos": {"x": column * width, "y": row * _ROW, "w": width, "h": _ROW},
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "targets": [
                {
                    "refId": chr(ord("A") + place),
                    "datasource": _DATASOURCE,
                    "expr": _chosen(query),
                    "legendFormat": legend,
                }
                for place, (query, legend) in enumerate(panel.queries)
            ],
        }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, dashboard in dashboards().items():
        (FOLDER / name).write_text(text(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
