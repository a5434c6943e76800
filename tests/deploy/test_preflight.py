"""What keeps the stack off a machine is told in one line, by `make` and by the launcher."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import preflight
from deploy.local.__main__ import main
from deploy.local.errors import StackError
from deploy.local.plan import Plan
from deploy.local.supervision import RunLock

ROOT = Path(__file__).parents[2]
FOUND = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f45c2b3e000)\n"
OLD = "/opt/mongod: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /opt/mongod)\n"


def _missing(*libraries: str) -> str:
    return "".join(f"\t{library} => not found\n" for library in libraries)


def _path_with(program: Path, script: str) -> str:
    """A PATH where this shell script is found first."""
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def _complaint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, out: str = FOUND, err: str = "") -> str:
    """What is said where `ldd` says this of mongod."""
    says = f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2"
    monkeypatch.setenv("PATH", _path_with(tmp_path / "bin" / "ldd", says))
    monkeypatch.setattr(preflight, "mongod_path", lambda: Path("/opt/mongod"))
    with pytest.raises(StackError) as told:
        preflight.check_machine(Plan(run_dir=tmp_path, port_base=19000))
    return str(told.value)


@pytest.mark.parametrize(
    ("system", "machine"), [("Linux", "riscv64"), ("Linux", "armv7l"), ("Linux", "i686"), ("Darwin", "arm64")]
)
def test_another_machine_is_told_in_one_line_and_nothing_is_begun(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: str,
    machine: str,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(sys, "platform", system.lower())
    monkeypatch.setattr(RunLock, "take", lambda _: pytest.fail("a start was begun"))
    monkeypatch.setattr(sys, "argv", ["deploy.local", "--run-dir", str(tmp_path), "up", "--only", "nats"])
    assert main() == 1
    said = capsys.readouterr()
    assert said.err == f"error: The local stack runs on Linux x86-64 and aarch64, not on {system} {machine}.\n"
    assert said.out == ""


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_machines_that_have_the_servers_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    preflight.check_machine(Plan(run_dir=tmp_path, port_base=19000))


def test_what_stops_the_servers_with_their_launcher_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(StackError, match=r"^setpriv is missing: apt-get install util-linux$"):
        preflight.check_machine(Plan(run_dir=tmp_path, port_base=19000))


@pytest.mark.parametrize(
    ("missing", "packages"),
    [
        (["libcurl.so.4"], "libcurl4"),
        (["libssl.so.3", "libcrypto.so.3"], "libssl3"),
        (["liblzma.so.5", "libcurl.so.4"], "libcurl4 liblzma5"),
        (["libunheard.so.1"], "libunheard.so.1"),
    ],
)
def test_libraries_that_mongod_misses_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: list[str], packages: str
) -> None:
    told = _complaint(monkeypatch, tmp_path, out=FOUND + _missing(*missing))
    assert told == f"mongod needs {', '.join(missing)}: apt-get install {packages}"


@pytest.mark.parametrize("out", [FOUND, FOUND + _missing("libssl.so.3", "libcrypto.so.3")])
def test_a_system_that_is_too_old_is_told_so_and_not_to_install_what_it_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    told = _complaint(monkeypatch, tmp_path, out=out, err=OLD)
    assert told == "mongod needs a newer system: Debian 12, Ubuntu 22.04 or later."


def test_a_stack_without_mongod_needs_none_of_its_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "mongod_path", lambda: pytest.fail("was looked for"))
    preflight.check_machine(Plan(run_dir=tmp_path, port_base=19000, only=frozenset({"nats"})))


def _make(folder: Path, machine: str) -> tuple[int, list[str]]:
    """Makes the virtual environment where `uname` says this and there is no Python: exit status, what it complained."""
    system, architecture = machine.split()
    path = _path_with(folder / "bin" / "uname", f'[ "$1" = -s ] && echo {system} || echo {architecture}')
    # An outer `make test` is none of its business.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    venv = folder / "venv"
    made = subprocess.run(
        ["make", "--no-print-directory", f"VENV={venv}", "PYTHON=", f"{venv}/.made"],
        cwd=ROOT,
        env={**outside, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not venv.exists()
    return made.returncode, [line for line in made.stderr.splitlines() if not line.startswith("make: ")]


@pytest.mark.needs("make")
@pytest.mark.parametrize("machine", ["Darwin arm64", "Linux riscv64", "FreeBSD amd64"])
def test_make_says_in_one_line_that_it_cannot_run_on_another_machine(tmp_path: Path, machine: str) -> None:
    status, said = _make(tmp_path, machine)
    assert status != 0
    assert said == [f"error: the local stack runs on Linux x86-64 and aarch64, not on {machine}"]


@pytest.mark.needs("make")
@pytest.mark.parametrize("machine", ["Linux x86_64", "Linux aarch64"])
def test_make_asks_for_python_where_there_is_none_that_is_new_enough(tmp_path: Path, machine: str) -> None:
    status, said = _make(tmp_path, machine)
    assert status != 0
    assert said == ["error: Python 3.11 or later is needed: apt-get install python3.11 python3.11-venv"]
