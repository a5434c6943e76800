"""What is written of the servers goes with what is written of the services."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from contracts.streams import AUDIT, DOCUMENTS

from deploy.accounts import PASSWORDS, accounts_of
from deploy.local.provision_mongo import AUDIT_DATABASE
from tests.deploy.manifests import FULL, KUBERNETES, Pod, build, large_stream

_GIB = 1024**3
# Of the free space of its volume mongod's oplog takes as much, unless it is told otherwise.
_OPLOG = 0.05
# GiB of cache for as many documents: docs/performance.md, *Growth*, on the local stack.
_MEASURED = (0.5, 1_000_000)


def _read(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / "servers" / f"{name}.yaml").read_text(encoding="utf-8"))


def test_nats_is_three_and_forgets_nothing_it_acknowledged() -> None:
    config = _read("nats")["config"]
    assert config["cluster"] == {"enabled": True, "replicas": 3}
    assert config["jetstream"]["enabled"]
    assert config["jetstream"]["merge"] == {"sync_interval": "always"}


def test_nats_finds_the_accounts_from_where_the_chart_puts_its_configuration(tmp_path: Path) -> None:
    values = _read("nats")
    [mount] = [patch["value"] for patch in values["container"]["patch"]]
    accounts = tmp_path / Path(mount["mountPath"]).relative_to("/") / "accounts.conf"
    configuration = tmp_path / "etc" / "nats-config" / "nats.conf"
    for path, text in (
        (accounts, accounts_of(dict.fromkeys(PASSWORDS, "made-up"))),
        (configuration, f"include {values['config']['merge']['$include']};"),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    server = Path(sys.executable).parent / "nats-server"
    checked = subprocess.run([server, "-t", "-c", configuration], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_chart_is_told_of_no_mount_that_it_makes_itself() -> None:
    values = _read("nats")
    [volume] = [patch["value"] for patch in values["podTemplate"]["patch"]]
    [mount] = [patch["value"] for patch in values["container"]["patch"]]
    assert mount["name"] == volume["name"]
    # What is mounted below /etc/ it mounts in the reloader too: a second time the API server refuses the pod.
    assert mount["mountPath"].startswith("/etc/")
    assert not [patch for patch in values.get("reloader", {}).get("patch", ()) if "volumeMounts" in patch["path"]]


def test_the_brokers_volume_is_half_empty_when_an_alert_says_that_its_streams_are_large() -> None:
    without_limit = (DOCUMENTS, AUDIT)
    assert not any(stream.max_age or stream.max_bytes for stream in without_limit)
    size = _read("nats")["config"]["jetstream"]["fileStore"]["pvc"]["size"]
    assert 2 * len(without_limit) * large_stream() <= int(size.removesuffix("Gi"))


def _mongodb_bytes_a_document() -> float:
    """What docs/scaling.md has mongod keep of a document: for good, and while it is young."""
    told = (KUBERNETES.parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
    rows = ("the journal", "records kept for good", "records that go")
    return sum(1000 * float(re.findall(rf"^\| {row}: .*? \| (\S+) kB \|", told, re.MULTILINE)[0]) for row in rows)


def _mongodb_claims() -> dict[str, int]:
    """The size of each volume of a member, by its name, in GiB."""
    claims = _read("mongodb")["spec"]["statefulSet"]["spec"]["volumeClaimTemplates"]
    sizes = {each["metadata"]["name"]: each["spec"]["resources"]["requests"]["storage"] for each in claims}
    return {name: int(size.removesuffix("Gi")) for name, size in sizes.items()}


def _mongod() -> Any:
    [container] = _read("mongodb")["spec"]["statefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "mongod"
    return container


def test_mongodbs_volume_is_half_empty_when_a_cell_is_full() -> None:
    size = _mongodb_claims()["data-volume"] * _GIB
    assert 2 * (FULL * _mongodb_bytes_a_document() + _OPLOG * size) <= size


def test_mongods_log_leaves_half_of_its_volume_empty() -> None:
    rotated = _read("mongodb")["spec"]["agent"]["logRotate"]
    # The CRD has the size as a string, and what isn't rotated is never removed.
    log = rotated["numTotal"] * float(rotated["sizeThresholdMB"]) * 1024**2
    assert 2 * log <= _mongodb_claims()["logs-volume"] * _GIB


def test_mongods_cache_is_for_a_full_cell_and_no_more_than_mongod_itself_would_take() -> None:
    cache = _read("mongodb")["spec"]["additionalMongodConfig"]["storage.wiredTiger.engineConfig.cacheSizeGB"]
    assert cache / FULL >= _MEASURED[0] / _MEASURED[1]
    resources = _mongod()["resources"]
    # Half of what is beyond the first: MongoDB's own rule for what runs beside it, connections and sorts above all.
    assert cache <= (int(resources["limits"]["memory"].removesuffix("Gi")) - 1) / 2
    # What it fills it never gives back, so the node has to have it.
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert resources["requests"]["cpu"]


def test_keda_asks_where_nats_tells() -> None:
    asked = {
        trigger["metadata"]["natsServerMonitoringEndpoint"]
        for scaled in build("large").of_kind("ScaledObject").values()
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "nats-jetstream"
    }
    monitor = _read("nats")["config"]["monitor"]
    assert monitor["enabled"]
    assert asked == {f"nats-headless.connect-servers.svc.cluster.local:{monitor['port']}"}


def test_mongodb_is_a_set_of_three_where_a_service_has_its_own_database_alone(pod: Pod) -> None:
    spec = _read("mongodb")["spec"]
    assert (spec["type"], spec["members"]) == ("ReplicaSet", 3)
    [user] = [each for each in spec["users"] if each["name"] == pod.service]
    roles = {(role["name"], role["db"]) for role in user["roles"]}
    own = ("readWrite", pod.env[f"{pod.prefix}MONGO_DATABASE"])
    assert roles == {own, ("adds_only", AUDIT_DATABASE)} if pod.service == "catalog" else roles == {own}
    assert user["db"] == own[1]
