"""What is written of the servers goes with what is written of the services."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from contracts.streams import AUDIT, DOCUMENTS

from deploy.accounts import PASSWORDS, accounts_of
from deploy.local.provision_mongo import AUDIT_DATABASE
from tests.deploy.manifests import KUBERNETES, Pod, build, large_stream


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
