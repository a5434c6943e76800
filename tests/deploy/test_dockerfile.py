"""The one Dockerfile: its steps, followed in an empty folder, make a service that starts, and no more than that."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.dockerfile import ROOT, Replay, entrypoint, stages
from tests.deploy.manifests import build, build_with
from tests.deploy.mounts import environment_of_pod

# Packages are fetched and unpacked, on a slow machine too.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=["catalog", "ged-mover"])
def replay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Two services' images, the second one with what traces need."""
    arguments = {"SERVICE": request.param, "TRACING": "yes" if request.param == "ged-mover" else ""}
    replay = Replay(tmp_path_factory.mktemp("image"), arguments)
    replay.run()
    return replay


def test_the_image_holds_a_service_that_is_content_with_its_pod(replay: Replay, tmp_path: Path) -> None:
    pod = build("small").pods()[replay.service]
    checked = subprocess.run(
        [replay.prefix / "bin" / entrypoint()[0], "--check"],
        env={**environment_of_pod(pod, tmp_path), "PATH": replay.settings["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_whole_service_stands_on_the_pinned_requirements(replay: Replay, tmp_path: Path) -> None:
    module = replay.service.replace("-", "_")
    asked = f"import {module}.main, os; print(os.path.dirname({module}.__file__))"
    told = subprocess.run(
        [replay.prefix / "bin" / "python", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    package = Path(told.stdout.strip())
    assert package.is_relative_to(replay.prefix)
    if module == "catalog":
        assert {"portal.js", "style.css"} <= {path.name for path in (package / "static").iterdir()}


@pytest.mark.parametrize("replay", ["catalog"], indirect=True)
def test_the_catalogs_image_does_what_compose_does_once(replay: Replay, tmp_path: Path) -> None:
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for command, status in (("prepare", 0), ("nothing", 2)):
        done = subprocess.run(
            [replay.prefix / "bin" / "python", "-m", "deploy.compose", command],
            cwd=tmp_path,
            env={"CONFIG_DIR": str(tmp_path / "config")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (status, "")
    assert (tmp_path / "config" / "etc" / "nats.conf").is_file()


@pytest.mark.parametrize("replay", ["connect-ops"], indirect=True)
def test_the_operators_image_has_the_commands(replay: Replay, tmp_path: Path) -> None:
    pod = build_with("operator").commands()["verify"]
    shown = subprocess.run(
        [replay.prefix / "bin" / entrypoint()[0], *pod.container["args"], "--help"],
        env={**environment_of_pod(pod, tmp_path), "PATH": replay.settings["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: connect-ops verify ")
    # As somebody in the pod calls them.
    assert (replay.prefix / "bin" / "connect-ops").is_file()


def test_traces_are_sent_where_the_image_was_built_for_them_and_else_a_line_says_so(
    replay: Replay, tmp_path: Path
) -> None:
    pod = build("small").pods()[replay.service]
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    checked = subprocess.run(
        [replay.prefix / "bin" / entrypoint()[0], "--check"],
        env={**environment_of_pod(pod, tmp_path), "PATH": replay.settings["PATH"], **asked},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if replay.service == "ged-mover":
        assert (checked.returncode, checked.stderr) == (0, "")
    else:
        [line] = checked.stderr.splitlines()
        assert checked.returncode == 1
        assert line.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")


def test_what_builds_the_packages_is_not_in_the_image(replay: Replay) -> None:
    installed = {path.name for path in next(replay.prefix.glob("lib/python*/site-packages")).iterdir()}
    assert "chassis" in installed
    assert not {"hatchling", "pytest", "tests"} & installed


def test_the_last_stage_has_no_compiler_and_no_root() -> None:
    last = stages()[-1]
    assert last.image == stages()[1].image
    ran = [words for instruction, words in last.steps if instruction == "RUN"]
    assert ran == ["install -d -m 1777 $SCRATCH"]
    [user] = [words for instruction, words in last.steps if instruction == "USER"]
    pod = build("small").pods()["upload"].spec["securityContext"]
    assert user == f"{pod['runAsUser']}:{pod['runAsGroup']}"


def test_every_base_image_is_one_version_and_no_other_tomorrow() -> None:
    assert all(re.fullmatch(r"(python|node):\d+\.\d+\.\d+-slim(-[a-z]+)?", stage.image) for stage in stages())


def test_every_requirement_is_checked_by_its_hash() -> None:
    installs = [w for stage in stages() for _, words in stage.steps for w in words.split("&&") if "pip install" in w]
    assert installs
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_only_what_is_named_is_given_to_a_build() -> None:
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    taken = {line.removeprefix("!").partition("/")[0] for line in lines if line.startswith("!")}
    copied = {
        word.partition("/")[0]
        for stage in stages()
        for instruction, words in stage.steps
        if instruction == "COPY" and "--from" not in words
        for word in words.split()[:-1]
    }
    assert taken == copied
