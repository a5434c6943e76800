"""Each pod has what its service requires and nothing it doesn't know; secrets come from Secrets alone."""

import os
import subprocess
import sys
from pathlib import Path

from chassis.configuration import variables

from tests.deploy.manifests import KUBERNETES, Build, Pod
from tests.deploy.mounts import environment_of_pod


def test_the_service_finds_nothing_wrong_with_its_pod(pod: Pod, tmp_path: Path) -> None:
    module = pod.service.replace("-", "_")
    checked = subprocess.run(
        [sys.executable, "-m", module, "--check"],
        env={"PATH": os.defpath, **environment_of_pod(pod, tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_secrets_are_files_of_a_secret_and_nothing_else_is(pod: Pod) -> None:
    secret = {each.name for each in variables(pod.settings) if each.is_secret}
    required = {
        each.name for each in variables(pod.settings) if each.is_secret and each.default is None and not each.in_block
    }
    assert required <= pod.secret_keys()
    assert not secret & pod.env.keys()
    # Who somebody is belongs to the key or password it goes with.
    assert {name.rpartition("__")[2] for name in pod.secret_keys() - secret} <= {"ACCESS_KEY", "USERNAME"}


def test_no_secret_is_in_the_tree(built: Build) -> None:
    assert not built.of_kind("Secret")
    assert "secretGenerator" not in "".join(path.read_text(encoding="utf-8") for path in KUBERNETES.rglob("*.yaml"))
