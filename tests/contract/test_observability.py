"""Alerts and dashboards ask for what the services tell, and every alert leads to its section of the runbook, which
looks for what they log."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from deploy.local.credentials import load_or_make
from deploy.local.plan import SERVICES, Plan
from deploy.local.render import render_all
from deploy.observability.dashboards import FOLDER, JOURNEY, dashboards, text

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "deploy" / "observability"
_TESTS = ("alerts.test.yml", "alerts.days.test.yml")
_MODULES = ("chassis.metrics", "catalog.metrics", "ged_mover.metrics", "notify.metrics", "upload.metrics")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
# What Prometheus, node_exporter, the kubelet and kube-state-metrics tell, and the labels they have.
_OTHERS: dict[str, set[str]] = {
    "up": set(),
    "node_filesystem_avail_bytes": {"fstype", "mountpoint", "device"},
    "node_filesystem_size_bytes": {"fstype", "mountpoint", "device"},
    "kubelet_volume_stats_available_bytes": {"persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"persistentvolumeclaim"},
    "kube_job_failed": {"job_name", "condition"},
}
# Given to every series by the scrape; `namespace` in a cluster alone.
_TARGET = {"job", "instance", "namespace"}
# The body of the requests that bring a file.
_BYTES = "application/offset+octet-stream"
# What an alert's link to the runbook begins with: an external label of Prometheus.
_DOCS = "{{ $externalLabels.docs }}/"


def _exported() -> dict[str, set[str]]:
    """The name of every series that a service tells, and its labels."""
    found = {
        f"{metric._name}{suffix}": {*metric._labelnames, *(["le"] if suffix == "_bucket" else [])}
        for module in map(importlib.import_module, _MODULES)
        for metric in vars(module).values()
        if isinstance(metric, MetricWrapperBase)
        for suffix in _SUFFIXES[str(metric._type)]
    }
    own = {sample.name: set(sample.labels) for family in REGISTRY.collect() for sample in family.samples}
    return {**{name: labels for name, labels in own.items() if name.startswith("process_")}, **found, **_OTHERS}


def _nodes(node: Any) -> Iterator[Any]:
    """A query's tree."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        if (child := getattr(node, name, None)) is not None and not isinstance(child, str):
            yield from _nodes(child)
    for argument in getattr(node, "args", None) or ():
        yield from _nodes(argument)


