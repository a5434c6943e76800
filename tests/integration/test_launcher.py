"""The launcher keeps its word: one clear line where it cannot start, nothing left behind however it ends."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from pymongo import MongoClient

from deploy.local.credentials import load_or_make
from deploy.local.plan import Plan, PortReservation
from deploy.local.stack import Stack
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def port_base() -> Iterator[int]:
    reservation = PortReservation()
    yield reservation.port_base
    reservation.release()


class Launcher:
    """`python -m deploy.local up` in a process of its own; killed where the test leaves it running."""

    def __init__(self, run_dir: Path, *, port_base: int) -> None:
        self.run_dir = run_dir
        self._said, self._complained = run_dir.with_suffix(".out"), run_dir.with_suffix(".err")
        with self._said.open("w") as out, self._complained.open("w") as err:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "deploy.local", "--run-dir", str(run_dir)),
                    *("up", "--only", "nats", "--port-base", str(port_base)),
                ],
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    async def ready(self) -> None:
        """Returns when it has said where everything is."""
        await eventually(lambda: "endpoints.json" in self._said.read_text(), within=90)

    def ended(self) -> tuple[int, str]:
        """Waits for its end: exit status, and what it said on stderr."""
        status = self.process.wait(timeout=90)
        return status, self._complained.read_text()

    def stopped(self) -> tuple[int, str]:
        """Asks it to end; as `ended`."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    @property
    def _mark(self) -> str:
        return f"CONNECT_RUN_DIR={self.run_dir}"

    def left(self) -> list[str]:
        """Every process that still runs for this folder."""
        mark = self._mark.encode()
        return [folder.name for folder in Path("/proc").iterdir() if folder.name.isdigit() and _carries(folder, mark)]

    @contextmanager
    def deaf(self) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this folder, such as a server's child, that ignores what it can."""
        ignoring = ("env", self._mark, "sh", "-c", 'trap "" HUP INT TERM; echo ready; read forever')
        with subprocess.Popen(ignoring, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as deaf:
            assert deaf.stdout is not None
            assert deaf.stdout.readline() == b"ready\n"
            try:
                yield deaf
            finally:
                deaf.kill()


def _carries(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def test_a_taken_port_is_told_in_one_line(tmp_path: Path, port_base: int) -> None:
    taken = socket.create_server(("127.0.0.1", port_base + 4))
    with taken, Launcher(tmp_path / "run", port_base=port_base) as launcher:
        status, complaint = launcher.ended()
    assert status == 1
    assert complaint.count("\n") == 1
    assert f"Port {port_base + 4} (nats) is taken" in complaint


async def test_a_second_launcher_in_the_same_folder_is_refused_in_one_line(tmp_path: Path, port_base: int) -> None:
    with Launcher(tmp_path / "run", port_base=port_base) as first:
        await first.ready()
        with Launcher(tmp_path / "run", port_base=port_base) as second:
            status, complaint = second.ended()
        assert status == 1
        assert complaint.count("\n") == 1
        assert "already runs" in complaint
        assert first.process.poll() is None


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_outlives_the_launcher(tmp_path: Path, port_base: int, interruption: signal.Signals) -> None:
    with Launcher(tmp_path / "run", port_base=port_base) as launcher:
        await launcher.ready()
        assert launcher.left()
        launcher.process.send_signal(interruption)
        launcher.ended()
        await eventually(lambda: not launcher.left(), within=10)


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM])
async def test_nor_does_what_ignores_sigterm_outlive_it(
    tmp_path: Path, port_base: int, interruption: signal.Signals
) -> None:
    with Launcher(tmp_path / "run", port_base=port_base) as launcher:
        await launcher.ready()
        # One that supervisord would kill, and one that it knows nothing of.
        os.kill(int((launcher.run_dir / "pids" / "nats.pid").read_text()), signal.SIGSTOP)
        with launcher.deaf() as deaf:
            launcher.process.send_signal(interruption)
            # Ten seconds, of which the last is not needed, and two for a machine that has much else to do.
            assert deaf.wait(timeout=12) == -signal.SIGKILL
            launcher.ended()
            assert not launcher.left()


async def test_what_a_killed_supervisor_left_is_cleared_by_the_next_start(tmp_path: Path, port_base: int) -> None:
    with Launcher(tmp_path / "run", port_base=port_base) as first:
        await first.ready()
        os.kill(int((first.run_dir / "pids" / "supervisord.pid").read_text()), signal.SIGKILL)
        first.process.kill()
        first.ended()
        orphans = first.left()
    assert orphans
    with Launcher(tmp_path / "run", port_base=port_base) as second:
        await second.ready()
        assert not set(orphans) & set(second.left())
        assert second.stopped() == (0, "")


async def test_a_stack_keeps_its_data_when_it_moves_to_other_ports(tmp_path: Path) -> None:
    for expected in (0, 1):
        reservation = PortReservation()
        plan = Plan(run_dir=tmp_path, port_base=reservation.port_base, only=frozenset({"mongod"}))
        async with Stack(plan) as stack:
            url = stack.endpoints.services["upload"].env["UPLOAD_MONGO_URL"]
            with MongoClient[dict[str, Any]](url) as client:
                kept = client["upload"]["kept"]
                assert kept.count_documents({}) == expected
                kept.insert_one({})
        reservation.release()


async def test_secrets_can_be_read_by_their_owner_alone(tmp_path: Path, port_base: int) -> None:
    async with Stack(Plan(run_dir=tmp_path, port_base=port_base, only=frozenset({"nats"}))):
        pass
    secrets = [tmp_path / "endpoints.json", *(tmp_path / "secrets").rglob("*"), *(tmp_path / "etc").iterdir()]
    assert len(secrets) > 8
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_stack_keeps_its_secrets_and_shares_them_with_no_other(tmp_path: Path) -> None:
    first, again, other = (load_or_make(Plan(run_dir=tmp_path / name, port_base=8080)) for name in ("a", "a", "b"))
    assert first == again
    assert not set(first.nats.values()) & set(other.nats.values())
    assert first.s3_encryption_key != other.s3_encryption_key


async def test_servers_end_in_good_order_though_a_service_hangs(tmp_path: Path, port_base: int) -> None:
    plan = Plan(run_dir=tmp_path, port_base=port_base, only=frozenset({"mongod", "nats", "notify"}))
    async with Stack(plan):
        os.kill(int((plan.pids / "notify-1.pid").read_text()), signal.SIGSTOP)
    stopped = re.findall(r"stopped: (\S+) \((.*)\)", (plan.logs / "supervisord.log").read_text())
    assert ("notify-1", "terminated by SIGKILL") in stopped
    assert ("mongod", "exit status 0") in stopped
