"""Prometheus in a cluster is given the alerts, and the metrics as the services tell them."""

import yaml
from chassis.metrics import DEAD_LETTERS

from deploy.observability.rules import ALERTS, MANIFEST, manifest
from tests.deploy.manifests import Build

# What the Prometheus Operator tells of a target in its series' labels, beside `job` and `instance`.
_OF_THE_TARGET = {"namespace", "service", "pod", "container", "endpoint"}


def test_the_clusters_alerts_are_as_they_are_made() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == manifest(), (
        "deploy/kubernetes/base/alerts.yaml is stale: `make dashboards`"
    )


def test_a_cluster_has_the_alerts_of_everywhere_else(built: Build) -> None:
    [rules] = built.of_kind("PrometheusRule").values()
    assert rules["spec"] == yaml.safe_load(ALERTS.read_text(encoding="utf-8"))


def test_whose_the_dead_letters_are_is_not_overwritten_by_who_tells_of_them(built: Build) -> None:
    assert _OF_THE_TARGET & set(DEAD_LETTERS._labelnames) == {"service"}
    [monitor] = built.of_kind("ServiceMonitor").values()
    assert [endpoint["honorLabels"] for endpoint in monitor["spec"]["endpoints"]] == [True]
