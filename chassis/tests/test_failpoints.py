"""Failpoints: a port is itself without a folder, and its process dies once at each point with one."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chassis.errors import Unavailable
from chassis.failpoints import Failpoints

_SCRIPT = """
import asyncio, sys
from pathlib import Path
from chassis.failpoints import Failpoints

class Port:
    async def write(self): print("written", flush=True)

asyncio.run(Failpoints(Path(sys.argv[1]), service="s").at("Port", Port()).write())
"""


class _Port:
    bucket = "b"

    async def write(self, *, text: str) -> str:
        return text

    async def read(self) -> AsyncIterator[int]:
        yield 1
        yield 2

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[str]:
        yield "open"

    def sign(self) -> str:
        return "signed"


def _run(folder: Path) -> tuple[int, str]:
    ended = subprocess.run((sys.executable, "-c", _SCRIPT, str(folder)), check=False, capture_output=True, text=True)
    return ended.returncode, "written" if "written" in ended.stdout.splitlines() else ""


def test_without_a_folder_the_port_is_itself() -> None:
    port, points = _Port(), Failpoints(None, service="s")
    assert points.at("Port", port) is port
    assert not points.checks


async def test_a_port_does_with_points_what_it_does_without(tmp_path: Path) -> None:
    port = Failpoints(tmp_path, service="s").at("Port", _Port())
    assert port.bucket == "b"
    assert await port.write(text="x") == "x"
    assert [each async for each in port.read()] == [1, 2]
    async with port.opened() as given:
        assert given == "open"
    assert port.sign() == "signed"
    assert {each.name for each in (tmp_path / "s" / "steps").iterdir()} == {
        f"Port.{method}" for method in ("write", "read", "opened", "sign")
    }


def test_a_process_dies_before_a_call_and_after_it_and_then_lives(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("1.0 seed")
    assert _run(tmp_path) == (-signal.SIGKILL, "")
    assert _run(tmp_path) == (-signal.SIGKILL, "written")
    assert _run(tmp_path) == (0, "written")
    assert {each.name for each in (tmp_path / "s" / "deaths").iterdir()} == {
        "Port.write@start:before",
        "Port.write@start:after",
    }


@pytest.mark.parametrize(("share", "deaths"), [("0.0", 0), ("1.0", 2)])
async def test_the_share_says_how_many_points_are_died_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: str, deaths: int
) -> None:
    died: list[int] = []
    monkeypatch.setattr("chassis.failpoints.os.kill", lambda _, kind: died.append(kind))
    port = Failpoints(tmp_path, service="s").at("Port", _Port())
    (tmp_path / "share").write_text(f"{share} seed")
    for _ in range(2):
        await port.write(text="x")
    assert died == [signal.SIGKILL] * deaths


async def test_readiness_says_so_and_does_not_depend_on_it(tmp_path: Path) -> None:
    check = Failpoints(tmp_path, service="s").checks["failpoints"]
    assert not check.required
    with pytest.raises(Unavailable, match="failpoints_on"):
        await check.ask()
