"""The operator's commands in a cluster: they are those that there are, with what they need and no more."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from connect_ops import copies
from connect_ops.settings import OpsSettings
from connect_ops.telling import AGAIN, REFUSED
from contracts.streams import AUDIT, DOCUMENTS

from deploy.configuration import SERVICES
from deploy.local.provision_mongo import AUDIT_DATABASE
from tests.deploy.manifests import KUBERNETES, Build, Pod, build, build_with
from tests.deploy.mounts import environment_of_pod
from tests.support.ports import free_port

_BY_HAND, _BY_ITSELF = {"streams-apply", "connect-ops"}, {"verify", "backup-streams", "retention-due"}
_SETTINGS = "from connect_ops.settings import OpsSettings; OpsSettings()"


def _run(*command: str | Path, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def operated() -> Build:
    return build_with("operator")


@pytest.fixture(params=sorted(_BY_HAND | _BY_ITSELF))
def command(request: pytest.FixtureRequest, operated: Build) -> Pod:
    return operated.commands()[request.param]


def test_the_commands_find_all_their_settings(command: Pod, tmp_path: Path) -> None:
    read = _run(sys.executable, "-c", _SETTINGS, env=environment_of_pod(command, tmp_path), cwd=tmp_path)
    assert (read.returncode, read.stderr) == (0, "")


def test_what_is_asked_for_is_a_command(command: Pod, tmp_path: Path) -> None:
    if "command" in command.container:
        return  # a shell's
    asked = _run(sys.executable, "-m", "connect_ops", *command.container["args"], env={}, cwd=tmp_path)
    # It was understood, and then no setting was found.
    assert asked.stderr.startswith("Missing or wrong: CONNECT_OPS_NATS_URL, ")


def test_a_command_may_do_no_more_than_a_service(command: Pod, operated: Build) -> None:
    service = build("small").pods()["upload"]
    assert command.container["securityContext"] == service.container["securityContext"]
    assert command.spec["securityContext"] == service.spec["securityContext"]
    assert command.spec["automountServiceAccountToken"] is False
    assert command.spec["enableServiceLinks"] is False
    account = operated.of_kind("ServiceAccount")[command.spec["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False
    assert command.container["image"] == "connect-documents/connect-ops:1.0.0"


def test_a_command_reaches_what_its_settings_name_and_nothing_else(command: Pod, operated: Build) -> None:
    urls = [urlsplit(value) for value in command.env.values() if "://" in value]
    named = {f"{url.hostname}:{url.port or 443}" for url in urls} | {"mongo.connect-servers:27017"}
    allowed = {
        each["metadata"].get("annotations", {}).get("connect-documents/destination", each["metadata"]["name"])
        for each in operated.of_kind("NetworkPolicy").values()
        if "egress" in each["spec"] and command.is_selected(each["spec"]["podSelector"])
    }
    assert allowed == named | {"to-names"}


def test_only_what_looks_and_saves_runs_by_itself(operated: Build) -> None:
    jobs = operated.of_kind("CronJob")
    assert jobs.keys() == _BY_HAND | _BY_ITSELF
    assert {name for name, each in jobs.items() if not each["spec"].get("suspend")} == _BY_ITSELF
    assert {each["spec"]["timeZone"] for each in jobs.values()} == {"Etc/UTC"}
    assert {each["spec"]["concurrencyPolicy"] for each in jobs.values()} == {"Forbid"}


def test_a_job_that_hangs_or_finds_no_room_fails_before_the_next_is_due(operated: Build) -> None:
    """Else it is no failed Job, and none is begun beside it."""
    for name, each in operated.of_kind("CronJob").items():
        _minute, hour, *_ = each["spec"]["schedule"].split()
        deadline = each["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        assert 600 <= deadline < (3600 if hour == "*" else 86400), name


def test_every_document_has_its_night_within_as_many_as_the_operator_is_told(operated: Build) -> None:
    verify, job = operated.commands()["verify"], operated.of_kind("CronJob")["verify"]["spec"]
    assert "--night" in verify.container["args"]
    _minute, hour, *days = job["schedule"].split()
    assert days == ["*"] * 3
    # Tried again it is still the same day, whose documents are the same.
    assert (int(hour) + 1) * 3600 + job["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 86400
    nights = int(verify.env.get("CONNECT_OPS_VERIFY_NIGHTS", OpsSettings.model_fields["verify_nights"].default))
    for page in (KUBERNETES / "README.md", KUBERNETES.parents[1] / "docs" / "operations.md"):
        assert f"once in {nights} nights" in page.read_text(encoding="utf-8"), page


def test_the_pod_for_other_commands_has_its_hour(operated: Build) -> None:
    [word, seconds] = operated.commands()["connect-ops"].container["command"]
    assert (word, int(seconds)) == ("sleep", 3600)
    job = operated.of_kind("CronJob")["connect-ops"]["spec"]["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] > int(seconds)


def test_what_is_left_of_a_backup_that_was_stopped_goes_with_the_next(operated: Build) -> None:
    job = operated.of_kind("CronJob")["backup-streams"]["spec"]["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] + copies.NOBODY_WRITES.total_seconds() <= 3600


def test_what_runs_by_itself_confirms_nothing(operated: Build) -> None:
    for name in _BY_ITSELF:
        assert "--yes" not in " ".join(operated.commands()[name].container["args"])


def test_a_command_that_says_no_is_not_asked_until_it_says_yes(operated: Build) -> None:
    for each in operated.of_kind("CronJob").values():
        job = each["spec"]["jobTemplate"]["spec"]
        assert job["backoffLimit"] == 3
        [rule] = job["podFailurePolicy"]["rules"]
        [container] = job["template"]["spec"]["containers"]
        final = {"containerName": container["name"], "operator": "In", "values": [REFUSED, 2]}
        assert rule == {"action": "FailJob", "onExitCodes": final}


def test_who_plans_backups_reads_of_every_job_whether_it_runs_by_itself(operated: Build) -> None:
    told = (KUBERNETES.parents[1] / "docs" / "backup.md").read_text(encoding="utf-8")
    [paragraph] = [each for each in told.split("\n\n") if each.startswith("On Kubernetes")]
    scheduled, suspended = paragraph.split("; ", 1)
    jobs = operated.of_kind("CronJob")
    assert {name for name in jobs if f"`{name}`" in scheduled} == _BY_ITSELF
    assert {name for name in jobs if f"`{name}`" in suspended.partition("are suspended")[0]} == _BY_HAND


def test_the_streams_have_as_many_copies_as_there_are_servers(operated: Build) -> None:
    nats = yaml.safe_load((KUBERNETES / "servers" / "nats.yaml").read_text(encoding="utf-8"))
    asked = operated.commands()["streams-apply"].container["args"]
    assert asked == ["streams", "apply", "--replicas", str(nats["config"]["cluster"]["replicas"])]


def test_mongodbs_operator_writes_in_all_four_and_reads_the_journal(operated: Build) -> None:
    mongodb = yaml.safe_load((KUBERNETES / "servers" / "mongodb.yaml").read_text(encoding="utf-8"))
    [user] = [each for each in mongodb["spec"]["users"] if each["name"] == "ops"]
    databases = {pod.env[f"{pod.prefix}MONGO_DATABASE"] for pod in operated.pods().values()}
    assert len(databases) == len(SERVICES)
    roles = {(role["name"], role["db"]) for role in user["roles"]}
    assert roles == {("readWrite", each) for each in databases} | {("read", AUDIT_DATABASE)}


def test_a_backup_that_fails_takes_no_last_whole_copy_away_and_says_so(operated: Build, tmp_path: Path) -> None:
    """It makes room before it saves; here no broker answers, after a year in which none did."""
    saving = operated.commands()["backup-streams"]
    assert "command" not in saving.container
    backup, whole, interrupted = tmp_path / "backup", "2026-01-01T0010", "2026-01-01T011000.partial"
    for copy, files in ((whole, ("stream.tar.s2", "backup.json")), (interrupted, ("stream.tar.s2",))):
        (backup / copy / "CONNECT_DOCUMENTS").mkdir(parents=True)
        for file in files:
            (backup / copy / "CONNECT_DOCUMENTS" / file).write_text("{}", encoding="utf-8")
    for each in (backup / interrupted).rglob("*"):
        os.utime(each, (0, 0))
    os.utime(backup / interrupted, (0, 0))
    args = [each.replace("/backup", str(backup)) for each in saving.container["args"]]
    env = environment_of_pod(saving, tmp_path / "pod") | {"CONNECT_OPS_NATS_URL": f"nats://127.0.0.1:{free_port()}"}
    ended = _run(sys.executable, "-m", "connect_ops", *args, env=env, cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (AGAIN, 1)
    assert {path.name for path in backup.iterdir()} == {whole}


def test_who_plans_backups_reads_for_how_many_documents_the_volume_is(operated: Build) -> None:
    """All copies that stay and the one that is being written, each of what the streams hold of a document."""
    args = operated.commands()["backup-streams"].container["args"]
    at_once = sum(int(args[args.index(f"--keep-{every}") + 1]) for every in ("hourly", "daily")) + 1
    claim = operated.of_kind("PersistentVolumeClaim")["streams-backup"]
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    documents = size * 1024**3 / at_once / (1000 * _streams_kilobytes_a_document())
    told = (KUBERNETES.parents[1] / "docs" / "backup.md").read_text(encoding="utf-8")
    assert f"{size} GiB are for {int(documents / 10_000) * 10_000:,} documents" in told


def _streams_kilobytes_a_document() -> float:
    told = (KUBERNETES.parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
    streams = re.findall(r"^\| `CONNECT_(?:DOCUMENTS|AUDIT)`: .*? \| (\S+) kB \|", told, re.MULTILINE)
    assert len(streams) == len((DOCUMENTS, AUDIT))
    return sum(map(float, streams))
