"""Every manifest is what the API server would take; those that only an operator knows are checked against ours."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest

from tests.deploy.manifests import COMPONENTS, OVERLAYS, Build, Manifest, build, build_with

_SCHEMAS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("schemas/*.json")
}
# The oldest cluster that is promised in the README, and the newest there is.
_VERSIONS = ("1.29", "1.37")


def _check(manifest: Manifest, version: str) -> bool:
    """Whether Kubernetes itself knows the kind. Raises ValidationError; KeyError for a kind that nobody knows."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        jsonschema.validate(manifest, _SCHEMAS[manifest["kind"]])
        return False
    return True


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_manifest_is_valid(built: Build, version: str) -> None:
    for manifest in built.manifests:
        _check(manifest, version)


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_component_makes_of_it_is_valid(component: str, overlay: str) -> None:
    for manifest in build_with(component, overlay=overlay).manifests:
        _check(manifest, _VERSIONS[-1])


@pytest.mark.parametrize(
    ("overlay", "kinds"),
    [
        ("small", {"ServiceMonitor", "PrometheusRule"}),
        ("large", {"ServiceMonitor", "PrometheusRule", "ScaledObject"}),
    ],
)
def test_only_these_kinds_are_checked_against_schemas_of_ours(
    overlay: str, kinds: set[str], tell: Callable[[str], None]
) -> None:
    ours = [each for each in build(overlay).manifests if not _check(each, _VERSIONS[-1])]
    assert {each["kind"] for each in ours} == kinds
    for each in ours:
        tell(f"{overlay}: {each['kind']} {each['metadata']['name']} checked against a schema of ours")


def test_both_overlays_are_made_of_the_same_kinds_but_for_keda() -> None:
    small, large = ({each["kind"] for each in build(overlay).manifests} for overlay in ("small", "large"))
    assert large - small == {"ScaledObject"}
    assert small >= {
        "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy",
        "ServiceAccount", "ConfigMap", "Namespace", "ServiceMonitor", "PrometheusRule",
    }  # fmt: skip