def _wrong(query: str) -> list[str]:
    """What a query asks for that nobody tells."""
    exported = _exported()
    nodes = list(_nodes(promql_parser.parse(query)))
    asked = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    names = {str(node.name) for node in asked}
    assert asked or "vector(" in query, query
    unknown = [f"no metric {name}" for name in names - exported.keys()]
    wrong = [
        f"{node.name} has no label {label.name}"
        for node in asked
        if node.name in exported
        for label in node.matchers.matchers
        if label.name not in exported[node.name] | _TARGET
    ]
    known = _TARGET.union(*(exported.get(name, set()) for name in names))
    grouped = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query)
    labels = {label.strip() for group in grouped for label in group.split(",")}
    return [*unknown, *wrong, *(f"none of {sorted(names)} has a label {label}" for label in labels - known)]


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((_FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _anchors(markdown: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("connect_consumer_lag > 1", []),
        ("sum by (le) (rate(connect_handle_seconds_bucket{event='deposited'}[5m]))", []),
        ("connect_consumer_delay", ["no metric connect_consumer_delay"]),
        ("connect_published", ["no metric connect_published"]),
        ("rate(connect_published_total{topic='x'}[5m])", ["connect_published_total has no label topic"]),
        ("1 - max by (queue) (connect_consumer_lag)", ["none of ['connect_consumer_lag'] has a label queue"]),
        ("vector(0) or up and on (job) connect_gone", ["no metric connect_gone"]),
        ("histogram_quantile(0.9, connect_gone_bucket)", ["no metric connect_gone_bucket"]),
    ],
)
def test_a_query_for_what_nobody_tells_is_found(query: str, wrong: list[str]) -> None:
    assert _wrong(query) == wrong


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_the_services_tell(rule: dict[str, Any]) -> None:
    assert _wrong(rule["expr"]) == []


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_section_of_the_runbook(rule: dict[str, Any]) -> None:
    url = rule["annotations"]["runbook_url"]
    assert url.startswith(_DOCS)
    page, _, anchor = url.removeprefix(_DOCS).partition("#")
    assert anchor in _anchors((_ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_named_among_the_symptoms_of_its_section(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].removeprefix(_DOCS).partition("#")
    sections = re.split(r"^#+ ", (_ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    [section] = [each for each in sections[1:] if _anchors(f"# {each}") & {anchor}]
    [symptom] = re.findall(r"^- \*\*Symptom\*\*.*?(?=^- \*\*)", section, re.MULTILINE | re.DOTALL)
    assert f"`{rule['alert']}`" in symptom


def test_the_runbook_looks_in_the_logs_for_what_is_logged() -> None:
    runbook = (_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    patterns = re.findall(r"grep (?:-\w+ )?'?([a-z_(|)]+)'? \.run/logs", runbook)
    files = (*(_ROOT / "chassis" / "chassis").glob("*.py"), *(_ROOT / "services").glob("*/*/*.py"))
    sources = "".join(file.read_text(encoding="utf-8") for file in files if file.parent.name != "tests")
    words = {word for pattern in patterns for word in _words(pattern)}
    assert {"request_failed", "message_buried", "mail_put_off"} <= words
    # The catalog's sealer puts some together, of the step and what became of it.
    made = {
        f"{step}_unavailable" for step in re.findall(r'_try\("(\w+)"', sources) if '"{what}_unavailable"' in sources
    }
    assert {word for word in words - made if f'"{word}"' not in sources} == set()


def _words(pattern: str) -> Iterator[str]:
    """What a pattern of words and choices among them stands for."""
    if choice := re.search(r"\(([a-z_|]+)\)", pattern):
        for each in choice[1].split("|"):
            yield from _words(pattern.replace(choice[0], each, 1))
    else:
        yield from pattern.split("|")


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_tells_the_installations_of_a_cluster_apart(rule: dict[str, Any]) -> None:
    folded = re.findall(r"\b(?:sum|min|max|count|group)\b(?!\s*by\b)", rule["expr"])
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", rule["expr"])
    assert folded == []
    # absent() has the labels that were asked for, so what nobody is scraped for at all is of no installation.
    assert [labels for labels in grouped if "namespace" not in labels] == (
        ["job"] if rule["alert"] == "ServiceMissing" else []
    )


@pytest.mark.needs("promtool")
def test_the_alerts_fire_as_their_tests_say() -> None:
    run = subprocess.run(
        ["promtool", "test", "rules", *_TESTS], cwd=_FOLDER, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _queries() -> Iterator[Any]:
    for name in dashboards():
        shown = json.loads((FOLDER / name).read_text(encoding="utf-8"))
        for panel in shown["panels"]:
            for target in panel["targets"]:
                yield pytest.param(target["expr"].replace("$__rate_interval", "1m"), id=f"{name} {panel['title']}")


def test_the_dashboards_are_as_they_are_made() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == {
        name: text(dashboard) for name, dashboard in dashboards().items()
    }, "deploy/observability/grafana is stale: `make dashboards`"


def test_there_is_a_dashboard_a_service_and_one_of_the_journey() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*SERVICES, "journey"}


@pytest.mark.parametrize("query", list(_queries()))
def test_a_dashboard_asks_for_what_the_services_tell(query: str) -> None:
    assert _wrong(query) == []


def test_what_has_not_happened_yet_is_no_time_ago() -> None:
    queries = [*(query.values[0] for query in _queries()), *(rule["expr"] for rule in _rules())]
    since = [
        query for query in queries if isinstance(query, str) and re.search(r"time\(\) - .*_timestamp_seconds", query)
    ]
    assert since
    assert [query for query in since if re.search(r"_timestamp_seconds(?!(?:\{[^}]*\})? > 0)", query)] == []


def test_the_journeys_first_durations_are_of_the_requests_that_carry_bytes() -> None:
    [panel] = [panel for panel in JOURNEY if panel.title == "1 · Requests that carry bytes"]
    method, route = re.findall(r'(?:method|route)=~"([^"]*)"', panel.queries[0][0])
    described = json.loads((_ROOT / "docs" / "openapi" / "upload.json").read_text(encoding="utf-8"))["paths"]
    operations = [(path, verb, operation) for path, verbs in described.items() for verb, operation in verbs.items()]
    with_bytes = {
        (path, verb) for path, verb, each in operations if _BYTES in each.get("requestBody", {}).get("content", {})
    }
    asked = {
        (path, verb) for path, verb, _ in operations if re.fullmatch(route, path) and re.fullmatch(method, verb.upper())
    }
    assert asked == with_bytes


@pytest.mark.parametrize("query", list(_queries()))
def test_a_dashboard_shows_the_installations_that_are_chosen(query: str) -> None:
    selectors = [each for each in _nodes(promql_parser.parse(query)) if isinstance(each, promql_parser.VectorSelector)]
    chosen = [[(each.name, each.value) for each in selector.matchers.matchers] for selector in selectors]
    assert [matchers for matchers in chosen if ("namespace", "$namespace") not in matchers] == []


@pytest.mark.needs("promtool")
def test_every_query_of_the_dashboards_is_one_for_prometheus(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query.values[0]} for number, query in enumerate(_queries())]
    written = tmp_path / "queries.yml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    run = subprocess.run(["promtool", "check", "rules", str(written)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_a_test() -> None:
    tests = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in _TESTS)
    assert [rule["alert"] for rule in _rules() if rule["alert"] not in tests] == []


@pytest.mark.needs("promtool")
def test_the_local_stacks_scrape_configuration_names_every_replica(tmp_path: Path) -> None:
    plan = Plan(run_dir=tmp_path, port_base=21000, replicas={"upload": 2})
    for folder in (plan.etc, plan.secrets):
        folder.mkdir()
    render_all(plan, load_or_make(plan))
    subprocess.run(["promtool", "check", "config", "prometheus.yml"], cwd=plan.etc, capture_output=True, check=True)
    written = yaml.safe_load((plan.etc / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in written["scrape_configs"]}
    assert targets.keys() == {*SERVICES, "node"}
    assert targets["upload"] == ["127.0.0.1:21020", "127.0.0.1:21021"]
    assert written["global"]["external_labels"] == {"docs": (_ROOT / "docs").as_uri()}
