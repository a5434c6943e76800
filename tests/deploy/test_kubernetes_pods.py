"""Ports, probes, times and rights of the pods are those that the services have."""

import asyncio
from pathlib import Path

from catalog.http import PING_SECONDS
from chassis.configuration import variables
from chassis.health import health_routes
from chassis.service import DRAIN_SECONDS
from fastapi.routing import APIRoute
from upload.inspection import MEMORY
from upload.inspector import PROCESSES
from upload.intake import VERDICT_SECONDS

from tests.deploy.manifests import Build, Manifest, Pod

MIB = 1024 * 1024
_SIZES = {"Mi": MIB, "Gi": 1024 * MIB, "m": MIB}


def _bytes(quantity: str) -> int:
    number = quantity.rstrip("MGim")
    return int(number) * _SIZES[quantity.removeprefix(number)]


def _health_paths() -> set[str]:
    return {route.path for route in health_routes({}, asyncio.Event()).routes if isinstance(route, APIRoute)}


def _default(pod: Pod, setting: str) -> str:
    [variable] = [each for each in variables(pod.settings) if each.name == f"{pod.prefix}{setting}"]
    assert variable.default is not None
    return pod.env.get(variable.name, variable.default)


def test_there_is_a_pod_a_service_and_no_other(built: Build) -> None:
    assert built.pods().keys() == {"upload", "catalog", "notify", "ged-mover"}
    for name, pod in built.pods().items():
        assert pod.labels["app.kubernetes.io/name"] == name
        assert pod.spec["serviceAccountName"] == name
        assert pod.container["image"] == f"connect-documents/{name}:1.0.0"


def test_the_service_listens_where_it_is_asked(pod: Pod, built: Build) -> None:
    assert pod.ports == {"http": int(pod.env[f"{pod.prefix}PORT"])}
    assert pod.env[f"{pod.prefix}HOST"] == "0.0.0.0"  # noqa: S104 (a pod's own network)
    service = built.of_kind("Service")[pod.service]
    assert pod.is_selected({"matchLabels": service["spec"]["selector"]})
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["http"]


def test_nobody_is_sent_where_no_port_is(built: Build) -> None:
    ports = {
        name: {port["name"]: port["port"] for port in each["spec"]["ports"]}
        for name, each in built.of_kind("Service").items()
    }
    for ingress in built.of_kind("Ingress").values():
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            service = path["backend"]["service"]
            assert service["port"]["name"] in ports[service["name"]]
    # Intake asks the catalog's Service for the public keys.
    assert built.pods()["upload"].env["UPLOAD_AUTH__JWKS_URL"].startswith(f"http://catalog:{ports['catalog']['http']}/")


def test_probes_ask_what_the_service_answers(pod: Pod) -> None:
    probes = {name: pod.container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["path"] for probe in probes.values()} <= _health_paths()
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert probes["startup"]["path"] == probes["liveness"]["path"] == "/livez"
    answers_people = pod.service in ("upload", "catalog")
    assert probes["readiness"]["path"] == ("/servingz" if answers_people else "/readyz")


def test_prometheus_asks_all_four(built: Build) -> None:
    [monitor] = built.of_kind("ServiceMonitor").values()
    # The alerts know a job by its service's name.
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/name"
    [wanted] = monitor["spec"]["selector"]["matchExpressions"]
    labels = {name: each["metadata"]["labels"] for name, each in built.of_kind("Service").items()}
    assert {name for name, has in labels.items() if has.get(wanted["key"]) in wanted["values"]} == built.pods().keys()
    for endpoint in monitor["spec"]["endpoints"]:
        assert endpoint["path"] in _health_paths()
        assert endpoint["port"] == "http"


def test_a_pod_is_given_the_time_to_drain(pod: Pod) -> None:
    wait = float(_default(pod, "DRAIN_WAIT"))
    # The 5 s are what closing the clients may take.
    assert pod.spec["terminationGracePeriodSeconds"] >= wait + DRAIN_SECONDS + 5


def test_a_pod_that_gets_requests_leaves_its_service_before_it_ends(built: Build) -> None:
    for service in ("upload", "catalog"):
        pod = built.pods()[service]
        assert float(_default(pod, "DRAIN_WAIT")) >= pod.container["readinessProbe"]["periodSeconds"]


