"""A service reaches what its settings name, and nothing else."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.deploy.manifests import Build, Manifest, Pod

_DESTINATION = "connect-documents/destination"
_PORTS = {"https": 443}
# Names of the portal for browsers, and the catalog's for its own keys: nobody connects to these.
_ONLY_NAMES = {"PUBLIC_URL", "PORTAL_URL", "AUTH__ISSUER"}


def _named(pod: Pod) -> Iterator[str]:
    """host:port of all that its settings name."""
    yield "mongo.connect-servers:27017"  # its address is part of a secret
    for name, value in pod.env.items():
        setting, url = name.removeprefix(pod.prefix), urlsplit(value)
        if setting == "SMTP__HOST":
            yield f"{value}:{pod.env[f'{pod.prefix}SMTP__PORT']}"
        elif url.scheme and url.hostname and setting not in _ONLY_NAMES:
            yield f"{url.hostname}:{url.port or _PORTS[url.scheme]}"


def _egress(built: Build) -> dict[str, Manifest]:
    """The policies that let somebody out to a named destination, by it."""
    policies = built.of_kind("NetworkPolicy").values()
    named = [each for each in policies if _DESTINATION in each["metadata"].get("annotations", {})]
    found = {each["metadata"]["annotations"][_DESTINATION]: each["spec"] for each in named}
    assert len(found) == len(named)
    return found


def test_each_service_reaches_what_its_settings_name_and_nothing_else(pod: Pod, built: Build) -> None:
    allowed = {name for name, spec in _egress(built).items() if pod.is_selected(spec["podSelector"])}
    assert allowed == {name for name in _named(pod) if name.partition(":")[0] != pod.service}


def test_a_policy_opens_what_it_is_named_for(built: Build) -> None:
    for destination, spec in _egress(built).items():
        host, _, port = destination.partition(":")
        [rule] = spec["egress"]
        [peer] = rule["to"]
        [opened] = rule["ports"]
        name, _, namespace = host.partition(".")
        if host.endswith(".example.org"):
            assert peer["ipBlock"]["cidr"].endswith("/32")
        else:
            assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
            assert ("namespaceSelector" in peer) == bool(namespace)
        if namespace and "namespaceSelector" in peer:
            assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == namespace
        number = built.pods()[name].ports[opened["port"]] if isinstance(opened["port"], str) else opened["port"]
        assert (opened["protocol"], number) == ("TCP", int(port))


def test_all_else_is_closed(built: Build) -> None:
    policies = built.of_kind("NetworkPolicy")
    assert policies.pop("nothing-else")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    unnamed = {name for name, each in policies.items() if _DESTINATION not in each["metadata"].get("annotations", {})}
    assert unnamed == {"to-names", "from-gateway", "from-prometheus", "from-upload"}
    [names] = policies["to-names"]["spec"]["egress"]
    assert [each["port"] for each in names["ports"]] == [53, 53]
    # The cluster's own names, and those of its nodes' caches.
    assert [each["ipBlock"]["cidr"] for each in names["to"] if "ipBlock" in each] == ["169.254.20.10/32"]
    assert names["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def _let_in(built: Build, policy: str) -> set[str]:
    spec = built.of_kind("NetworkPolicy")[policy]["spec"]
    assert [port["port"] for rule in spec["ingress"] for port in rule["ports"]] == ["http"]
    return {name for name, pod in built.pods().items() if pod.is_selected(spec["podSelector"])}


def test_each_lets_in_who_has_something_to_ask(built: Build) -> None:
    backends = {
        path["backend"]["service"]["name"]
        for ingress in built.of_kind("Ingress").values()
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    assert _let_in(built, "from-gateway") == backends - {"nobody"}
    assert _let_in(built, "from-prometheus") == built.pods().keys()
    assert _let_in(built, "from-upload") == {"catalog"}
    [rule] = built.of_kind("NetworkPolicy")["from-upload"]["spec"]["ingress"]
    asking = {name for name, pod in built.pods().items() if pod.is_selected(rule["from"][0]["podSelector"])}
    assert asking == {name for name, pod in built.pods().items() if "catalog:8080" in _named(pod)} - {"catalog"}
