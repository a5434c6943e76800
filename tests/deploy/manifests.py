"""The manifests of deploy/kubernetes as `kubectl kustomize` builds them, and what the tests ask of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from chassis.settings import ServiceSettings

from deploy.configuration import SERVICES

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OBSERVABILITY = KUBERNETES.with_name("observability")
OVERLAYS = ("small", "large")
COMPONENTS = ("gateway", "tracing", "operator")
FULL = 10_000_000
"""As many documents fill an installation: see `docs/scaling.md`."""
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Build:
    """One overlay, built."""

    manifests: tuple[Manifest, ...]

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        """All of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.manifests if each["kind"] == kind}

    def pods(self) -> dict[str, Pod]:
        """The four services' pods, by the service's name."""
        return {
            name: Pod(name, each["spec"]["template"], self.of_kind("ConfigMap"))
            for name, each in self.of_kind("Deployment").items()
        }

    def commands(self) -> dict[str, Pod]:
        """The pods of the operator's commands, by the CronJob's name."""
        return {
            name: Pod("connect-ops", each["spec"]["jobTemplate"]["spec"]["template"], self.of_kind("ConfigMap"))
            for name, each in self.of_kind("CronJob").items()
        }


@dataclass(frozen=True)
class Pod:
    """A Deployment's or a command's pod, of one container."""

    service: str
    template: Manifest
    config_maps: Mapping[str, Manifest]

    @property
    def spec(self) -> Manifest:
        spec: Manifest = self.template["spec"]
        return spec

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def container(self) -> Manifest:
        [container] = self.spec["containers"]
        assert isinstance(container, dict)
        return container

    @property
    def settings(self) -> type[ServiceSettings]:
        return SERVICES[self.service]

    @property
    def prefix(self) -> str:
        return f"{self.service.replace('-', '_').upper()}_"

    @property
    def env(self) -> dict[str, str]:
        """What its environment holds."""
        shared = [self.config_maps[each["configMapRef"]["name"]]["data"] for each in self.container["envFrom"]]
        own = {each["name"]: each["value"] for each in self.container["env"]}
        return {name: value for data in (*shared, own) for name, value in data.items()}

    def mounts(self) -> Iterator[tuple[Path, Manifest]]:
        """Where each volume is mounted."""
        volumes = {each["name"]: each for each in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            yield Path(mount["mountPath"]), volumes[mount["name"]]

    def secret_keys(self) -> set[str]:
        """The settings that come as files of a Secret."""
        [keys] = [
            {item["key"] for item in volume["secret"]["items"]}
            for path, volume in self.mounts()
            if str(path) == self.env["SECRETS_DIR"]
        ]
        return keys

    @property
    def ports(self) -> dict[str, int]:
        return {each["name"]: each["containerPort"] for each in self.container["ports"]}

    def is_selected(self, selector: Manifest) -> bool:
        """Whether a label selector takes it."""
        labels, expressions = selector.get("matchLabels", {}), selector.get("matchExpressions", ())
        assert all(each["operator"] == "In" for each in expressions)
        return labels.items() <= self.labels.items() and all(
            self.labels.get(each["key"]) in each["values"] for each in expressions
        )


@cache
def build(overlay: str) -> Build:
    """The overlay, as it would be applied."""
    return _kustomize(KUBERNETES / "overlays" / overlay)


@cache
def build_with(component: str, *, overlay: str = "small") -> Build:
    """The overlay with a component, as somebody's own has them."""
    with tempfile.TemporaryDirectory() as folder:
        # What kustomize is pointed at must be written relative, and it doesn't follow links.
        here = Path(folder).resolve()
        own = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(KUBERNETES / "overlays" / overlay, here)],
            "components": [os.path.relpath(KUBERNETES / "components" / component, here)],
        }
        (here / "kustomization.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
        return _kustomize(here)


def large_stream() -> int:
    """The GiB beyond which the alert says that a stream is large."""
    rules = (OBSERVABILITY / "alerts.yml").read_text(encoding="utf-8")
    [bound] = re.findall(r"connect_stream_bytes\) > (\d+) \* 1024 \* 1024 \* 1024$", rules, re.MULTILINE)
    return int(bound)


def _kustomize(folder: Path) -> Build:
    built = subprocess.run(
        [Path(sys.executable).parent / "kubectl", "kustomize", folder],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not built.stderr
    return Build(tuple(yaml.safe_load_all(built.stdout)))