def test_a_pod_may_do_nothing_but_its_work(pod: Pod, built: Build) -> None:
    assert pod.spec["automountServiceAccountToken"] is False
    assert built.of_kind("ServiceAccount")[pod.service]["automountServiceAccountToken"] is False
    assert pod.spec["enableServiceLinks"] is False
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    assert pod.spec["securityContext"]["runAsUser"] > 0
    assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (
        built.of_kind("Namespace")["connect"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )


def _volume(pod: Pod, path: str) -> Manifest:
    [volume] = [volume for mounted, volume in pod.mounts() if mounted == Path(path)]
    return volume


def test_what_it_writes_has_a_place(pod: Pod) -> None:
    assert "emptyDir" in _volume(pod, "/tmp")  # noqa: S108 (where Python writes what is temporary)
    if pod.service == "upload":
        scratch = _volume(pod, pod.env["UPLOAD_SCRATCH_DIR"])["emptyDir"]
        assert _bytes(scratch["sizeLimit"]) > int(_default(pod, "SCRATCH_QUOTA"))


def test_the_mover_has_room_for_as_many_of_the_largest_documents_as_it_moves(built: Build) -> None:
    pods = built.pods()
    mover = pods["ged-mover"]
    scratch = _volume(mover, mover.env["GED_MOVER_SCRATCH_DIR"])["emptyDir"]
    assert _bytes(scratch["sizeLimit"]) > int(_default(mover, "MOVES_AT_ONCE")) * int(
        _default(pods["upload"], "MAX_SIZE")
    )


def test_a_whole_file_passes_the_gateway_and_a_form_no_larger_than_one(built: Build) -> None:
    word = "nginx.ingress.kubernetes.io/{}".format
    ingresses = built.of_kind("Ingress")
    largest = {name: each["metadata"]["annotations"][word("proxy-body-size")] for name, each in ingresses.items()}
    assert _bytes(largest["bytes"]) == int(_default(built.pods()["upload"], "MAX_SIZE"))
    assert _bytes(largest["pages"]) == MIB
    assert ingresses["bytes"]["metadata"]["annotations"][word("proxy-request-buffering")] == "off"
    assert ingresses["pages"]["metadata"]["annotations"][word("proxy-buffering")] == "off"
    for each in ingresses.values():
        assert each["metadata"]["annotations"][word("enable-access-log")] == "false"


def test_the_gateway_waits_longer_than_intake_for_a_verdict_and_a_page_for_the_next_sign_of_life(built: Build) -> None:
    waits = {
        name: int(each["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"])
        for name, each in built.of_kind("Ingress").items()
    }
    assert waits["bytes"] > VERDICT_SECONDS
    assert waits["pages"] > PING_SECONDS


def test_what_is_the_clusters_own_is_not_shown_outside(built: Build) -> None:
    paths = {
        path["path"]: path["backend"]["service"]["name"]
        for ingress in built.of_kind("Ingress").values()
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    assert {path for path, service in paths.items() if service == "nobody"} == _health_paths()
    assert "selector" not in built.of_kind("Service")["nobody"]["spec"]
    assert (paths["/"], paths["/uploads"], paths["/uploads/deposits"]) == ("catalog", "upload", "upload")


def test_a_node_is_emptied_one_pod_at_a_time(pod: Pod, built: Build) -> None:
    budget = built.of_kind("PodDisruptionBudget")[pod.service]["spec"]
    assert pod.is_selected(budget["selector"])
    assert budget["maxUnavailable"] == 1
    # While a store is away nobody is ready: that must not keep a node from being emptied.
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    [spread] = pod.spec["topologySpreadConstraints"]
    assert pod.is_selected(spread["labelSelector"])
    assert spread["matchLabelKeys"] == ["app.kubernetes.io/name", "pod-template-hash"]


def test_each_says_what_it_needs(pod: Pod) -> None:
    resources = pod.container["resources"]
    assert resources["requests"].keys() == {"cpu", "memory"}
    assert _bytes(resources["limits"]["memory"]) >= _bytes(resources["requests"]["memory"])


def test_as_many_files_as_are_looked_into_at_once_have_room_beside_the_service(built: Build) -> None:
    resources = built.pods()["upload"].container["resources"]
    assert _bytes(resources["limits"]["memory"]) >= PROCESSES * MEMORY + _bytes(resources["requests"]["memory"])
