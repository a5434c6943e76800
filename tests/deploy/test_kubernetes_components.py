"""What an installation may take in addition: another gateway, traces."""

from typing import Any
from urllib.parse import urlsplit

from tests.deploy.manifests import Build, Manifest, build, build_with


def _ingress_paths(built: Build) -> dict[str, tuple[str, int]]:
    """Which Service each path leads to, and its port's number."""
    ports = {name: each["spec"]["ports"][0]["port"] for name, each in built.of_kind("Service").items()}
    services = {
        path["path"]: path["backend"]["service"]["name"]
        for ingress in built.of_kind("Ingress").values()
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    return {path: (service, ports[service]) for path, service in services.items()}


def _route_rules(built: Build) -> list[dict[str, Any]]:
    return [rule for route in built.of_kind("HTTPRoute").values() for rule in route["spec"]["rules"]]


def test_the_gateway_leads_every_path_where_ingress_nginx_does() -> None:
    built = build_with("gateway")
    led = {
        match["path"]["value"]: (rule["backendRefs"][0]["name"], rule["backendRefs"][0]["port"])
        for rule in _route_rules(built)
        for match in rule["matches"]
    }
    assert led == _ingress_paths(build("small"))
    assert not built.of_kind("Ingress")


def test_the_gateway_is_the_portals_and_takes_these_routes() -> None:
    built = build_with("gateway")
    [(name, gateway)] = built.of_kind("Gateway").items()
    [listener] = gateway["spec"]["listeners"]
    [tls] = build("small").of_kind("Ingress")["pages"]["spec"]["tls"]
    assert ([listener["hostname"]], listener["tls"]["certificateRefs"][0]["name"]) == (tls["hosts"], tls["secretName"])
    for route in built.of_kind("HTTPRoute").values():
        assert route["spec"]["hostnames"] == [listener["hostname"]]
        assert route["spec"]["parentRefs"] == [{"name": name}]


def test_the_gateway_cuts_nobody_off_holds_no_file_back_and_writes_of_nobody() -> None:
    built = build_with("gateway")
    asked = [rule for rule in _route_rules(built) if rule["backendRefs"][0]["name"] != "nobody"]
    assert {rule["timeouts"]["request"] for rule in asked} == {"0s"}
    [policy] = built.of_kind("BackendTrafficPolicy").values()
    assert [each["name"] for each in policy["spec"]["targetRefs"]] == ["pages"]
    assert policy["spec"]["requestBuffer"]["limit"] == "1Mi"
    [gateway] = built.of_kind("Gateway").values()
    proxy = built.of_kind("EnvoyProxy")[gateway["spec"]["infrastructure"]["parametersRef"]["name"]]
    assert proxy["spec"]["telemetry"]["accessLog"] == {"disable": True}


def test_the_gateways_pods_are_let_in_and_ingress_nginx_no_more() -> None:
    [rule] = build_with("gateway").of_kind("NetworkPolicy")["from-gateway"]["spec"]["ingress"]
    [peer] = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "envoy-gateway-system"}


def test_traces_go_from_all_four_to_the_collector_that_is_named() -> None:
    built = build_with("tracing")
    policy: Manifest = built.of_kind("NetworkPolicy")["to-collector"]
    [rule] = policy["spec"]["egress"]
    [peer] = rule["to"]
    for pod in built.pods().values():
        endpoint = urlsplit(pod.env["OTEL_EXPORTER_OTLP_ENDPOINT"])
        assert endpoint.netloc == policy["metadata"]["annotations"]["connect-documents/destination"]
        assert [each["port"] for each in rule["ports"]] == [endpoint.port]
        name, _, namespace = (endpoint.hostname or "").partition(".")
        assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
        assert pod.is_selected(policy["spec"]["podSelector"])
